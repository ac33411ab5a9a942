"""The journal: images first, then their rows in one transaction; acknowledged only when both are on the disk."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edge.contract.lifetime import Closing
from edge.contract.types import Decision
from edge.errors import JournalError, UsageError
from edge.journal.failures import journal_errors, primary_code
from edge.journal.folder import FolderLock, make_folder
from edge.journal.images import ImageStore, StoredImage
from edge.journal.reader import JournalReader
from edge.journal.rows import Decided, Entry, Recorded, Row, decided, parse_id, text, values
from edge.journal.schema import FILE, open_writer, transaction

_BY_REQUEST = """
    SELECT boot_id, sequence, decision, operator, reason AS decision_reason, request_id, decided_ns
    FROM decisions WHERE request_id = ?
"""


class Journal(Closing):
    """One station's record, open for writing by one okng.

    Threads: `record` and `decide` share one connection behind a lock, so each may be called from any thread, and
    one waits while the other writes. `find`, `rows`, `count` and `reader` read over a connection of their own and
    hold up no writer. A JournalError means that nothing of that call was acknowledged: publish nothing of it.
    """

    def __init__(self, folder: Path, station: str, clock: Callable[[], int]) -> None:
        """See `open`."""
        self.folder = folder
        self._clock = clock
        self._guard = threading.Lock()
        self._images = ImageStore(folder)
        self._lock = FolderLock(folder)
        try:
            self._connection = open_writer(folder / FILE)
            try:
                self._sweep()
                self.boot_id = self._boot(station)
                self.reader = JournalReader(folder)
            except BaseException:
                self._connection.close()
                raise
        except BaseException:
            self._lock.close()
            raise

    @classmethod
    def open(cls, folder: Path, *, station: str, clock: Callable[[], int] = time.time_ns) -> Journal:
        """Makes `folder` (0700) if absent, takes it for this process, brings the database up to date, and boots.

        `clock` gives Unix time in nanoseconds. Raises JournalError: another okng runs on the folder; it is full,
        read-only or not a folder; the database is damaged, of a newer okng or of another program.
        """
        folder = folder.absolute()
        with journal_errors(folder):
            make_folder(folder)
            with journal_errors(folder / FILE):
                return cls(folder, station, clock)

    def record(self, entries: Sequence[Entry]) -> list[Recorded]:
        """All of `entries`, on the disk with their images when this returns, in the same order.

        Raises JournalError when they cannot be kept, or when one is of another boot or already there: then none
        of them is in the journal.
        """
        if not entries:
            return []
        with self._guard, journal_errors(self.folder):
            self._refuse_wrong(entries)
            images: list[StoredImage] = []
            try:
                recorded = [self._acknowledgement(entry, images) for entry in entries]
                rows = [values(entry, done) for entry, done in zip(entries, recorded, strict=True)]
                with transaction(self._connection):
                    self._connection.executemany(_insert(rows[0]), rows)
            except Exception as error:
                self._take_back(images, error)
                raise
        return recorded

    def decide(self, inspection_id: str, decision: Decision, operator: str, reason: str, request_id: str) -> Decided:
        """Adds an operator's decision, on the disk when this returns; the latest one on an inspection counts.

        The same request again gives the same answer and adds nothing. Raises UsageError when no inspection has
        that id, or when `request_id` was used for another decision; JournalError when it cannot be written.
        """
        wanted = (inspection_id, decision, text(operator), text(reason), request_id)
        with self._guard, journal_errors(self.folder / FILE), transaction(self._connection):
            found = self._connection.execute(_BY_REQUEST, (request_id,)).fetchone()
            if found:
                return _same(decided(found), wanted)
            key = self._key(inspection_id)
            answer = Decided(*wanted, decided_ns=self._clock())
            self._connection.execute(
                "INSERT INTO decisions (request_id, boot_id, sequence, decision, operator, reason, decided_ns) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (request_id, *key, decision.value, answer.operator, answer.reason, answer.decided_ns),
            )
        return answer

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
            self.reader.close()
            self._connection.close()
            self._lock.close()

    def _boot(self, station: str) -> str:
        """A boot id that the journal has never had."""
        with transaction(self._connection):
            taken = {found[0] for found in self._connection.execute("SELECT boot_id FROM boots")}
            boot_id = secrets.token_hex(4)
            while boot_id in taken:
                boot_id = secrets.token_hex(4)
            self._connection.execute("INSERT INTO boots VALUES (?, ?, ?)", (boot_id, text(station), self._clock()))
        return boot_id

    def _sweep(self) -> None:
        """Removes the images that the last boot wrote and did not live to write the rows of."""
        last = self._connection.execute("SELECT boot_id FROM boots ORDER BY rowid DESC LIMIT 1").fetchone()
        if last is None:
            return
        query = "SELECT image_path FROM inspections WHERE boot_id = ? AND sequence >= ? AND image_path IS NOT NULL"
        first, found = self._images.newest(last[0])
        known = {each[0] for each in self._connection.execute(query, (last[0], first))}
        self._images.sweep([path for path in found if path not in known])

    def _refuse_wrong(self, entries: Sequence[Entry]) -> None:
        """Before any image is written, so that none of a kept inspection is ever overwritten."""
        seen: set[int] = set()
        query = "SELECT 1 FROM inspections WHERE boot_id = ? AND sequence = ?"
        for inspection in (entry.inspection for entry in entries):
            if inspection.boot_id != self.boot_id:
                raise JournalError(f"inspection {inspection.id} is not of this boot, {self.boot_id}")
            known = self._connection.execute(query, (inspection.boot_id, inspection.sequence)).fetchone()
            if known or inspection.sequence in seen:
                raise JournalError(f"inspection {inspection.id} is in the journal already")
            seen.add(inspection.sequence)

    def _acknowledgement(self, entry: Entry, images: list[StoredImage]) -> Recorded:
        """Writes the entry's image, and adds it to `images`."""
        inspection, image = entry.inspection, None
        if entry.image is not None:
            image = self._images.write(inspection.boot_id, inspection.sequence, entry.suffix, entry.image)
            images.append(image)
        return Recorded(inspection.id, inspection.boot_id, inspection.sequence, self._clock(), image)

    def _take_back(self, images: Sequence[StoredImage], error: Exception) -> None:
        """After an I/O error in the commit the rows may yet turn up at the next start: then their images must too."""
        if isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_IOERR:
            return
        for image in images:
            self._images.remove(image)

    def _key(self, inspection_id: str) -> tuple[str, int]:
        key = parse_id(inspection_id)
        query = "SELECT 1 FROM inspections WHERE boot_id = ? AND sequence = ?"
        if key is None or self._connection.execute(query, key).fetchone() is None:
            raise UsageError(f"no inspection {inspection_id!r} in the journal")
        return key


def _insert(columns: Mapping[str, object]) -> str:
    return f"INSERT INTO inspections ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)})"


def _same(earlier: Decided, wanted: tuple[str, Decision, str, str, str]) -> Decided:
    """The earlier answer, if it answers what is asked now."""
    inspection_id, decision, operator, reason, request_id = wanted
    if earlier != Decided(inspection_id, decision, operator, reason, request_id, earlier.decided_ns):
        raise UsageError(f"request {request_id!r} was already used, for another decision; send it with a new id")
    return earlier
