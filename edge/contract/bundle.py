"""A bundle: a folder with a model and all that is needed to run it and to trust it.

    model.tflite  model.json (the card)  provenance.csv  golden/*.png  SHA256SUMS
    [model_edgetpu.tflite]  [SHA256SUMS.sig]

SHA256SUMS lists every other file, in the format of `sha256sum`; its own SHA-256 is the bundle's digest. So a
change of one byte anywhere, in SHA256SUMS too, is found, and `sha256sum -c SHA256SUMS` agrees. SHA256SUMS.sig says who
made the bundle (edge.contract.signature); it is not listed, and signing does not change the digest.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.contract.card import Card, decode_card
from edge.contract.keys import SigningKey
from edge.contract.signature import PublicKey, Signature, check_signature, decode_signature, encode_signature
from edge.contract.storage import new_folder, write_file
from edge.errors import BundleError, UsageError

MODEL, CARD, PROVENANCE, SUMS = "model.tflite", "model.json", "provenance.csv", "SHA256SUMS"
SIGNATURE = f"{SUMS}.sig"
COMPILED = "model_edgetpu.tflite"
"""The model as `okng edgetpu` compiled it; a bundle may have it beside the other."""
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose digests hold. `model` is the model file's content as it was checked.

    `signature` is what its file says, None where there is none; `signer` is the trusted key that did sign it, None
    where no keys were given to check against.
    """

    path: Path
    digest: str
    card: Card
    model: bytes
    signature: Signature | None = None
    signer: PublicKey | None = None
    compiled: bytes | None = None
    """The model compiled for the Edge TPU, None where the bundle has none."""

    @property
    def short(self) -> str:
        """The digest's first 12 places, for people."""
        return self.digest[:12]


def read_bundle(path: Path, trusted: Sequence[PublicKey] = ()) -> Bundle:
    """Checks every file against SHA256SUMS and reads the card. Raises BundleError, naming the file.

    With `trusted` keys the signature comes first: of a bundle that none of them signed, nothing else is looked at.
    """
    listing, signature = _read(path / SUMS), _read_signature(path)
    signer = check_signature(path, listing, signature, trusted) if trusted else None
    contents: dict[str, bytes] = {}
    for name, expected in _parse_sums(path / SUMS, listing).items():
        contents[name] = _read(path / name)
        if hashlib.sha256(contents[name]).hexdigest() != expected:
            raise BundleError(f"{path / name}: not the file this bundle was made with; copy the bundle again")
    _refuse_strangers(path, set(contents))
    for name in (MODEL, CARD):
        if name not in contents:
            raise BundleError(f"{path / SUMS}: does not list {name}; this is no whole bundle")
    card = decode_card(contents[CARD], str(path / CARD))
    for golden in card.golden:
        if golden.file not in contents:
            raise BundleError(f"{path / CARD}: golden frame {golden.file} is not in the bundle")
    digest = hashlib.sha256(listing).hexdigest()
    return Bundle(path, digest, card, contents[MODEL], signature, signer, contents.get(COMPILED))


def write_bundle(out: Path, files: Mapping[str, bytes], key: SigningKey | None = None) -> None:
    """`files` (relative name to content), their SHA256SUMS and its signature at `out`, whole or not at all."""
    with new_folder(out) as folder:
        for name, data in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
        (folder / SUMS).write_text(sums)
        if key:
            (folder / SIGNATURE).write_bytes(encode_signature(key.sign(sums.encode())))


def sign_bundle(path: Path, key: SigningKey) -> Bundle:
    """Signs the bundle at `path`, in place of an earlier signature. The digests must hold: raises BundleError."""
    listing = _read(path / SUMS)
    bundle = read_bundle(path)
    if hashlib.sha256(listing).hexdigest() != bundle.digest:
        raise BundleError(f"{path}: changed while it was being signed; start again")
    try:
        write_file(path / SIGNATURE, encode_signature(key.sign(listing)))
    except OSError as error:
        raise UsageError(f"{path / SIGNATURE}: cannot be written: {error.strerror}") from None
    return read_bundle(path, [key.public])


def _parse_sums(path: Path, listing: bytes) -> dict[str, str]:
    *lines, last = listing.decode("ascii", errors="replace").split("\n")
    matches = [_LINE.fullmatch(line) for line in lines]
    if last or not matches or not all(matches):
        raise BundleError(f"{path}: damaged; copy the bundle again")
    sums = {match[2]: match[1] for match in matches if match}
    if len(sums) != len(lines) or any(part in {"..", "."} for name in sums for part in name.split("/")):
        raise BundleError(f"{path}: damaged; copy the bundle again")
    return sums


def _refuse_strangers(path: Path, listed: set[str]) -> None:
    found = {str(file.relative_to(path)) for file in path.rglob("*") if not file.is_dir()}
    if strangers := sorted(found - listed - {SUMS, SIGNATURE}):
        raise BundleError(f"{path / strangers[0]}: does not belong to this bundle; remove it or copy the bundle again")


def _read_signature(path: Path) -> Signature | None:
    if not os.path.lexists(path / SIGNATURE):
        return None
    return decode_signature(_read(path / SIGNATURE), str(path / SIGNATURE))


def _read(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device may never end
            raise BundleError(f"{path}: is not a file; copy the bundle again")
        return path.read_bytes()
    except OSError as error:
        hint = "is this a bundle?" if path.name == SUMS else "copy the bundle again"
        raise BundleError(f"{path}: cannot be read: {error.strerror}; {hint}") from None
