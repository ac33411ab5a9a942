"""What a journal may let go, oldest first: never what waits for a decision, never what is protected."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile

from edge.journal.age import SettledClock
from edge.journal.beside import drop_old, drop_oldest, drop_with
from edge.journal.images import ImageStore
from edge.journal.schema import transaction

CHUNK = 128
"""Rows that one step takes: a step must not hold up the line's results for long."""
SLACK = 0.99
"""A bound that is passed is brought down to this share of it, so that not every inspection costs a removal."""
MOST_PAGES = 1_073_741_823
"""What SQLite allows by default."""
DAY_NS = 86_400 * 10**9
_PAGES = ("page_count", "freelist_count", "page_size")

_FREE = """
    protected_ns IS NULL AND (verdict <> 'review' OR EXISTS
        (SELECT 1 FROM standing AS d WHERE d.boot_id = i.boot_id AND d.sequence = i.sequence))
"""
_KEPT = "image_path IS NOT NULL AND image_removed_ns IS NULL"
_STUCK = "and all that is left waits for a decision or is protected; decide, unprotect, or allow more"
_FIELDS = f"number, boot_id, sequence, recorded_ns, CASE WHEN {_KEPT} THEN image_path END AS path, image_bytes"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a journal keeps; None is no bound. `size` in bytes, images and database together."""

    size: int | None = None
    days: float | None = None
    inspections: int | None = None


class Retention:
    """Of one open database; its caller sees to it that one thread at a time is in here.

    A removal is written down in the table `removals` before a file goes, and struck off when it has gone: a power
    cut in between leaves neither a row whose image is missing nor a file that nobody knows. Raises sqlite3.Error and
    OSError.
    """

    def __init__(
        self, connection: sqlite3.Connection, images: ImageStore, bounds: Bounds, clock: Callable[[], int],
        monotonic: Callable[[], int],
    ) -> None:  # fmt: skip
        self._connection, self._images, self._bounds, self._clock = connection, images, bounds, clock
        newest = connection.execute("SELECT recorded_ns FROM inspections ORDER BY number DESC LIMIT 1").fetchone()
        self._settled = SettledClock(clock, monotonic, newest and newest[0])
        self._grows = True
        self._finish()
        self._measure_old()
        (self.count,) = connection.execute("SELECT count(*) FROM inspections").fetchone()
        (self.image_bytes,) = connection.execute(
            f"SELECT coalesce(sum(image_bytes), 0) FROM inspections WHERE {_KEPT}"
        ).fetchone()

    def added(self, rows: int, image_bytes: int) -> None:
        """So much was recorded."""
        self.count += rows
        self.image_bytes += image_bytes

    def tidy(self) -> str:
        """One step towards the bounds. What is said is why they cannot be kept; empty when they can."""
        most, limit = self._bounds.inspections, self._bounds.size
        removed = 0
        if most is not None or self._bounds.days is not None:
            removed = self._remove_rows(self._beyond)
        self._drop_beside()
        if most is not None and self.count > most and not removed:
            return f"{self.count} inspections, {most} are allowed, {_STUCK}"
        if limit is None or self.size() <= limit or removed or self._shrink(limit):
            return ""
        return f"{self.size() / 1e6:.1f} MB, {limit / 1e6:.1f} MB are allowed, {_STUCK}"

    def size(self) -> int:
        """Bytes of the images kept, and of the database's pages in use."""
        return self.image_bytes + self._database_bytes()

    def _database_bytes(self) -> int:
        pages, free, size = (self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _PAGES)
        return int((pages - free) * size)

    def _shrink(self, limit: int) -> int:
        """Images go before rows, but the rows of years must not leave images no room: half of it is theirs."""
        if self._database_bytes() > limit // 2 and (removed := self.drop_rows()):
            return removed
        return self.drop_images(self.size() - int(SLACK * limit)) or self.drop_rows()

    def _drop_beside(self) -> None:
        """What is too old goes though no inspection did."""
        if self._bounds.days is not None:
            with transaction(self._connection):
                drop_old(self._connection, self._settled() - self._bounds.days * DAY_NS)

    def drop_images(self, wanted: int) -> int:
        """Removes the oldest images that may go, up to CHUNK, until `wanted` bytes are free; gives their number."""
        chosen: list[sqlite3.Row] = []
        freed = 0
        with transaction(self._connection):
            for found in self._oldest(with_image=True):
                if chosen and freed >= wanted:
                    break
                chosen.append(found)
                freed += found["image_bytes"]
            now_ns = self._clock()
            self._connection.executemany(
                "UPDATE inspections SET image_removed_ns = ? WHERE number = ?",
                [(now_ns, found["number"]) for found in chosen],
            )
            self._write_down(chosen)
        self.image_bytes -= freed
        self._finish()
        return len(chosen)

    def drop_rows(self) -> int:
        """Removes the oldest inspections that may go, up to CHUNK, whatever the bounds; gives their number.

        Where none may, what is kept beside them goes.
        """
        if removed := self._remove_rows(lambda free: free):
            return removed
        with transaction(self._connection):
            return drop_oldest(self._connection, CHUNK)

    def restart_log(self) -> None:
        """Brings what the write-ahead log holds into the database where that works, so that the log need not grow."""
        with suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def may_grow(self, yes: bool) -> bool:
        """Whether the database's file may; if not, it is full when its free pages are used. False: as it was before."""
        limit = MOST_PAGES if yes else self._connection.execute("PRAGMA page_count").fetchone()[0]
        if self._grows == yes:
            return False
        self._connection.execute(f"PRAGMA max_page_count = {limit}").fetchone()
        self._grows = yes
        return True

    def images_may_go(self) -> bool:
        """Whether `drop_images` would find one."""
        return bool(self._oldest(with_image=True))

    def _oldest(self, *, with_image: bool = False) -> list[sqlite3.Row]:
        """Up to CHUNK that may go. The index steps over the many rows whose images went long ago."""
        source = (
            f"inspections AS i INDEXED BY images_kept WHERE {_KEPT}" if with_image else "inspections AS i WHERE TRUE"
        )
        query = f"SELECT {_FIELDS} FROM {source} AND {_FREE} ORDER BY number LIMIT {CHUNK}"
        return self._connection.execute(query).fetchall()

    def _beyond(self, free: list[sqlite3.Row]) -> list[sqlite3.Row]:
        """Those of `free` that are too old or too many.

        The first one that is young enough ends it: what a clock that was wrong for a while stamped does not go early.
        And a clock that was set ahead makes nothing old before it has been so for a day.
        """
        days, most, now_ns = self._bounds.days, self._bounds.inspections, self._settled()
        old: list[sqlite3.Row] = []
        if days is not None and free and free[0]["recorded_ns"] < now_ns - days * DAY_NS:
            old = list(takewhile(lambda found: found["recorded_ns"] < now_ns - SLACK * days * DAY_NS, free))
        many = free[: self.count - int(SLACK * most)] if most is not None and self.count > most else []
        return max(old, many, key=len)

    def _remove_rows(self, choose: Callable[[list[sqlite3.Row]], list[sqlite3.Row]]) -> int:
        """Removes what `choose` takes of the oldest that may go; gives their number."""
        with transaction(self._connection):  # from the choice on, or one could be protected in between
            rows = choose(self._oldest())
            self._write_down(rows)
            names = [(found["boot_id"], found["sequence"]) for found in rows]
            self._connection.executemany("DELETE FROM decisions WHERE boot_id = ? AND sequence = ?", names)
            self._connection.executemany("DELETE FROM inspections WHERE boot_id = ? AND sequence = ?", names)
            if rows:
                drop_with(self._connection, rows[-1]["number"])
        self.count -= len(rows)
        self.image_bytes -= sum(found["image_bytes"] for found in rows if found["path"])
        self._finish()
        return len(rows)

    def _write_down(self, rows: Sequence[sqlite3.Row]) -> None:
        """With the part's other frames, which have no row any more from here on."""
        paths = [(found["path"],) for found in rows if found["path"]]
        self._connection.executemany("INSERT OR IGNORE INTO removals VALUES (?)", paths)
        names = [(found["boot_id"], found["sequence"]) for found in rows]
        others = "FROM frames WHERE boot_id = ? AND sequence = ?"
        self._connection.executemany(f"INSERT OR IGNORE INTO removals SELECT path {others}", names)
        self._connection.executemany(f"DELETE {others}", names)

    def _finish(self) -> None:
        """Removes the files that are written down for it."""
        paths = [found[0] for found in self._connection.execute("SELECT path FROM removals")]
        if paths:
            self._images.sweep(paths)
            with transaction(self._connection):
                self._connection.executemany("DELETE FROM removals WHERE path = ?", [(path,) for path in paths])

    def _measure_old(self) -> None:
        """Schema 1 did not write down how large an image is."""
        query = f"SELECT number, image_path FROM inspections WHERE {_KEPT} AND image_bytes IS NULL"
        sizes = [(self._images.size(path), number) for number, path in self._connection.execute(query).fetchall()]
        if sizes:
            with transaction(self._connection):
                self._connection.executemany("UPDATE inspections SET image_bytes = ? WHERE number = ?", sizes)
