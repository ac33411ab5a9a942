"""How far the belt has gone, in counts: the interface of whatever counts, and its simulated twin."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable

from edge.contract.lifetime import Device
from edge.errors import TriggerError

log = logging.getLogger(__name__)

REMEMBERED = 8192
"""Changes of the count that are remembered, to tell where the belt was when a part was seen."""
AWAITED = 4096
"""Places that may be awaited."""
TICK_S = 0.002

Reached = Callable[[int], None]
"""Takes the time (CLOCK_MONOTONIC, nanoseconds) at which the belt was where it was awaited; must not wait."""


class Encoder(Device):
    """Counts from 0 on; a belt that goes backwards counts down. Any thread may ask it.

    The only error that leaves it is TriggerError.
    """

    failure = TriggerError

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self._guard = threading.Lock()
        """Guards all that follows."""
        self._seen: deque[tuple[int, int]] = deque([(0, 0)], maxlen=REMEMBERED)
        """(time, count) of each change, oldest first."""
        self._awaited: list[tuple[int, int, Reached]] = []
        """(count, order, whom to tell) as a heap."""
        self._order = itertools.count()

    @property
    def count(self) -> int:
        """Where the belt is."""
        return self._seen[-1][1]

    def at(self, at_ns: int) -> int:
        """Where the belt was then (CLOCK_MONOTONIC, nanoseconds); or at the oldest time that is remembered."""
        with self._guard:
            return self._seen[self._place(at_ns)][1]

    def call(self, counts: int, at_ns: int, reached: Reached) -> None:
        """Calls back once, when the belt is `counts` further than it was at `at_ns`; at once where it is already.

        Never, where AWAITED places are awaited before it: a sensor fires on and on before a belt that stands.
        """
        with self._guard:
            place = self._place(at_ns)
            target = self._seen[place][1] + counts
            since = itertools.islice(self._seen, place, None)
            passed_ns = next((max(when, at_ns) for when, count in since if count >= target), None)
            if passed_ns is None and len(self._awaited) < AWAITED:
                heapq.heappush(self._awaited, (target, next(self._order), reached))
        if passed_ns is not None:
            reached(passed_ns)

    def _place(self, at_ns: int) -> int:
        """In `_seen`: the last change until then."""
        return max(0, bisect_right(self._seen, at_ns, key=lambda seen: seen[0]) - 1)

    def _move(self, counts: int, at_ns: int) -> None:
        """The belt has gone so much further; of one thread."""
        there: list[Reached] = []
        with self._guard:
            now = self.count + counts
            self._seen.append((at_ns, now))
            while self._awaited and self._awaited[0][0] <= now:
                there.append(heapq.heappop(self._awaited)[2])
        for reached in there:
            reached(at_ns)

    def _lose(self, reason: str) -> None:
        """Nobody knows how far the belt has gone meanwhile: whoever awaits a place is never called."""
        with self._guard:
            lost, self._awaited = len(self._awaited), []
        log.error("%s: %s; %d places of parts are lost, these are rejected", self._label, reason, lost)


class SimulatedEncoder(Encoder):
    """A belt that moves when it is told to, or by itself at a constant speed."""

    def __init__(self, per_s: float = 0.0) -> None:
        """`per_s` counts a second; 0: it stands still but for `move`."""
        super().__init__("the simulated encoder")
        self._per_s = per_s
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def move(self, counts: int) -> None:
        """So much further, now. A closed one counts nothing."""
        if self._is_open:
            self._move(counts, time.monotonic_ns())

    def _do_open(self) -> None:
        self._ending.clear()
        if self._per_s:
            self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        began_s, moved = time.monotonic(), 0
        while not self._ending.wait(TICK_S):
            due = int((time.monotonic() - began_s) * self._per_s)
            if due > moved:
                self._move(due - moved, time.monotonic_ns())
                moved = due

    def _do_close(self) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
