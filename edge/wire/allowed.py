"""Who may connect to a station, and as what: a file of public keys, read again whenever it has changed.

TOML, a table for each key: `[gateway]`, `role = "viewer"`, `key = "..."`.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
from enum import StrEnum
from pathlib import Path

import msgspec

from edge.contract.key_files import check_name
from edge.contract.storage import write_file
from edge.contract.typed import decode_toml
from edge.errors import UsageError
from edge.wire.keys import is_key

log = logging.getLogger(__name__)


class Role(StrEnum):
    """What a client may do; each may do what the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"

    def covers(self, needed: Role) -> bool:
        """Whether it may do what needs that role."""
        return [*Role].index(self) >= [*Role].index(needed)


class Allowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One client: its role, and its public key in Z85."""

    role: Role
    key: str

    def __post_init__(self) -> None:
        if not is_key(self.key):
            raise ValueError("a key has 40 characters of Z85")


def read_allowed(path: Path) -> dict[str, Allowed]:
    """By name. Raises UsageError: it cannot be read, others can write it, it is damaged, it has a key twice."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if mode & 0o022:
        raise UsageError(f"{path}: others can write it (mode {mode:04o}); chmod go-w {path}")
    try:
        found = decode_toml(data, dict[str, Allowed])
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}; mend it, or make it anew with `okng keys allow`") from None
    for name in found:
        check_name(name)
    if len({each.key for each in found.values()}) < len(found):
        raise UsageError(f"{path}: a key is there under two names; `okng keys revoke` one of them")
    return found


def write_allowed(path: Path, found: dict[str, Allowed]) -> None:
    """Replaces the file, whole or not at all. Raises UsageError when it cannot be written."""
    tables = [f'[{name}]\nrole = "{each.role}"\nkey = "{each.key}"\n' for name, each in sorted(found.items())]
    try:
        write_file(path, "\n".join(tables).encode())
        path.chmod(0o644)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


class AllowList:
    """That file, watched: every question is answered by it as it is now. May be asked from any thread.

    A file that cannot be used any more lets nobody in but the station itself.
    """

    def __init__(self, path: Path, own: str) -> None:
        """`own`: the station's public key; whoever has its secret is the station. Raises as `read_allowed` does."""
        self._path, self._own = path, own
        self._guard = threading.Lock()
        self._seen = self._stamp()
        self._roles = _roles(read_allowed(path))
        self._revocations = 0

    def role(self, key: str) -> Role | None:
        """Of the client with that public key; None when it may not connect."""
        if key == self._own:
            return Role.ENGINEER
        with self._guard:
            self._look()
            return self._roles.get(key)

    @property
    def revocations(self) -> int:
        """Grows whenever somebody who might connect no longer may."""
        with self._guard:
            self._look()
            return self._revocations

    def _look(self) -> None:
        stamp = self._stamp()
        if stamp == self._seen:
            return
        try:
            roles = _roles(read_allowed(self._path))
        except UsageError as error:
            log.error("nobody may connect: %s", error)
            roles = {}
        self._revocations += bool(self._roles.keys() - roles.keys())
        self._seen, self._roles = stamp, roles

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _roles(found: dict[str, Allowed]) -> dict[str, Role]:
    return {each.key: each.role for each in found.values()}
