"""One open database and its images, while nothing is wrong with disk or file: `journal` sees to what is."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from edge.contract.events import Event
from edge.contract.recipe import Recipe
from edge.contract.statistics import Point
from edge.contract.triggers import PassedOver
from edge.contract.typed import decode_json
from edge.contract.types import Signal, plain
from edge.errors import JournalError
from edge.journal.beside import NEWEST, write_points, write_untaken
from edge.journal.decisions import Wanted, write_decision, write_signal, write_withdrawal
from edge.journal.failures import primary_code
from edge.journal.images import ImageStore, StoredImage
from edge.journal.log import Noted, write_event, write_shadowed
from edge.journal.protect import mark
from edge.journal.reader import JournalReader
from edge.journal.retention import Bounds, Retention
from edge.journal.rows import Decided, Entry, Recorded, Shadowed, values
from edge.journal.schema import FILE, open_writer, transaction

COMMITS = 12
"""Of results, after which `settle` has something to do: a few pages each, well below `LOG_PAGES` together."""


@dataclass(frozen=True, slots=True)
class Station:
    """Whose record it is: its name, its settings as JSON, what the journal may hold, and its clocks."""

    name: str
    settings: bytes
    bounds: Bounds
    clock: Callable[[], int]
    monotonic: Callable[[], int] = time.monotonic_ns

    @property
    def recipe(self) -> str:
        """Digest of the settings; empty when there are none."""
        return _digest(self.settings)

    def settings_with(self, recipe: Recipe | None) -> bytes:
        """The settings of a station that inspects by a recipe, as JSON."""
        if recipe is None:
            return self.settings
        return msgspec.json.encode(decode_json(self.settings or b"{}", dict[str, Any]) | {"recipe": recipe.record()})


class Book:
    """One thread at a time. All of it raises sqlite3.Error and OSError too; what failed is taken back."""

    def __init__(self, folder: Path, station: Station, boot_id: str = "") -> None:
        """`boot_id` is this boot's own in a database that follows a damaged one; else a new one is drawn."""
        self._station, self._clock = station, station.clock
        self._images = ImageStore(folder)
        self._connection = open_writer(folder / FILE)
        self._recipe: tuple[Recipe | None, str] = (None, station.recipe)
        self._readings: dict[bytes, str] = {b"": ""}
        """Digests of those that are in the database."""
        self._newest = 0
        """The highest sequence number that was recorded."""
        self._commits = 0
        """Since the log was brought into the database."""
        try:
            self._sweep()
            self.retention = Retention(self._connection, self._images, station.bounds, station.clock, station.monotonic)
            self.boot_id = self._boot(boot_id)
            self.reader = JournalReader(folder)
        except BaseException:
            self._connection.close()
            raise

    def record(self, entries: Sequence[Entry]) -> list[Recorded]:
        """See `Journal.record`."""
        self._refuse_wrong(entries)
        recorded = [self._acknowledgement(entry) for entry in entries]
        images = [image for done in recorded for image in done.images]
        try:
            self._images.write(zip(images, (image for entry in entries for image in entry.images), strict=True))
            new = {each: _digest(each) for each in {entry.reading for entry in entries} if each not in self._readings}
            readings = self._readings | new if new else self._readings
            with transaction(self._connection):
                for reading, digest in new.items():
                    query = "INSERT OR IGNORE INTO readings VALUES (?, ?)"
                    self._connection.execute(query, (digest, reading.decode()))
                rows = [
                    values(entry, done, self._settings_of(entry.inspection.recipe), readings[entry.reading])
                    for entry, done in zip(entries, recorded, strict=True)
                ]
                self._connection.executemany(_insert(tuple(rows[0])), [tuple(row.values()) for row in rows])
                if others := list(_others(entries, recorded)):
                    self._connection.executemany("INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?)", others)
        except Exception as error:
            self._recipe = (None, self._station.recipe)  # its settings were taken back too
            self._take_back(images, error)
            raise
        self._readings = readings
        self.retention.added(len(rows), sum(image.size for image in images))
        self._newest = max(self._newest, *(done.sequence for done in recorded))
        self._commits += 1
        return recorded

    def settle(self) -> None:
        """See `Journal.settle`."""
        if self._commits >= COMMITS:
            self._commits = 0
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def decide(self, wanted: Wanted) -> Decided:
        """See `Journal.decide`."""
        with transaction(self._connection):
            return write_decision(self._connection, wanted, self._clock())

    def signalled(self, request_id: str, signal: Signal) -> None:
        """See `Journal.signalled`."""
        with transaction(self._connection):
            write_signal(self._connection, request_id, signal)

    def withdraw(self, decision: str, operator: str, request_id: str) -> Decided:
        """See `Journal.withdraw`."""
        with transaction(self._connection):
            return write_withdrawal(self._connection, decision, operator, request_id, self._clock())

    def protect(self, inspections: Sequence[str], on: bool) -> None:
        """See `Journal.protect`."""
        with transaction(self._connection):
            mark(self._connection, inspections, self._clock() if on else None)

    def pass_over(self, triggers: Sequence[PassedOver]) -> None:
        """See `Journal.pass_over`."""
        with transaction(self._connection):
            write_untaken(self._connection, self.boot_id, triggers, self._clock())

    def remember(self, bundle: str, memory: str, points: Sequence[Point]) -> None:
        """See `Journal.remember`."""
        now_ns = self._clock()
        with transaction(self._connection):
            self._connection.execute(
                f"INSERT OR REPLACE INTO control SELECT ?, ?, {NEWEST}, ?", (bundle, memory, now_ns)
            )
            write_points(self._connection, self.boot_id, bundle, points, now_ns)

    def note(self, event: Event) -> Noted:
        """See `Journal.note`."""
        with transaction(self._connection):
            return write_event(self._connection, self.boot_id, event, self._clock())

    def compare(self, found: Sequence[Shadowed]) -> None:
        """See `Journal.compare`."""
        with transaction(self._connection):
            write_shadowed(self._connection, found)

    def close(self) -> None:
        """May be called twice."""
        self.reader.close()
        self._connection.close()

    def _boot(self, boot_id: str) -> str:
        """Begins a boot, under an id that the journal has never had."""
        with transaction(self._connection):
            taken = {found[0] for found in self._connection.execute("SELECT boot_id FROM boots")}
            boot_id = boot_id or secrets.token_hex(4)
            while boot_id in taken:
                boot_id = secrets.token_hex(4)
            now_ns = self._clock()
            self._connection.execute("INSERT INTO boots VALUES (?, ?, ?)", (boot_id, plain(self._station.name), now_ns))
            if self._station.settings:
                self._keep_settings(self._station.settings, now_ns)
        return boot_id

    def _settings_of(self, recipe: Recipe | None) -> str:
        """Digest of what a recipe's inspections are made with, which is kept within the caller's transaction."""
        if recipe is None:
            return self._station.recipe
        if recipe is not self._recipe[0]:
            settings = self._station.settings_with(recipe)
            self._keep_settings(settings, self._clock())
            self._recipe = (recipe, _digest(settings))
        return self._recipe[1]

    def _keep_settings(self, settings: bytes, now_ns: int) -> None:
        found = (_digest(settings), settings.decode(), now_ns)
        self._connection.execute("INSERT OR IGNORE INTO recipes VALUES (?, ?, ?)", found)

    def _sweep(self) -> None:
        """Removes the images that the last boot wrote and did not live to write the rows of."""
        last = self._connection.execute("SELECT boot_id FROM boots ORDER BY rowid DESC LIMIT 1").fetchone()
        if last is None:
            return
        query = """
            SELECT image_path FROM inspections WHERE boot_id = ?1 AND sequence >= ?2 AND image_path IS NOT NULL
            UNION SELECT path FROM frames WHERE boot_id = ?1 AND sequence >= ?2
        """
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
            known = (
                inspection.sequence <= self._newest
                and self._connection.execute(query, (inspection.boot_id, inspection.sequence)).fetchone()
            )
            if known or inspection.sequence in seen:
                raise JournalError(f"inspection {inspection.id} is in the journal already")
            seen.add(inspection.sequence)

    def _acknowledgement(self, entry: Entry) -> Recorded:
        """What is said of the entry once it is on the disk."""
        inspection, image, others = entry.inspection, None, []
        if entry.image is not None:
            place = (inspection.boot_id, inspection.sequence, entry.suffix)
            image = self._images.place(*place, entry.image)
            others = [self._images.place(*place, each.image, each.position) for each in entry.others]
        return Recorded(inspection.id, inspection.boot_id, inspection.sequence, self._clock(), image, tuple(others))

    def _take_back(self, images: Sequence[StoredImage], error: Exception) -> None:
        """After an I/O error in the commit the rows may yet turn up at the next start: then their images must too."""
        if isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_IOERR:
            return
        for image in images:
            self._images.remove(image)


def _digest(settings: bytes) -> str:
    return sha256(settings).hexdigest() if settings else ""


def _others(entries: Sequence[Entry], recorded: Sequence[Recorded]) -> Iterator[tuple[object, ...]]:
    """What the table `frames` gets."""
    for entry, done in zip(entries, recorded, strict=True):
        for other, image in zip(entry.others if done.image else (), done.others, strict=True):
            yield (done.boot_id, done.sequence, other.position, other.captured_ns, image.path, image.sha256)


@cache
def _insert(columns: tuple[str, ...]) -> str:
    return f"INSERT INTO inspections ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
