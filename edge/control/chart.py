"""The p-chart (Montgomery, Introduction to Statistical Quality Control, chapter 7), and alarms that do not flutter."""

from __future__ import annotations

from math import sqrt

import msgspec

CALM = 2
"""So many calm points in succession end an alarm."""


def p_limits(share: float, count: int) -> tuple[float, float]:
    """Between these lies the share in a group of `count`, three sigma around the process's `share`; both 0 to 1."""
    sigma = sqrt(share * (1 - share) / count)
    return max(0.0, share - 3 * sigma), min(1.0, share + 3 * sigma)


class Watch(msgspec.Struct):
    """One alarm: raised by one bad point, over after CALM good ones in succession."""

    text: str = ""
    """Why, for people; empty while there is no alarm."""
    calm: int = 0
    since_ns: int = 0
    """When it was raised, Unix in nanoseconds."""

    def see(self, bad: str, good: bool, at_ns: int) -> None:
        """A new point: `bad` says what is wrong with it, if anything; `good` that it is well within what it should."""
        self.calm = self.calm + 1 if good and not bad else 0
        if bad:
            self.text, self.since_ns = bad, self.since_ns if self.text else at_ns
        elif self.calm >= CALM:
            self.text = ""
