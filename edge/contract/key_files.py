"""Files of keys: private ones are their owner's alone (0600), and none is ever overwritten."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from edge.contract.signature import LARGEST_KEY_FILE
from edge.contract.storage import sync_folder
from edge.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


def check_name(name: str) -> None:
    """Raises UsageError when no key may be called that."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r}: a key's name is 1 to 40 of A-Z a-z 0-9 _ -")


def openness(path: Path, found: os.stat_result) -> str:
    """Why a private file is none; empty when its owner alone can read it."""
    mode = stat.S_IMODE(found.st_mode)
    return f"{path}: others can read it (mode {mode:04o}); chmod 600 {path}" if mode & 0o077 else ""


def read_private(path: Path) -> bytes:
    """A private key's file. Raises UsageError when it cannot be read, or others can read it too."""
    try:
        with path.open("rb") as file:
            if problem := openness(path, os.fstat(file.fileno())):
                raise UsageError(problem)
            return file.read(LARGEST_KEY_FILE)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def names_in(folder: Path, *suffixes: str) -> list[str]:
    """Names of keys with files of these suffixes; none where there is no folder. Raises UsageError."""
    try:
        return sorted({path.stem for path in folder.iterdir() if path.suffix in suffixes})
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror}") from None


def make_folder(folder: Path) -> None:
    """Makes a folder of keys, its owner's alone, where there is none. Raises UsageError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made: {error.strerror}") from None


def write_new(path: Path, data: bytes, mode: int) -> None:
    """`data` at `path`, with that mode from its first moment on. Raises UsageError when something is there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise UsageError(f"{path}: is already there; a key is never overwritten: name another") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written: {error.strerror}; nothing was kept") from None
