"""Keys of the wire (CurveZMQ): NAME.wire-secret, its owner's alone (0600), and NAME.wire-public, to give away.

Both are ZeroMQ certificates (ZPL), as czmq and pyzmq read them: keys in Z85, 40 characters (rfc.zeromq.org, 32).
They say who may connect; keys that sign bundles are another kind (edge/contract/keys.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from edge.contract.key_files import check_name, make_folder, names_in, openness, read_private, write_new
from edge.errors import UsageError

SECRET, PUBLIC = ".wire-secret", ".wire-public"
WIRE = "wire"
"""The kind of key that connects."""
LARGEST_FILE = 4096
_KEY = re.compile(r"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


@dataclass(frozen=True, slots=True)
class WireKey:
    """A pair: `public` names its owner, `secret` proves it."""

    public: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """What a client needs: its own pair, and the station's public key, so that it talks to no other."""

    own: WireKey
    station: str

    @classmethod
    def read(cls, own: Path | str, station: Path | str) -> ClientKeys:
        """From the client's NAME.wire-secret and the station's NAME.wire-public. Raises UsageError."""
        return cls(read_wire_key(Path(own)), read_public(Path(station)))

    @classmethod
    def of_station(cls, path: Path) -> ClientKeys:
        """Those of the station itself: whoever can read its NAME.wire-secret acts as the station. Raises UsageError."""
        own = read_wire_key(path)
        return cls(own, own.public)


def make_wire_key(folder: Path, name: str) -> WireKey:
    """Writes a new pair into `folder`, which is made where it is absent.

    Raises UsageError when either file is there already, or the folder cannot be written; then neither is left behind.
    """
    check_name(name)
    public, secret = (half.decode() for half in zmq.curve_keypair())
    make_folder(folder)
    public_path = folder / f"{name}{PUBLIC}"
    write_new(public_path, _certificate({"public-key": public}), 0o644)
    try:
        write_new(folder / f"{name}{SECRET}", _certificate({"public-key": public, "secret-key": secret}), 0o600)
    except UsageError:
        public_path.unlink(missing_ok=True)
        raise
    return WireKey(public, secret)


def read_wire_key(path: Path) -> WireKey:
    """The pair at `path`. Raises UsageError: it cannot be read, others can read it, it is no such key."""
    data = read_private(path)
    secret = _find(path, data, "secret-key")
    public = _find(path, data, "public-key")
    if zmq.curve_public(secret.encode()).decode() != public:
        raise UsageError(f"{path}: its two keys are not a pair; the file is damaged")
    return WireKey(public, secret)


def read_public(path: Path) -> str:
    """The public key at `path`. Raises UsageError: it cannot be read, it is none."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    return _find(path, data, "public-key")


def is_key(text: str) -> bool:
    """Whether it is a key in Z85."""
    return _KEY.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class WireKeyEntry:
    """One name in a folder of keys. `problem` says why it cannot be used, and is empty where it can."""

    name: str
    public: str
    secret: bool
    problem: str = ""


def list_wire_keys(folder: Path) -> list[WireKeyEntry]:
    """The keys of the wire in `folder`, by name. Raises UsageError when it cannot be read."""
    return [_entry(folder, name) for name in names_in(folder, SECRET, PUBLIC)]


def _entry(folder: Path, name: str) -> WireKeyEntry:
    secret = folder / f"{name}{SECRET}"
    try:
        public = read_public(folder / f"{name}{PUBLIC}")
    except UsageError as error:
        return WireKeyEntry(name, "", secret.exists(), str(error))
    return WireKeyEntry(name, public, secret.exists(), openness(secret, secret.stat()) if secret.exists() else "")


def _certificate(keys: dict[str, str]) -> bytes:
    lines = [f'    {name} = "{key}"\n' for name, key in keys.items()]
    return "".join(["# A key of the wire: https://rfc.zeromq.org/spec/26\n", "metadata\n", "curve\n", *lines]).encode()


def _find(path: Path, data: bytes, name: str) -> str:
    found = re.findall(rf'^\s*{name}\s*=\s*"([^"\n]*)"\s*$', data.decode("utf-8", "replace"), re.MULTILINE)
    if len(found) != 1 or not is_key(found[0]):
        raise UsageError(f"{path}: has no {name} of the wire; make a pair with `okng keys new`")
    return str(found[0])
