"""Triggers, each with the number that its one result will have."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from dataclasses import dataclass

WAITING = 64
"""Triggers that may wait for their frame; more are refused."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A request for one inspection. `wall_ns` is Unix time, `monotonic_ns` CLOCK_MONOTONIC of the same instant."""

    sequence: int
    part: str
    wall_ns: int
    monotonic_ns: int


class Triggers:
    """Numbers triggers and hands them from the command thread to the line thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: queue.Queue[Trigger] = queue.Queue(WAITING)
        self._closed = False

    def now(self, part: str = "") -> Trigger:
        """A trigger at this moment, to be served at once by the caller."""
        return Trigger(next(self._numbers), part, time.time_ns(), time.monotonic_ns())

    def ask(self, part: str) -> Trigger | None:
        """A trigger for the line thread to serve; None when too many wait already, or after `close`: none was made."""
        with self._guard:
            if self._closed or self._waiting.full():
                return None
            trigger = self.now(part)
            self._waiting.put_nowait(trigger)
            return trigger

    @property
    def waiting(self) -> bool:
        """Whether any is to be served yet."""
        return not self._waiting.empty()

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
