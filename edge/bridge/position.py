"""How far a peer has taken the results: the id of the last one, in a small file that is whole or not there."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from edge.contract.storage import write_file
from edge.errors import UsageError, WireError
from edge.wire.requests import parse_after

EVERY_S = 1.0
"""The file is written no more often: what came since is sent twice when the bridge dies."""
TROUBLED_S = 60.0
"""Until the next attempt, where it cannot be written."""
LARGEST_FILE = 200

_log = logging.getLogger(__name__)


class Position:
    """`after` is the id of the last result that the peer has, empty when there is none yet."""

    def __init__(self, file: Path) -> None:
        """Reads `file`, where it is there. Raises UsageError when it cannot be read or holds no id."""
        self._file, self._due = file, 0.0
        self.after = self._kept = _read(file)

    def move(self, after: str) -> None:
        """The peer has all up to this one; an empty one changes nothing."""
        self.after = after or self.after
        if time.monotonic() >= self._due:
            self.keep()

    def keep(self) -> None:
        """Writes the file now, where it is behind. A disk that does not take it is logged: the bridge goes on."""
        if self.after == self._kept:
            return
        self._due = time.monotonic() + EVERY_S
        try:
            write_file(self._file, f"{self.after}\n".encode())
            self._kept = self.after
        except OSError as error:
            self._due += TROUBLED_S
            _log.warning("%s: cannot be written: %s; results may be sent twice", self._file, error.strerror)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST_FILE)
    except FileNotFoundError:
        return _beginning(file)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    after = data.decode("utf-8", "replace").strip()
    try:
        parse_after(after)
    except WireError as error:
        raise UsageError(f"{file}: {error}; remove the file, and the bridge begins with the next result") from None
    return after


def _beginning(file: Path) -> str:
    if not file.absolute().parent.is_dir():
        raise UsageError(f"{file}: its folder is not there; make it, or name another file with --position")
    return ""
