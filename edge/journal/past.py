"""Looking back through a journal: bounded pages of it, newest first."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from edge.contract.types import Verdict
from edge.journal.reader import FOR_EVER, ROWS, JournalReader
from edge.journal.rows import Row, row

LOOKED_THROUGH = 20_000
"""Inspections, at most, that one page looks through for those that match."""
STEP = 2_000
"""Inspections that are read at once for a survey."""
_SPAN = "SELECT min(number) AS first, max(number) AS last FROM inspections WHERE triggered_ns >= ? AND triggered_ns < ?"
_ALL = "SELECT min(number) AS first, max(number) AS last FROM inspections"
_LOWEST = """
    SELECT number, triggered_ns FROM inspections WHERE number BETWEEN ? AND ? ORDER BY number DESC LIMIT 1 OFFSET ?
"""
_OLDEST = "SELECT number, triggered_ns FROM inspections WHERE number BETWEEN ? AND ? ORDER BY number LIMIT 1"
_COLUMNS = """
    SELECT i.boot_id, i.triggered_ns, i.verdict, i.score, i.kind, i.reason, i.bundle, i.recipe_name, i.reading,
        (SELECT sum(value) FROM json_each(i.timings_ms)) AS judging_ms, d.decision,
        iif(d.code <> '', d.code, d.reason) AS decision_reason
    FROM inspections AS i
    LEFT JOIN decisions AS d ON d.number =
        (SELECT max(number) FROM standing WHERE boot_id = i.boot_id AND sequence = i.sequence)
    WHERE i.number BETWEEN ? AND ? AND +i.triggered_ns >= ? AND +i.triggered_ns < ? AND i.golden IS NULL
        AND ? IN ('', i.recipe_name)
    ORDER BY i.number DESC
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Inspections triggered from `since_ns` on and before `until_ns`; what is empty selects nothing."""

    since_ns: int = 0
    until_ns: int = FOR_EVER
    verdicts: tuple[Verdict, ...] = ()
    part: str = ""
    """What the part's id contains."""
    kind: str = ""
    recipe: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, newest first. `next`: all that may match and is not here has a lower number; None where nothing may.

    `reached_ns`: the trigger of the oldest that was looked at, None where there was none.
    """

    rows: list[Row]
    next: int | None
    reached_ns: int | None


class PastReader(JournalReader):
    """Each method reads a bounded part of the journal. Raises JournalError."""

    def page(self, wanted: Wanted, below: int, limit: int) -> Page:
        """Up to `limit` rows with numbers below `below`; looks through LOOKED_THROUGH at most."""
        span = self._span(wanted.since_ns, wanted.until_ns, below)
        if span is None:
            return Page([], None, None)
        low, reached_ns = self._window(*span, LOOKED_THROUGH)
        clause, values = _selection(wanted)
        query = f"{ROWS} WHERE i.number BETWEEN ? AND ? AND {clause} ORDER BY i.number DESC LIMIT ?"
        rows = [row(found) for found in self.read(query, low, span[1], *values, limit)]
        if len(rows) == limit:
            low, reached_ns = rows[-1].number, rows[-1].triggered_ns
        return Page(rows, low if low > span[0] else None, reached_ns)

    def columns(self, wanted: Wanted, at_most: int) -> Iterator[tuple[Sequence[sqlite3.Row], bool]]:
        """Of the span and recipe wanted, STEP inspections at a time, newest first: what a survey needs of each.

        With each step, whether older ones are left; it ends after `at_most` inspections that were looked at.
        """
        span = self._span(wanted.since_ns, wanted.until_ns, FOR_EVER)
        for _ in repeat(None, at_most // STEP):
            if span is None:
                return
            low, _ = self._window(*span, STEP)
            values = (low, span[1], wanted.since_ns, wanted.until_ns, wanted.recipe)
            more = low > span[0]
            yield self.read(_COLUMNS, *values), more
            span = (span[0], low - 1) if more else None

    def _span(self, since_ns: int, until_ns: int, below: int) -> tuple[int, int] | None:
        """First and last row number of a span of time; a clock that was set back may leave others between."""
        if since_ns == 0 and until_ns == FOR_EVER:
            (found,) = self.read(_ALL)
        else:
            (found,) = self.read(_SPAN, since_ns, until_ns)
        if found["first"] is None or found["first"] >= below:
            return None
        return found["first"], min(found["last"], below - 1)

    def _window(self, first: int, last: int, count: int) -> tuple[int, int | None]:
        """The number of the `count`-th row from `last` down, or of the first, and when that was triggered."""
        found = self.read(_LOWEST, first, last, count - 1) or self.read(_OLDEST, first, last)
        return (found[0]["number"], found[0]["triggered_ns"]) if found else (first, None)


def _selection(wanted: Wanted) -> tuple[str, list[object]]:
    """As SQL; the + keeps SQLite from taking the index by time, which gives another order."""
    clauses = ["+i.triggered_ns >= ?", "+i.triggered_ns < ?"]
    values: list[object] = [wanted.since_ns, wanted.until_ns]
    if wanted.verdicts:
        clauses.append(f"i.verdict IN ({', '.join('?' * len(wanted.verdicts))})")
        values += [verdict.value for verdict in wanted.verdicts]
    for clause, value in (
        ("instr(i.part, ?) > 0", wanted.part), ("i.kind = ?", wanted.kind), ("i.recipe_name = ?", wanted.recipe),
    ):  # fmt: skip
        if value:
            clauses.append(clause)
            values.append(value)
    return " AND ".join(clauses), values
