"""The one place where errors of SQLite and of the file system become JournalError, with what to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import JournalError

_FULL = "the disk is full; free space, and okng goes on"
_NOT_WRITABLE = "cannot be written; make it writable for the user okng runs as, or name another folder"
_DAMAGED = "is damaged or not a journal; move it away to keep it, and okng starts a new one"

_SQLITE_ADVICE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _NOT_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that it exists and that this user may read and write it",
    sqlite3.SQLITE_PERM: _NOT_WRITABLE,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_IOERR: "the disk does not take or give what it should; check disk and cabling (see dmesg)",
    sqlite3.SQLITE_BUSY: "another program holds the database; close it",
}
_OS_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _NOT_WRITABLE,
    errno.EACCES: _NOT_WRITABLE,
    errno.EPERM: _NOT_WRITABLE,
    errno.ENOTDIR: "is not a folder; name another folder",
    errno.EEXIST: "is not a folder; name another folder",
}


@contextmanager
def journal_errors(place: Path) -> Iterator[None]:
    """Inside, sqlite3.Error and OSError become a JournalError of one line that names `place` and says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(_line(place, _SQLITE_ADVICE.get(primary_code(error)), str(error))) from error
    except OSError as error:
        found = Path(error.filename) if isinstance(error.filename, str) else place
        raise JournalError(_line(found, _OS_ADVICE.get(error.errno or 0), error.strerror or str(error))) from error


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without its extension; 0 when Python raised the error itself."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_full(error: BaseException) -> bool:
    """The disk, or this user's share of it, is full."""
    if isinstance(error, sqlite3.Error):
        return primary_code(error) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def is_damaged(error: BaseException) -> bool:
    """The database is not what SQLite wrote."""
    return isinstance(error, sqlite3.Error) and primary_code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _line(place: Path, advice: str | None, said: str) -> str:
    said = " ".join(said.split())
    return f"{place}: {advice} ({said})" if advice else f"{place}: the journal cannot be kept: {said}"
