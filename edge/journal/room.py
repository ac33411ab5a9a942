"""Room on the disk: some of it held in reserve, since on a full disk even removing things needs a little."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edge.journal.failures import is_full
from edge.journal.retention import Retention

RESERVE_BYTES = 2 << 20
"""More than the database takes to grow by what its log may hold (LOG_PAGES), and the log to note what goes."""
MARGIN_BYTES = 64 << 20
"""So much is made free at once, or a hundredth of a small disk; twice as much free ends the fault."""
ROW_BYTES = 16_384
"""More than a row with its map takes in database and log."""


class Room:
    """The file `reserve` in a journal's folder, and what is wrong with the disk while it is full. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._reserve = folder, folder / "reserve"
        self._images_lost = False
        self.fault = ""
        """Why the disk is a fault, for people; empty while it is not."""
        if self._disk().free < RESERVE_BYTES:  # the database cannot even be opened on a full disk
            self._release()

    def for_images(self, wanted: int, retention: Retention) -> bool:
        """Has the oldest images go until `wanted` bytes and a margin should be free; False when none may."""
        self._say()
        if not retention.images_may_go():  # then the reserve is for the rows
            return False
        self._release()
        retention.restart_log()
        missing = wanted + RESERVE_BYTES + self._margin() - self._disk().free
        until = retention.image_bytes - missing
        removed = retention.drop_images(missing)
        while removed and retention.image_bytes > until and retention.drop_images(retention.image_bytes - until):
            pass
        self._hold()
        return removed > 0

    def for_rows(self, retention: Retention) -> bool:
        """Has the oldest rows make place in the database, which may not grow then; False when none may go.

        Where none may, it grows into the reserve first.
        """
        self._say()
        released = self._release()
        retention.restart_log()
        if retention.drop_rows():
            retention.may_grow(False)
            return True
        return retention.may_grow(True) or released

    def images_lost(self) -> None:
        """Until there is room, new images are not kept."""
        self._images_lost = True
        self._say()

    def look(self, retention: Retention) -> None:
        """Takes the reserve again; when twice the room is there that `for_images` makes, the trouble is over."""
        if not self._hold():
            self._say()
            return
        retention.may_grow(True)
        if self.fault and self._disk().free >= 2 * (self._margin() + RESERVE_BYTES):
            self.fault, self._images_lost = "", False

    def _say(self) -> None:
        went = "new images are not kept" if self._images_lost else "the oldest images go to make room"
        self.fault = f"{self._folder}: the disk is full, {went}; free space, or allow the journal less than it has"

    def _release(self) -> bool:
        """Gives the reserve up; False when it was not held."""
        held = self._reserve.exists()
        self._reserve.unlink(missing_ok=True)
        return held

    def _margin(self) -> int:
        return min(self._disk().total // 100, MARGIN_BYTES)

    def _disk(self) -> shutil._ntuple_diskusage:
        return shutil.disk_usage(self._folder)

    def _hold(self) -> bool:
        """Takes the reserve; False when the disk has not got it."""
        if self._reserve.exists():
            return True
        descriptor = os.open(self._reserve, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
        except OSError as error:
            self._reserve.unlink()
            if not is_full(error):
                raise
            return False
        finally:
            os.close(descriptor)
        return True
