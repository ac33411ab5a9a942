"""Triggers, each with the number that its one result will have."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from edge.line import LineSignal, NoSignal

WAITING = 64
"""Triggers that may wait for their frame; more are refused."""
FOR_EVER_NS = 10**18


@dataclass(frozen=True, slots=True)
class Trigger:
    """A request for one inspection. `wall_ns` is Unix time, the others are CLOCK_MONOTONIC in nanoseconds.

    `monotonic_ns` is the same instant as `wall_ns`. The frame is to be exposed from `from_ns` on, and not after
    `until_ns`; the verdict is to be there by `deadline_ns`.
    """

    sequence: int
    part: str
    wall_ns: int
    monotonic_ns: int
    from_ns: int
    until_ns: int
    deadline_ns: int


class Untaken(StrEnum):
    """Why a trigger gets no inspection. Its part is rejected."""

    MISSED = "missed"
    """It came while the station did not inspect."""
    OVERRUN = "overrun"
    """It came while as many waited for their frame as may."""


@dataclass(frozen=True, slots=True)
class Times:
    """In nanoseconds: from the trigger to its verdict at the latest, and to its part before the camera; and how long
    that stays there.
    """

    deadline_ns: int = 5_000_000_000
    delay_ns: int = 0
    window_ns: int = FOR_EVER_NS


class Triggers:
    """Numbers triggers, has the line expect their parts, and hands them to the line thread."""

    def __init__(
        self, signal: LineSignal | None = None, times: Times | None = None, parts: Iterator[str] | None = None
    ) -> None:
        """`parts` are the ids of those parts whose trigger brings none."""
        self._signal, self._times = signal or NoSignal(), times or Times()
        self._parts = parts or itertools.repeat("")
        self._guard = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: queue.Queue[Trigger] = queue.Queue(WAITING)
        self._closed = False

    def now(self, part: str = "", at_ns: int | None = None) -> Trigger:
        """A trigger at this moment, or at `at_ns` (CLOCK_MONOTONIC, past), to be served at once by the caller."""
        now_ns, wall_ns, times = time.monotonic_ns(), time.time_ns(), self._times
        at_ns = now_ns if at_ns is None else at_ns
        from_ns = at_ns + times.delay_ns
        trigger = Trigger(
            next(self._numbers), part or next(self._parts), wall_ns - (now_ns - at_ns), at_ns,
            from_ns, from_ns + times.window_ns, at_ns + times.deadline_ns,
        )  # fmt: skip
        self._signal.expect(trigger.sequence, at_ns, trigger.deadline_ns)
        return trigger

    def ask(self, part: str, at_ns: int | None = None) -> Trigger | Untaken:
        """A trigger for the line thread to serve, unless too many wait already, or none is taken any more."""
        with self._guard:
            if self._closed:
                return self.pass_over(Untaken.MISSED, at_ns)
            if self._waiting.full():
                return self.pass_over(Untaken.OVERRUN, at_ns)
            trigger = self.now(part, at_ns)
            self._waiting.put_nowait(trigger)
            return trigger

    def alone(self) -> Trigger | None:
        """As `now`, unless another one waits: it would get its result after this one, and has the lower number."""
        with self._guard:
            return None if self.waiting else self.now()

    @property
    def waiting(self) -> bool:
        """Whether any is to be served yet."""
        return not self._waiting.empty()

    def pass_over(self, why: Untaken, at_ns: int | None = None) -> Untaken:
        """A trigger that is not taken: its part is rejected."""
        self._signal.pass_over(time.monotonic_ns() if at_ns is None else at_ns)
        return why

    def close(self) -> None:
        """Takes no more; what waits can still be taken out."""
        with self._guard:
            self._closed = True

    def take(self, timeout_s: float) -> Trigger | None:
        """The next trigger to serve; None when none comes in time."""
        try:
            return self._waiting.get(timeout=timeout_s) if timeout_s > 0 else self._waiting.get_nowait()
        except queue.Empty:
            return None
