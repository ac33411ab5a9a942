from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from edge.daemon.schedule import Schedule


class Clocks:
    """One that people set, and one that nobody sets."""

    def __init__(self, text: str) -> None:
        self.now, self.seconds = datetime.fromisoformat(f"2026-11-21T{text}"), 1000.0

    def go_on(self, **by: float) -> None:
        self.now += timedelta(**by)
        self.seconds += timedelta(**by).total_seconds()

    def schedule(self, *at: str, every_h: float | None = None) -> Schedule:
        return Schedule(at, every_h, clock=lambda: self.now, monotonic=lambda: self.seconds)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks("05:59:59")


def test_without_times_it_is_never_due(clocks) -> None:
    schedule = clocks.schedule()
    clocks.go_on(days=400)
    assert not schedule.due()


def test_a_time_of_day_is_due_once_a_day(clocks) -> None:
    schedule = clocks.schedule("06:00", "22:30")
    assert not schedule.due()
    clocks.go_on(seconds=1)
    assert schedule.due()
    assert schedule.due()  # until it is done
    schedule.done()
    assert not schedule.due()
    clocks.go_on(hours=16, minutes=30)
    assert schedule.due()
    schedule.done()
    clocks.go_on(hours=7, minutes=29)
    assert not schedule.due()
    clocks.go_on(minutes=1)
    assert schedule.due()


def test_hours_count_from_the_last_time(clocks) -> None:
    schedule = clocks.schedule(every_h=2)
    clocks.go_on(minutes=119)
    assert not schedule.due()
    clocks.go_on(minutes=1)
    assert schedule.due()
    schedule.done()
    assert not schedule.due()


def test_a_clock_that_is_set_moves_times_of_day_and_no_hours(clocks) -> None:
    schedule = clocks.schedule("06:00", every_h=8)
    clocks.now += timedelta(days=3)
    assert schedule.due()
    schedule.done()
    clocks.now -= timedelta(days=10)
    assert not schedule.due()
    clocks.now += timedelta(seconds=2)
    assert schedule.due()
    schedule.done()
    clocks.now -= timedelta(days=1)
    clocks.seconds += 8 * 3600
    assert schedule.due()
