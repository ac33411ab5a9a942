"""Reading a journal, also while okng writes it."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.contract.lifetime import Closing
from edge.errors import JournalError
from edge.journal.beside import POINTS, UNTAKEN, KeptPoint, KeptUntaken, kept_point, kept_untaken
from edge.journal.decisions import BY_INSPECTION
from edge.journal.failures import journal_errors
from edge.journal.log import COUNTS, DISAGREEMENTS, EVENTS, Disagreement, Noted, ShadowCount, noted
from edge.journal.rows import Decided, KeptFrame, Row, decided, parse_id, row
from edge.journal.schema import FILE, open_reader

PAGE = 500
FOR_EVER = (1 << 63) - 1
ROWS = """
    SELECT i.*, b.station, d.decision, d.operator, d.reason AS decision_reason, d.request_id, d.decided_ns, d.code,
        d.signal AS decision_signal
    FROM inspections AS i
    JOIN boots AS b USING (boot_id)
    LEFT JOIN decisions AS d ON d.number =
        (SELECT max(number) FROM standing WHERE boot_id = i.boot_id AND sequence = i.sequence)
"""
_WAITS = """
    i.verdict = 'review'
    AND NOT EXISTS (SELECT 1 FROM standing AS d WHERE d.boot_id = i.boot_id AND d.sequence = i.sequence)
"""
FRAMES = "SELECT position, captured_ns, path, sha256 FROM frames WHERE boot_id = ? AND sequence = ? ORDER BY position"
_LAST_UP_TO = "SELECT number FROM inspections WHERE boot_id = ? AND sequence <= ? ORDER BY sequence DESC LIMIT 1"
_FIRST_OF_BOOT = "SELECT number FROM inspections WHERE boot_id = ? ORDER BY sequence LIMIT 1"
_FIRST_AFTER_BOOT = """
    SELECT number FROM inspections JOIN boots AS b USING (boot_id) WHERE b.rowid > ? ORDER BY number LIMIT 1
"""
_TOTALS = f"""
    SELECT sum(protected_ns IS NOT NULL) AS protected,
        sum({_WAITS}) AS waiting,
        sum(image_path IS NOT NULL AND image_removed_ns IS NULL) AS images,
        sum(CASE WHEN image_removed_ns IS NULL THEN image_bytes END) AS image_bytes
    FROM inspections AS i
"""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What process control remembers of a bundle, up to the inspection `number`."""

    bundle: str
    memory: str
    number: int


