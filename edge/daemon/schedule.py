"""When known frames are to be judged again: at times of day, and so long after the last time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

DAY = timedelta(days=1)


class Schedule:
    """Times of day go by the board's clock and its time zone, hours by a clock that nobody sets."""

    def __init__(
        self, at: Sequence[str] = (), every_h: float | None = None,
        *, clock: Callable[[], datetime] = datetime.now, monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """`at` are times of day, as "06:00"."""
        self._at, self._every_h = at, every_h
        self._clock, self._monotonic = clock, monotonic
        self.done()

    def done(self) -> None:
        """It happened now; what is next?"""
        self._looked, self._last = self._clock(), self._monotonic()
        self._next = min((_following(self._looked, text) for text in self._at), default=None)

    def due(self) -> bool:
        """Whether it is time. Where the clock is set back, times of day that come again are due again."""
        now = self._clock()
        if now < self._looked:
            self._next = min((_following(now, text) for text in self._at), default=None)
        self._looked = now
        waited_h = (self._monotonic() - self._last) / 3600
        return bool((self._next and now >= self._next) or (self._every_h and waited_h >= self._every_h))


def _following(now: datetime, text: str) -> datetime:
    """The first time after `now` that the clock shows `text`."""
    hour, minute = map(int, text.split(":"))
    today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today if today > now else today + DAY
