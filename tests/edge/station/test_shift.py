"""The shift's results: counted on over a new boot of the station, begun anew with the next shift."""

from __future__ import annotations

from datetime import datetime, time

from edge.contract.types import Verdict
from edge.station.shift import Shift
from tests.edge.station.messages import state


def at(hour: int, minute: int = 0, day: int = 2) -> datetime:
    return datetime(2026, 3, day, hour, minute)


def put(shift: Shift, now: datetime, ok: int, ng: int = 0, boot: str = "3f9a01c2") -> tuple[datetime, int, int]:
    shift.put(state(boot=boot, counts={Verdict.OK: ok, Verdict.NG: ng}).header, now)
    return shift.tally.since, shift.tally.counts[Verdict.OK], shift.tally.counts[Verdict.NG]


def test_before_anything_is_known_there_is_no_tally() -> None:
    assert (Shift().tally.since, Shift().tally.total) == (None, 0)


def test_what_was_counted_before_the_page_began_may_be_of_another_shift() -> None:
    shift = Shift()
    assert put(shift, at(9, 12), 5000) == (at(9, 12), 0, 0)
    assert put(shift, at(9, 13), 5010, 2) == (at(9, 12), 10, 2)


def test_the_next_shift_begins_at_nought_and_says_since_when() -> None:
    shift = Shift()
    put(shift, at(9), 100)
    put(shift, at(13, 59), 200)
    assert put(shift, at(14), 201) == (at(14), 1, 0)
    assert put(shift, at(22, 30), 300, 1) == (at(22), 99, 1)
    assert put(shift, at(5, 59, day=3), 301, 1) == (at(22), 100, 1), "the night shift goes over midnight"
    assert put(shift, at(6, day=3), 301, 2) == (at(6, day=3), 0, 1)


def test_a_new_boot_counts_on() -> None:
    shift = Shift()
    put(shift, at(9), 100)
    put(shift, at(10), 150)
    assert put(shift, at(10, 1), 3, boot="77c0ffee") == (at(9), 53, 0)
    assert put(shift, at(10, 2), 4, boot="77c0ffee") == (at(9), 54, 0)


def test_shifts_of_a_plant_of_its_own() -> None:
    one, none = Shift([time(19), time(7)]), Shift([])
    for shift in (one, none):
        put(shift, at(18), 0)
    assert put(one, at(19, 1), 1)[0] == at(19)
    assert put(none, at(23), 1) == (at(18), 1, 0)
