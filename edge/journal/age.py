"""How old a row is, though the board's clock may be set."""

from __future__ import annotations

from collections.abc import Callable

STEP_NS = 3600 * 10**9
"""A clock that is ahead of what it should be by more than this was set."""
BELIEVED_NS = 24 * 3600 * 10**9
"""After so long it is believed."""


class SettledClock:
    """The wall clock, for ages: set back it is believed at once, set ahead after a day; until then time just passes.

    So a clock that is wrong for a while makes nothing seem old. At a start, the newest row says what time it was.
    """

    def __init__(self, clock: Callable[[], int], monotonic: Callable[[], int], newest_ns: int | None = None) -> None:
        """Both clocks in nanoseconds; `newest_ns` is the newest row's stamp, None where there is none."""
        self._clock, self._monotonic = clock, monotonic
        self._ahead_since: int | None = None
        now_ns = clock()
        self._believe(now_ns if newest_ns is None else min(now_ns, newest_ns), monotonic())

    def __call__(self) -> int:
        """Unix time in nanoseconds."""
        wall, passed = self._clock(), self._monotonic()
        expected = self._wall + passed - self._at
        if wall <= expected + STEP_NS:
            self._believe(wall, passed)
            return wall
        self._ahead_since = passed if self._ahead_since is None else self._ahead_since
        if passed - self._ahead_since < BELIEVED_NS:
            return expected
        self._believe(wall, passed)
        return wall

    def _believe(self, wall: int, at: int) -> None:
        self._wall, self._at, self._ahead_since = wall, at, None
