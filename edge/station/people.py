"""Who may sign in to the page, as what, by which PIN or token: a file that its owner alone can read.

TOML, a table for each person: `["Ann"]`, `role = "operator"`, `secret = "scrypt:..."`. Secrets are hashed (RFC 7914).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
from pathlib import Path

import msgspec

from edge.contract.key_files import make_folder, openness, write_new
from edge.contract.storage import sync_folder
from edge.contract.typed import decode_toml
from edge.errors import UsageError
from edge.wire.allowed import Role

log = logging.getLogger(__name__)

SHORTEST_PIN, LONGEST_PIN, LONGEST_NAME = 6, 200, 60
COST, BLOCK = 2**14, 8
"""scrypt's N and r: 16 MiB and about 50 ms for each guess."""


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person: what they may do, and the hash of their PIN or token."""

    role: Role
    secret: str = msgspec.field()

    def __post_init__(self) -> None:
        if self.role is Role.VIEWER:
            raise ValueError("whoever is not signed in is a viewer: role is operator or engineer")
        if len(_parts(self.secret)) != 2:
            raise ValueError("secret is none that `okng people set` made")


def check_person(name: str, pin: str) -> None:
    """Raises UsageError when nobody may be called that, or the PIN is too easy."""
    if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(f"{name!r}: a name is 1 to {LONGEST_NAME} printable characters, with no space at its ends")
    if not SHORTEST_PIN <= len(pin) <= LONGEST_PIN or not pin.isprintable():
        raise UsageError(f"a PIN or token is {SHORTEST_PIN} to {LONGEST_PIN} printable characters")
    if len(set(pin)) < 3:
        raise UsageError("this PIN is easily guessed: it needs at least three different characters")


def hashed(pin: str) -> str:
    """What the file has of a PIN: a salt and the hash, from which it cannot be read back."""
    salt = secrets.token_bytes(16)
    return f"scrypt:{salt.hex()}:{_hash(pin, salt).hex()}"


def matches(secret: str, pin: str) -> bool:
    """Whether it is the PIN of that hash; takes as long either way."""
    salt, known = _parts(secret)
    return hmac.compare_digest(_hash(pin, salt), known)


def read_people(path: Path) -> dict[str, Person]:
    """By name; empty where there is no such file. Raises UsageError: others can read it, it is damaged."""
    try:
        with path.open("rb") as file:
            if problem := openness(path, os.fstat(file.fileno())):
                raise UsageError(problem)
            return decode_toml(file.read(), dict[str, Person])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}; mend it, or make it anew with `okng people set`") from None


def write_people(path: Path, people: dict[str, Person]) -> None:
    """Replaces the file, whole or not at all, its owner's alone from its first moment. Raises UsageError."""
    tables = [
        f'[{json.dumps(name, ensure_ascii=False)}]\nrole = "{each.role}"\nsecret = "{each.secret}"\n'
        for name, each in sorted(people.items())
    ]
    partial = path.with_name(f".{path.name}.partial")
    make_folder(path.parent)
    try:
        partial.unlink(missing_ok=True)
        write_new(partial, "\n".join(tables).encode(), 0o600)
        partial.rename(path)
        sync_folder(path.absolute().parent)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


class People:
    """That file, watched: every question is answered by it as it is now. One that cannot be used lets nobody in."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError as `read_people` does."""
        self._path = path
        self._seen, self._known = self._stamp(), read_people(path)

    @property
    def known(self) -> dict[str, Person]:
        """By name."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._known = read_people(self._path)
            except UsageError as error:
                log.error("nobody may sign in: %s", error)
                self._known = {}
        return self._known

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _hash(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=COST, r=BLOCK, p=1, dklen=32)


def _parts(secret: str) -> tuple[bytes, ...]:
    kind, _, rest = secret.partition(":")
    try:
        return tuple(bytes.fromhex(each) for each in rest.split(":")) if kind == "scrypt" else ()
    except ValueError:
        return ()