class JournalReader(Closing):
    """Takes no lock and holds nobody up. May be used from any thread. Each method raises JournalError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        with journal_errors(folder / FILE):
            self._connection = open_reader(folder / FILE)

    def find(self, inspection_id: str) -> Row | None:
        """The inspection of that id, with its latest decision; None when there is none, or when it is no id."""
        key = parse_id(inspection_id)
        found = self.read(f"{ROWS} WHERE i.boot_id = ? AND i.sequence = ?", *key) if key else []
        return row(found[0]) if found else None

    def rows(
        self, boot_id: str | None = None, after_sequence: int = 0, *, after_number: int = 0, limit: int = 1000
    ) -> list[Row]:
        """Up to `limit` rows, oldest first: of one boot after a sequence number, or of all after a row number.

        To go on, pass the last row's `sequence` or `number`. Raises ValueError for a sequence without its boot.
        """
        if boot_id is None:
            if after_sequence:
                raise ValueError("a sequence number means nothing without its boot_id; pass after_number instead")
            found = self.read(f"{ROWS} WHERE i.number > ? ORDER BY i.number LIMIT ?", after_number, limit)
        else:
            where = "WHERE i.boot_id = ? AND i.sequence > ? AND i.number > ? ORDER BY i.sequence LIMIT ?"
            found = self.read(f"{ROWS} {where}", boot_id, after_sequence, after_number, limit)
        return [row(each) for each in found]

    def walk(self, since_ns: int = 0, until_ns: int = FOR_EVER) -> Iterator[Row]:
        """All inspections recorded from `since_ns` on and before `until_ns`, oldest first; okng may go on meanwhile."""
        where = f"{ROWS} WHERE i.number > ? AND i.recorded_ns >= ? AND i.recorded_ns < ? ORDER BY i.number LIMIT ?"
        number = 0
        while found := self.read(where, number, since_ns, until_ns, PAGE):
            yield from map(row, found)
            number = found[-1]["number"]

    def count(self) -> int:
        """How many inspections there are, over all boots."""
        return int(self.read("SELECT count(*) FROM inspections")[0][0])

    def decisions(self, inspection_id: str) -> list[Decided]:
        """All decisions on one inspection, oldest first; the last one that nobody took back counts."""
        key = parse_id(inspection_id)
        return [decided(each) for each in self.read(BY_INSPECTION, *key)] if key else []

    def waiting(self, after_number: int = 0, *, limit: int = 100) -> list[Row]:
        """Up to `limit` REVIEW inspections that wait for a decision, oldest first, those after a row number."""
        where = f"WHERE {_WAITS} AND i.number > ? ORDER BY i.number LIMIT ?"
        return [row(each) for each in self.read(f"{ROWS} {where}", after_number, limit)]

    def count_waiting(self) -> int:
        """How many inspections wait for a decision."""
        return int(self.read(f"SELECT count(*) FROM inspections AS i WHERE {_WAITS}")[0][0])

    def events(self, kind: str = "", *, last: int = 1000) -> list[Noted]:
        """What happened beside inspections, oldest first, over all boots; of one kind where named."""
        return [noted(each) for each in reversed(self.read(EVENTS, kind, last))]

    def image(self, row: Row) -> bytes | None:
        """The image file of a row, checked against its checksum; None where none was kept, or not for so long."""
        if row.image_path is None or row.image_removed_ns is not None:
            return None
        return self._file(row.image_path, row.image_sha256 or "")

    def frames(self, row: Row) -> list[KeptFrame]:
        """The frames of a row's part that were not the decisive one, in order; none where they are not kept."""
        return [KeptFrame(*found) for found in self.read(FRAMES, row.boot_id, row.sequence)]

    def frame(self, frame: KeptFrame) -> bytes:
        """Its file, checked against its checksum."""
        return self._file(frame.path, frame.sha256)

    def untaken(self, since_ns: int = 0, until_ns: int = FOR_EVER) -> Iterator[KeptUntaken]:
        """All triggers that were not taken, recorded from `since_ns` on and before `until_ns`, oldest first."""
        number = 0
        while found := self.read(UNTAKEN, number, since_ns, until_ns, PAGE):
            yield from map(kept_untaken, found)
            number = found[-1]["number"]

    def points(self, since_ns: int = 0, until_ns: int = FOR_EVER, *, last: int = -1) -> list[KeptPoint]:
        """What process control said, group by group, recorded in that time, oldest first; `last` so many."""
        return [kept_point(each) for each in self.read(POINTS, since_ns, until_ns, last)]

    def boots(self) -> list[str]:
        """All that the journal has had, oldest first."""
        return [str(found[0]) for found in self.read("SELECT boot_id FROM boots ORDER BY rowid")]

    def recipe(self, digest: str) -> str | None:
        """The settings with this digest, as JSON; None when the journal has none of it."""
        found = self.read("SELECT settings FROM recipes WHERE digest = ?", digest)
        return str(found[0][0]) if found else None

    def reading(self, digest: str) -> str | None:
        """How to read map and score of the rows with this digest, as JSON; None when the journal has none of it."""
        found = self.read("SELECT reading FROM readings WHERE digest = ?", digest)
        return str(found[0][0]) if found else None

    def number_before(self, boot_id: str, sequence: int) -> int | None:
        """A row number: all rows above it were recorded after that inspection, also where it is no longer there.

        None when the journal has never had that boot.
        """
        boot = self.read("SELECT rowid FROM boots WHERE boot_id = ?", boot_id)
        if not boot:
            return None
        if found := self.read(_LAST_UP_TO, boot_id, sequence):
            return int(found[0][0])
        found = self.read(_FIRST_OF_BOOT, boot_id) or self.read(_FIRST_AFTER_BOOT, boot[0][0])
        return int(found[0][0]) - 1 if found else self.newest()

    def boots_from(self, boot_id: str) -> list[str]:
        """That boot and all later ones, oldest first; none when the journal has never had it."""
        query = "SELECT boot_id FROM boots WHERE rowid >= (SELECT rowid FROM boots WHERE boot_id = ?) ORDER BY rowid"
        return [str(found[0]) for found in self.read(query, boot_id)]

    def remembered(self, bundle: str) -> Remembered | None:
        """What process control remembered of a bundle; None when it never did."""
        return next((each for each in self.all_remembered() if each.bundle == bundle), None)

    def all_remembered(self) -> list[Remembered]:
        """Of each bundle, the latest last."""
        found = self.read("SELECT bundle, memory, number FROM control ORDER BY updated_ns, bundle")
        return [Remembered(*each) for each in found]

    def shadow_counts(self) -> list[ShadowCount]:
        """What shadow bundles said, by what the station's own said."""
        return [ShadowCount(*each) for each in self.read(COUNTS)]

    def disagreements(self) -> list[Disagreement]:
        """Inspections of which a shadow bundle said something else, oldest first."""
        return [Disagreement(*each) for each in self.read(DISAGREEMENTS)]

    def totals(self) -> dict[str, int]:
        """Inspections by verdict, and `waiting` for a decision, `protected`, `images` kept and their `image_bytes`."""
        by_verdict = self.read("SELECT verdict, count(*) FROM inspections GROUP BY verdict")
        (rest,) = self.read(_TOTALS)
        return {str(verdict): count for verdict, count in by_verdict} | {name: rest[name] or 0 for name in rest.keys()}  # noqa: SIM118

    def newest(self) -> int:
        """The number of the latest inspection, 0 when there is none."""
        return int(self.read("SELECT coalesce(max(number), 0) FROM inspections")[0][0])

    def close(self) -> None:
        """May be called twice."""
        with self._guard:
            self._connection.close()

    def _file(self, relative: str, sha256: str) -> bytes:
        path = self._folder / relative
        with journal_errors(path):
            data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise JournalError(f"{path}: not the image that was recorded; the disk or a hand changed it")
        return data

    def read(self, query: str, *values: object) -> list[sqlite3.Row]:
        """All that a query gives; those that others may ask are methods, here and in `past`."""
        with self._guard, journal_errors(self._folder / FILE):
            return self._connection.execute(query, values).fetchall()
