"""What a journal holds beside inspections: events, and what a shadow bundle said."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from edge.contract.events import Event
from edge.contract.typed import decode_json
from edge.contract.types import Verdict
from edge.errors import JournalError
from edge.journal.beside import NEWEST
from edge.journal.rows import Shadowed

_DISAGREEMENT = """
    INSERT OR IGNORE INTO disagreements SELECT ?, ?, ?, ?, ?, ?
    WHERE EXISTS (SELECT 1 FROM inspections WHERE boot_id = ? AND sequence = ?)
"""
_COUNT = """
    INSERT INTO shadow_counts VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET inspections = inspections + excluded.inspections
"""
EVENTS = "SELECT * FROM events WHERE ?1 IN ('', kind) ORDER BY number DESC LIMIT ?2"
COUNTS = "SELECT bundle, shadow, verdict, said, inspections FROM shadow_counts"
DISAGREEMENTS = """
    SELECT d.boot_id || '-' || d.sequence AS id, i.part, i.bundle, d.shadow, i.verdict, i.score, i.kind,
        d.verdict AS said, d.score AS said_score, d.kind AS said_kind
    FROM disagreements AS d JOIN inspections AS i USING (boot_id, sequence) ORDER BY i.number
"""


@dataclass(frozen=True, slots=True)
class Noted:
    """An event that is on the disk. `number` counts them all from 1; `happened_ns` is Unix time in nanoseconds."""

    number: int
    boot_id: str
    happened_ns: int
    event: Event


@dataclass(frozen=True, slots=True)
class ShadowCount:
    """How many inspections by `bundle` had this verdict while `shadow` said that."""

    bundle: str
    shadow: str
    verdict: Verdict
    said: str
    inspections: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An inspection `id` of which the bundle and its shadow said not the same, by digests."""

    id: str
    part: str
    bundle: str
    shadow: str
    verdict: Verdict
    score: float | None
    kind: str | None
    said: str
    said_score: float | None
    said_kind: str | None


def write_event(connection: sqlite3.Connection, boot_id: str, event: Event, now_ns: int) -> Noted:
    """Inside a transaction."""
    content = (boot_id, str(type(event).__struct_config__.tag), msgspec.json.encode(event).decode(), now_ns)
    query = f"INSERT INTO events (boot_id, kind, content, happened_ns, newest) SELECT ?, ?, ?, ?, {NEWEST}"
    number = connection.execute(query, content).lastrowid
    assert number is not None
    return Noted(number, boot_id, now_ns, event)


def noted(found: sqlite3.Row) -> Noted:
    """A line of `EVENTS`. Raises JournalError when the disk changed it."""
    try:
        event = decode_json(found["content"], Event)
    except msgspec.DecodeError as error:
        raise JournalError(f"event {found['number']}: the journal's row is damaged: {error}") from None
    return Noted(found["number"], found["boot_id"], found["happened_ns"], event)


def write_shadowed(connection: sqlite3.Connection, found: Sequence[Shadowed]) -> None:
    """Inside a transaction. An inspection that is no longer there is counted only."""
    counts = Counter((each.bundle, each.shadow, each.inspection.judgement.verdict.value, each.said) for each in found)
    for each in found:
        if each.differs:
            key = (each.inspection.boot_id, each.inspection.sequence)
            connection.execute(_DISAGREEMENT, (*key, each.shadow, each.said, each.score, each.kind, *key))
    connection.executemany(_COUNT, [(*key, count) for key, count in counts.items()])
