"""The journal: images first, then their rows in one transaction; acknowledged only when both are on the disk."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from edge.contract.events import Event
from edge.contract.lifetime import Closing
from edge.contract.statistics import Point
from edge.contract.triggers import PassedOver
from edge.contract.types import Decision, Signal, plain
from edge.journal.book import Book, Station
from edge.journal.damage import set_aside, set_aside_before
from edge.journal.decisions import Wanted
from edge.journal.failures import is_damaged, is_full, journal_errors
from edge.journal.folder import FolderLock, make_folder
from edge.journal.log import Noted
from edge.journal.reader import JournalReader
from edge.journal.retention import Bounds
from edge.journal.room import ROW_BYTES, Room
from edge.journal.rows import Decided, Entry, Recorded, Row, Shadowed
from edge.journal.schema import FILE

log = logging.getLogger(__name__)
T = TypeVar("T")

NO_BOUNDS = Bounds()


class Journal(Closing):
    """One station's record, open for writing by one okng.

    Threads: `record`, `decide`, `settle` and `tidy` share one connection behind a lock, so each may be called from any
    thread, and one waits while another writes. `find`, `rows`, `count` and `reader` read over a connection of their own
    and hold up no writer. A JournalError means that nothing of that call was acknowledged: publish nothing of it.

    On a full disk the oldest images go to make room (see `retention`); then new ones are not kept; then the oldest
    rows go. A database that proves damaged is set aside and a new one begun. `faults` says so while it lasts.
    """

    def __init__(self, folder: Path, station: Station) -> None:
        """See `open`."""
        self.folder = folder
        self._station = station
        self._guard = threading.Lock()
        self._over = ""
        self._lock = FolderLock(folder)
        try:
            self._room = Room(folder)
            self._book = self._first_book()
            self.boot_id = self._book.boot_id
            self._room.look(self._book.retention)
        except BaseException:
            self._lock.close()
            raise

    @classmethod
    def open(
        cls, folder: Path, *, station: str, settings: bytes = b"", bounds: Bounds = NO_BOUNDS,
        clock: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> Journal:  # fmt: skip
        """Makes `folder` (0700) if absent, takes it for this process, brings the database up to date, and boots.

        `settings` are those that all its inspections are made with, as JSON; `bounds` what `tidy` works towards;
        `clock` gives Unix time in nanoseconds, `monotonic` one that nobody sets. Raises JournalError: another okng runs
        on the folder; it is full, read-only or not a folder; the database is of a newer okng or of another program.
        """
        folder = folder.absolute()
        with journal_errors(folder):
            make_folder(folder)
            with journal_errors(folder / FILE):
                return cls(folder, Station(station, settings, bounds, clock, monotonic))

    @property
    def reader(self) -> JournalReader:
        """Of the database as it is now; another one once a damaged one was replaced."""
        return self._book.reader

    @property
    def faults(self) -> dict[str, str]:
        """What is wrong with the journal now, by name, for people; one that is over is empty."""
        aside = set_aside_before(self.folder)
        damaged = (
            f"a damaged journal was set aside as {aside[-1].name}, and a new one begun; mend it or take it away"
            if aside
            else ""
        )
        return {"journal_damaged": damaged, "disk_full": self._room.fault, "journal_over": self._over}

    def record(self, entries: Sequence[Entry]) -> list[Recorded]:
        """All of `entries`, on the disk when this returns, in the same order, each with its image where it has one.

        On a full disk where no older image may go, the new ones are not kept. Raises JournalError when they cannot
        be kept, or when one is of another boot or already there: then none of them is in the journal.
        """
        if not entries:
            return []
        wanted = sum(len(image) for entry in entries for image in entry.images) + ROW_BYTES * len(entries)
        with self._guard, journal_errors(self.folder):
            try:
                return self._insist(lambda: self._book.record(entries), lambda: self._room_for_images(wanted))
            except (sqlite3.Error, OSError) as error:
                if not is_full(error):
                    raise
            self._room.images_lost()
            bare = [replace(entry, image=None, others=()) for entry in entries]
            return self._insist(lambda: self._book.record(bare), lambda: self._room.for_rows(self._book.retention))

    def settle(self) -> None:
        """Call it when nothing waits to be recorded: what would hold up one of the next records is done now.

        That is to bring the write-ahead log into the database, which syncs both. Raises JournalError.
        """
        with self._guard, journal_errors(self.folder / FILE):
            self._insist(lambda: self._book.settle(), self._make_room)

    def tidy(self) -> None:
        """One step of what keeps the journal within its bounds and the disk from filling up; call it every second.

        Raises JournalError.
        """
        with self._guard, journal_errors(self.folder):
            self._over = self._insist(lambda: self._book.retention.tidy(), self._make_room)
            self._room.look(self._book.retention)

    def protect(self, inspections: Sequence[str], *, on: bool = True) -> None:
        """See `edge.journal.protect.protect`."""
        with self._guard, journal_errors(self.folder / FILE):
            self._insist(lambda: self._book.protect(inspections, on), self._make_room)

    def pass_over(self, triggers: Sequence[PassedOver]) -> None:
        """Keeps triggers that were not taken, on the disk when this returns. Raises JournalError."""
        with self._guard, journal_errors(self.folder / FILE):
            self._insist(lambda: self._book.pass_over(triggers), self._make_room)

    def remember(self, bundle: str, memory: str, points: Sequence[Point] = ()) -> None:
        """Keeps what process control remembers of a bundle, with all that was recorded so far, and what it found of it.

        `bundle` is a digest, followed by a space and a recipe's name where there is one. Raises JournalError.
        """
        with self._guard, journal_errors(self.folder / FILE):
            self._insist(lambda: self._book.remember(bundle, memory, points), self._make_room)

    def note(self, event: Event) -> Noted:
        """Keeps what happened beside inspections, on the disk when this returns. Raises JournalError."""
        with self._guard, journal_errors(self.folder / FILE):
            return self._insist(lambda: self._book.note(event), self._make_room)

    def compare(self, found: Sequence[Shadowed]) -> None:
        """Counts what a shadow bundle said of recorded inspections, and keeps disagreements. Raises JournalError."""
        with self._guard, journal_errors(self.folder / FILE):
            self._insist(lambda: self._book.compare(found), self._make_room)

    def decide(
        self, inspection_id: str, decision: Decision, operator: str, reason: str, request_id: str,
        *, code: str = "", replaces: str | None = None,
    ) -> Decided:  # fmt: skip
        """Adds an operator's decision, on the disk when this returns; the latest one on an inspection counts.

        `replaces` is the request id of the decision that the operator knew to stand, empty for none; None: whatever
        stands. The same request again gives the same answer and adds nothing. Raises UsageError when no inspection has
        that id, or when `request_id` was used for another decision; DecidedMeanwhile when another one stands than
        `replaces`; JournalError when it cannot be written.
        """
        wanted = Wanted(inspection_id, decision, plain(operator), plain(reason), request_id, plain(code), replaces)
        with self._guard, journal_errors(self.folder / FILE):
            return self._insist(lambda: self._book.decide(wanted), self._make_room)

    def signalled(self, request_id: str, signal: Signal) -> None:
        """Keeps what a decision, by its request id, told the line. Raises JournalError."""
        with self._guard, journal_errors(self.folder / FILE):
            self._insist(lambda: self._book.signalled(request_id, signal), self._make_room)

    def withdraw(self, decision: str, operator: str, request_id: str) -> Decided:
        """Takes back the decision of that request id: the one before it stands again, or none does.

        Both stay on record. The same request again gives the same answer. Raises UsageError when there is no such
        decision, or `request_id` was used for something else; DecidedMeanwhile when it does not stand;
        JournalError when it cannot be written.
        """
        with self._guard, journal_errors(self.folder / FILE):
            return self._insist(lambda: self._book.withdraw(decision, plain(operator), request_id), self._make_room)

    def find(self, inspection_id: str) -> Row | None:
        """See `JournalReader.find`."""
        return self.reader.find(inspection_id)

    def rows(
        self, boot_id: str | None = None, after_sequence: int = 0, *, after_number: int = 0, limit: int = 1000
    ) -> list[Row]:
        """See `JournalReader.rows`."""
        return self.reader.rows(boot_id, after_sequence, after_number=after_number, limit=limit)

    def count(self) -> int:
        """See `JournalReader.count`."""
        return self.reader.count()

    def close(self) -> None:
        """Waits for a write in progress, then lets the folder go. May be called twice."""
        with self._guard:
            self._book.close()
            self._lock.close()

    def _first_book(self) -> Book:
        try:
            return Book(self.folder, self._station)
        except sqlite3.Error as error:
            if not is_damaged(error):
                raise
            return self._new_book(error)

    def _new_book(self, error: BaseException, boot_id: str = "") -> Book:
        """What follows a database that proved damaged; it is set aside."""
        place = set_aside(self.folder, self._station.clock())
        log.error("%s: the journal is damaged (%s); set aside as %s, a new one is begun", self.folder, error, place)
        return Book(self.folder, self._station, boot_id)

    def _insist(self, write: Callable[[], T], make_room: Callable[[], object]) -> T:
        """`write`, again while the disk is full and room can be made, and once after a damaged database was replaced.

        Raises the last error, of SQLite or of the file system.
        """
        replaced = False
        while True:
            try:
                return write()
            except (sqlite3.Error, OSError) as error:
                if is_damaged(error) and not replaced:
                    replaced = True
                    self._book.close()
                    self._book = self._new_book(error, self.boot_id)
                elif not (is_full(error) and make_room()):
                    raise

    def _room_for_images(self, wanted: int) -> bool:
        return self._room.for_images(wanted, self._book.retention)

    def _make_room(self) -> bool:
        return self._room_for_images(0) or self._room.for_rows(self._book.retention)
