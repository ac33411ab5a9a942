"""Process control in the station: fed by the record thread, kept in the journal, published as statistics."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from edge.contract.bundle import Bundle
from edge.contract.statistics import Point
from edge.contract.types import Inspection
from edge.control.control import GROUP, ProcessControl
from edge.control.memory import decode_memory, encode_memory
from edge.journal.journal import Journal
from edge.wire.publisher import Publisher

AGAIN_S = 60.0
"""After so long the last point is published again, for whoever joined meanwhile."""
LOOK_BACK = 4 * GROUP
"""Rows, at most, that a restart reads to go on where the memory ends: it is kept with each whole group."""


class Process:
    """Belongs to one thread. All of it raises JournalError and WireError."""

    def __init__(self, journal: Journal, publisher: Publisher, bundle: Bundle, recipe: str = "") -> None:
        self._journal, self._publisher = journal, publisher
        self.use(bundle, recipe)

    def use(self, bundle: Bundle, recipe: str = "") -> None:
        """From here on another bundle judges, or another recipe: what is remembered of both together counts."""
        reader, self._bundle = self._journal.reader, bundle
        self._key = f"{bundle.digest} {recipe}".rstrip()
        found = reader.remembered(self._key)
        memory, card = decode_memory(found.memory) if found else None, bundle.card
        self._control = ProcessControl(card.output, memory, classes=card.kinds)
        number = max(found.number if found else 0, reader.newest() - LOOK_BACK)
        points: list[Point] = []
        for row in reader.rows(after_number=number, limit=LOOK_BACK):
            if (row.bundle, row.recipe_name, row.golden) == (bundle.digest, recipe, None):
                point = self._control.see(
                    boot_id=row.boot_id, triggered_ns=row.triggered_ns, verdict=row.verdict, score=row.score,
                    map_units=row.map_units, timings_ms=row.timings_ms,
                )  # fmt: skip
                points += [point] if point else []
        self._keep(points)
        self._next = 0.0

    @property
    def alarms(self) -> tuple[dict[str, str], dict[str, int]]:
        """What is out of the usual, by name, for people; and since when, Unix in nanoseconds."""
        point = self._control.memory.point
        return (point.alarms, point.since_ns) if point else ({}, {})

    def see(self, batch: Iterable[Inspection]) -> None:
        """Inspections that are in the journal, all judged by the bundle in use."""
        points = [point for inspection in batch if (point := self._see(inspection))]
        self._keep(points)
        for point in points:
            self._publish(point)

    def _keep(self, points: Sequence[Point]) -> None:
        if points:
            self._journal.remember(self._key, encode_memory(self._control.memory), points)

    def publish_again(self, *, at_once: bool = False) -> None:
        """The last point, if it was not published for a while, or `at_once`."""
        point = self._control.memory.point
        if point and (at_once or time.monotonic() >= self._next):
            self._publish(point)

    def _see(self, inspection: Inspection) -> Point | None:
        judgement = inspection.judgement
        return self._control.see(
            boot_id=inspection.boot_id, triggered_ns=inspection.triggered_ns, verdict=judgement.verdict,
            score=judgement.score, map_units=judgement.map_units, timings_ms=judgement.timings_ms,
        )  # fmt: skip

    def _publish(self, point: Point) -> None:
        self._publisher.statistics(point, bundle=self._bundle.digest)
        self._next = time.monotonic() + AGAIN_S
