"""What a journal keeps over time beside inspections: triggers that were not taken, and points of process control.

They, and what was raised and is over, go with the inspections of their time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from edge.contract.statistics import Point
from edge.contract.triggers import PassedOver, Untaken
from edge.contract.typed import decode_json
from edge.contract.types import plain
from edge.errors import JournalError

NEWEST = "(SELECT coalesce(max(number), 0) FROM inspections)"
TABLES = ("untaken", "points")
STEP = 4096
"""Small rows that may go at once: a step must not hold up the line's results for long."""
PASSING_EVENTS = "kind IN ('fault', 'drift')"
"""The station asks the journal for no event of these kinds, as it does for the last changeover."""
UNTAKEN = """
    SELECT * FROM untaken WHERE number > ? AND recorded_ns >= ? AND recorded_ns < ? ORDER BY number LIMIT ?
"""
POINTS = """
    SELECT * FROM (SELECT * FROM points WHERE recorded_ns >= ? AND recorded_ns < ? ORDER BY number DESC LIMIT ?)
    ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class KeptUntaken:
    """A trigger that was not taken; `number` counts them from 1. Times are Unix, in nanoseconds."""

    number: int
    boot_id: str
    recorded_ns: int
    trigger: PassedOver


@dataclass(frozen=True, slots=True)
class KeptPoint:
    """What process control said of a group of inspections; `number` counts them from 1. `bundle` is a digest."""

    number: int
    boot_id: str
    bundle: str
    recipe: str
    """Its name, empty where there was none."""
    recorded_ns: int
    point: Point


def write_untaken(connection: sqlite3.Connection, boot_id: str, triggers: Sequence[PassedOver], now_ns: int) -> None:
    """Inside a transaction."""
    query = f"""
        INSERT INTO untaken (boot_id, after_sequence, why, part, triggered_ns, recorded_ns, newest)
        SELECT ?, ?, ?, ?, ?, ?, {NEWEST}
    """
    rows = ((boot_id, each.after, each.why, plain(each.part), each.triggered_ns, now_ns) for each in triggers)
    connection.executemany(query, rows)


def write_points(connection: sqlite3.Connection, boot_id: str, key: str, points: Sequence[Point], now_ns: int) -> None:
    """Inside a transaction. `key` as `Journal.remember` takes it."""
    bundle, _, recipe = key.partition(" ")
    query = f"INSERT INTO points (boot_id, bundle, recipe, point, recorded_ns, newest) SELECT ?, ?, ?, ?, ?, {NEWEST}"
    rows = ((boot_id, bundle, recipe, msgspec.json.encode(point).decode(), now_ns) for point in points)
    connection.executemany(query, rows)


def kept_untaken(found: sqlite3.Row) -> KeptUntaken:
    """A line of `UNTAKEN`. Raises JournalError when the disk changed it."""
    try:
        why = Untaken(found["why"])
    except ValueError as error:
        raise JournalError(f"untaken trigger {found['number']}: the journal's row is damaged: {error}") from None
    trigger = PassedOver(why, found["part"], found["triggered_ns"], found["after_sequence"])
    return KeptUntaken(found["number"], found["boot_id"], found["recorded_ns"], trigger)


def kept_point(found: sqlite3.Row) -> KeptPoint:
    """A line of `POINTS`. Raises JournalError when the disk changed it."""
    try:
        point = decode_json(found["point"], Point)
    except msgspec.DecodeError as error:
        raise JournalError(f"point {found['number']}: the journal's row is damaged: {error}") from None
    named = (found["number"], found["boot_id"], found["bundle"], found["recipe"], found["recorded_ns"])
    return KeptPoint(*named, point)


def drop_with(connection: sqlite3.Connection, number: int) -> None:
    """Inside a transaction: what was written before there was an inspection above `number` goes."""
    for table in TABLES:
        _drop(connection, table, "newest", number)
    _drop(connection, "events", "newest", number, PASSING_EVENTS)


def drop_old(connection: sqlite3.Connection, until_ns: float) -> None:
    """Inside a transaction: what was recorded up to that time goes, up to the first that was not."""
    for table in TABLES:
        _drop(connection, table, "recorded_ns", until_ns)


def _drop(connection: sqlite3.Connection, table: str, column: str, value: float, which: str = "TRUE") -> None:
    """Those before the first row that is beyond `value`, STEP at most: no more rows are read than go."""
    first = f"SELECT number FROM {table} WHERE {column} > ? ORDER BY number LIMIT 1"
    oldest = f"SELECT min(number) FROM {table} WHERE {which}"
    end = f"min(coalesce(({first}), {1 << 62}), ({oldest}) + {STEP})"
    connection.execute(f"DELETE FROM {table} WHERE {which} AND number < {end}", (value,))


def drop_oldest(connection: sqlite3.Connection, most: int) -> int:
    """Inside a transaction: up to `most` of the oldest go, where no inspection may; gives their number."""
    for table in TABLES:
        query = f"DELETE FROM {table} WHERE number IN (SELECT number FROM {table} ORDER BY number LIMIT ?)"
        if dropped := connection.execute(query, (most,)).rowcount:
            return dropped
    return 0
