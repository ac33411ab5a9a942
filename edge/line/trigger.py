"""Where the line's triggers come from: the interface, its simulated twin, and the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from edge.contract.lifetime import Device
from edge.errors import TriggerError

OnTrigger = Callable[[str, int], object]
"""Takes the part's id, empty where the source knows none, and the trigger's time by CLOCK_MONOTONIC, in nanoseconds.

Whether the trigger was taken is what it gives.
"""


class TriggerSource(Device):
    """Calls back at each trigger, from a thread of its own. What comes before `listen` is lost.

    The only error that leaves it is TriggerError.
    """

    failure = TriggerError

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self._on_trigger: OnTrigger | None = None

    def listen(self, on_trigger: OnTrigger) -> None:
        """From now on each trigger goes to `on_trigger`, which must not wait and must not raise."""
        self._on_trigger = on_trigger

    @property
    def trouble(self) -> str:
        """Why no trigger can come at this moment; empty when nothing is known."""
        return ""

    def _fire(self, at_ns: int, part: str = "") -> object:
        return self._on_trigger(part, at_ns) if self._on_trigger else None


class SimulatedTrigger(TriggerSource):
    """Triggers when it is asked to."""

    def __init__(self) -> None:
        super().__init__("the simulated trigger")

    def pulse(self, part: str = "") -> object:
        """One trigger, now; gives what became of it. A closed source triggers nothing."""
        return self._fire(time.monotonic_ns(), part) if self._is_open else None

    def _do_open(self) -> None:
        """There is nothing to open."""

    def _do_close(self) -> None:
        """There is nothing to close."""


class TimedTrigger(TriggerSource):
    """Triggers at a fixed rate. One that was overslept comes late, with the time at which it was due."""

    def __init__(self, period_s: float) -> None:
        """`period_s` is the time from one to the next."""
        super().__init__("the timed trigger")
        self._period_ns = round(period_s * 1e9)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def _do_open(self) -> None:
        self._ending.clear()
        self._thread = threading.Thread(target=self._run, name="trigger", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due_ns = time.monotonic_ns() + self._period_ns
        while not self._ending.wait(max(0, due_ns - time.monotonic_ns()) / 1e9):
            self._fire(due_ns)
            due_ns += self._period_ns

    def _do_close(self) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
