"""Who made a bundle: an ed25519 signature (RFC 8032) of its SHA256SUMS, and the public keys that are trusted.

    SHA256SUMS.sig      one line: ed25519 FINGERPRINT SIGNATURE

FINGERPRINT is the SHA-256, in hex, of the public key's DER form (RFC 8410), SIGNATURE the 64 bytes in base64. The
signature covers SHA256SUMS as it is, so openssl can check it too; the bundle's digest does not change by it.
Public keys and signatures are parsed here and nowhere else; the package cryptography sees only their raw bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import BundleError, UsageError

LARGEST_KEY_FILE = 16 * 1024
_DER = bytes.fromhex("302a300506032b6570032100")
"""What precedes the 32 bytes of an ed25519 public key in DER (RFC 8410, section 4)."""
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----\r?\n([A-Za-z0-9+/]{59}=)\r?\n-----END PUBLIC KEY-----\s*")
_LINE = re.compile(rb"ed25519 ([0-9a-f]{64}) ([A-Za-z0-9+/]{86}==)\n")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An ed25519 public key, 32 bytes, and where it was read from."""

    raw: bytes
    name: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the key's DER form, in hex."""
        return hashlib.sha256(_DER + self.raw).hexdigest()

    @property
    def short(self) -> str:
        """The fingerprint's first 16 places, for people."""
        return self.fingerprint[:16]


@dataclass(frozen=True, slots=True)
class Signature:
    """What SHA256SUMS.sig says: whose key, by its fingerprint, and the 64 bytes it made. Nothing of it is proven."""

    fingerprint: str
    value: bytes

    @property
    def short(self) -> str:
        """The fingerprint's first 16 places, for people."""
        return self.fingerprint[:16]


def encode_public_key(raw: bytes) -> bytes:
    """PEM, as openssl writes it."""
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(_DER + raw) + b"\n-----END PUBLIC KEY-----\n"


def decode_public_key(data: bytes, name: str) -> PublicKey:
    """The key in a PEM file. Raises UsageError when it is no ed25519 public key."""
    if b"PRIVATE KEY-----" in data:
        raise UsageError(f"{name}: is a private key; name the public one, NAME.pub")
    match = _PEM.fullmatch(data.strip())
    der = _decoded(match[1]) if match else b""
    if not der.startswith(_DER):
        raise UsageError(f"{name}: not an ed25519 public key in PEM; make one with `okng keys make`")
    return PublicKey(der.removeprefix(_DER), name)


def read_public_key(path: Path) -> PublicKey:
    """The public key in the file at `path`. Raises UsageError."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_KEY_FILE)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    return decode_public_key(data, str(path))


def encode_signature(signature: Signature) -> bytes:
    """The content of SHA256SUMS.sig."""
    return b"ed25519 %s %s\n" % (signature.fingerprint.encode(), base64.b64encode(signature.value))


def decode_signature(data: bytes, name: str) -> Signature:
    """Raises BundleError when `data` is no signature, to the last bit."""
    match = _LINE.fullmatch(data)
    value = _decoded(match[2]) if match else b""
    if not match or not value:
        raise BundleError(f"{name}: damaged; copy the bundle again, or have it signed again")
    return Signature(match[1].decode(), value)


def check_signature(path: Path, listing: bytes, signature: Signature | None, trusted: Sequence[PublicKey]) -> PublicKey:
    """The key among `trusted` that signed `listing`, the SHA256SUMS of the bundle at `path`. Raises BundleError."""
    keys = ", ".join(f"{key.short} ({key.name})" for key in trusted)
    if signature is None:
        raise BundleError(f"{path}: is not signed; trusted are only bundles signed by {keys}")
    signers = [key for key in trusted if key.fingerprint == signature.fingerprint]
    if not signers:
        raise BundleError(f"{path}: is signed by {signature.short}, which is not trusted; trusted: {keys}")
    if not _holds(signers[0].raw, listing, signature.value):
        raise BundleError(
            f"{path}: the signature by {signature.short} does not fit its SHA256SUMS: the bundle was changed after it "
            "was signed; copy it again"
        )
    return signers[0]


def _holds(key: bytes, listing: bytes, value: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(value, listing)
    except (InvalidSignature, ValueError):
        return False
    return True


def _decoded(text: bytes) -> bytes:
    """Empty when it is no base64, or not the one way to write its bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
    return data if base64.b64encode(data) == text else b""
