"""Who did what at the page, and when: a line of JSON each, in a file that its owner alone can read.

Decisions are in the station's journal too, with the name; this has besides who signed in and out, wrong PINs, and
whatever else the wire has no name for.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from edge.errors import UsageError

log = logging.getLogger(__name__)

LARGEST_BYTES = 5_000_000
"""Then the file goes to NAME.1, that one to NAME.2, and so on: about 40,000 lines each."""
KEPT = 9


class Audit:
    """Call it with who and what. Raises UsageError when the file cannot be written at the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._append(b"")
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}; name another with --log") from None

    def __call__(self, who: str, did: str, **details: object) -> None:
        """One line, on the disk when this returns; where that fails, it is at least in the program's own log."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "who": who, "did": did, **details}
        text = json.dumps(line, ensure_ascii=False)
        try:
            self._append(f"{text}\n".encode())
        except OSError as error:
            log.error("%s: cannot be written: %s: %s", self._path, error.strerror, text)

    def _append(self, data: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, data)
            os.fsync(descriptor)
            full = os.fstat(descriptor).st_size > LARGEST_BYTES
        finally:
            os.close(descriptor)
        if full:
            self._turn()

    def _turn(self) -> None:
        for number in range(KEPT, 0, -1):
            older = self._numbered(number - 1) if number > 1 else self._path
            if older.exists():
                older.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
