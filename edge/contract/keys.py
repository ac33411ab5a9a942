"""Keys that sign bundles: NAME.key, the private key, its owner's alone (0600), and NAME.pub, to give away.

Both are PEM: PKCS8, with a passphrase or without (RFC 5958), and SubjectPublicKeyInfo. The keys of the wire are another
kind (edge/wire/keys.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.contract.key_files import check_name, make_folder, names_in, openness, read_private, write_new
from edge.contract.signature import PublicKey, Signature, encode_public_key, read_public_key
from edge.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PRIVATE, PUBLIC = ".key", ".pub"
SIGNING = "signing"
"""The kind of key that signs bundles."""
LONGEST_PASSPHRASE = 1023

Passphrase = Callable[[], bytes]
"""Asked for only where one is needed."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One name in a folder of keys. `problem` says why it cannot be used, and is empty where it can."""

    name: str
    kind: str
    public: PublicKey | None
    private: bool
    problem: str = ""


@dataclass(frozen=True)
class SigningKey:
    """A private key, read and ready to sign."""

    public: PublicKey
    _key: Ed25519PrivateKey

    def sign(self, listing: bytes) -> Signature:
        """The signature of a bundle's SHA256SUMS; the same each time."""
        return Signature(self.public.fingerprint, self._key.sign(listing))


def make_key(folder: Path, name: str, passphrase: bytes = b"") -> PublicKey:
    """Writes a new pair of signing keys, NAME.key and NAME.pub, into `folder`, which is made where it is absent.

    Raises UsageError when either is there already, or the folder cannot be written; then neither is left behind.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    check_name(name)
    if len(passphrase) > LONGEST_PASSPHRASE:
        raise UsageError(f"a passphrase of {len(passphrase)} bytes; openssl takes at most {LONGEST_PASSPHRASE}")
    key = Ed25519PrivateKey.generate()
    lock = form.BestAvailableEncryption(passphrase) if passphrase else form.NoEncryption()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock)
    raw = key.public_key().public_bytes_raw()
    private_path, public_path = folder / f"{name}{PRIVATE}", folder / f"{name}{PUBLIC}"
    make_folder(folder)
    write_new(public_path, encode_public_key(raw), 0o644)
    try:
        write_new(private_path, private, 0o600)
    except UsageError:
        public_path.unlink(missing_ok=True)
        raise
    return PublicKey(raw, str(public_path))


def read_signing_key(path: Path, passphrase: Passphrase) -> SigningKey:
    """The private key at `path`. Raises UsageError: others can read it, it is no such key, the passphrase is wrong."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = read_private(path)
    locked = b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in data
    secret = passphrase() if locked else None
    try:
        key = load_pem_private_key(data, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        why = "wrong passphrase, or damaged" if locked else "not an ed25519 private key in PEM, or damaged"
        raise UsageError(f"{path}: {why}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: a private key, but not of ed25519; make one with `okng keys make`")
    return SigningKey(PublicKey(key.public_key().public_bytes_raw(), str(path)), key)


def list_keys(folder: Path) -> list[KeyEntry]:
    """What is in `folder`, by name; a damaged one has its problem. Raises UsageError when it cannot be read."""
    return [_entry(folder, name) for name in names_in(folder, PRIVATE, PUBLIC)]


def _entry(folder: Path, name: str) -> KeyEntry:
    private = folder / f"{name}{PRIVATE}"
    try:
        public = read_public_key(folder / f"{name}{PUBLIC}")
    except UsageError as error:
        return KeyEntry(name, "", None, private.exists(), str(error))
    if not private.exists():
        return KeyEntry(name, SIGNING, public, False)
    return KeyEntry(name, SIGNING, public, True, openness(private, private.stat()))
