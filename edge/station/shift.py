"""Results of the shift, from what the station counts: pure, no clock, no sockets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from edge.contract.types import Verdict
from edge.wire.messages import StateHeader

STARTS = (time(6), time(14), time(22))
"""When shifts begin, where nobody says otherwise."""


@dataclass(frozen=True)
class Tally:
    """Results by verdict since `since`, local time; None before anything is known."""

    since: datetime | None = None
    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))

    @property
    def total(self) -> int:
        """All verdicts."""
        return sum(self.counts.values())


class Shift:
    """`put` each state; `tally` is the shift's so far.

    A station counts since it started, so what it had counted when it is first heard of may be of another shift: the
    first tally begins then, and says so by its `since`. A new boot of the station counts on.
    """

    def __init__(self, starts: Sequence[time] = STARTS) -> None:
        """Shifts begin at these times of day; none: they are as long as the page runs."""
        self._starts = sorted(starts)
        self._boot, self._seen = "", dict[Verdict, int]()
        self.tally = Tally()

    def put(self, header: StateHeader, now: datetime) -> None:
        """A state, and the local time at which it came."""
        began, counted = self._began(now), dict(header.counters.results)
        if self.tally.since is None:
            self._boot, self._seen = header.boot, counted
            self.tally = Tally(now)
        elif began is not None and began > self.tally.since:
            self.tally = Tally(began)
        before = self._seen if header.boot == self._boot else {}
        counts = {
            each: self.tally.counts[each] + max(0, counted.get(each, 0) - before.get(each, 0)) for each in Verdict
        }
        self._boot, self._seen = header.boot, counted
        self.tally = Tally(self.tally.since, counts)

    def _began(self, now: datetime) -> datetime | None:
        """When the shift of `now` began."""
        for day in (now.date(), now.date() - timedelta(days=1)):
            for start in reversed(self._starts):
                if (began := datetime.combine(day, start)) <= now:
                    return began
        return None
