"""Triggers from a sensor on a GPIO pin, through gpiozero."""

from __future__ import annotations

import threading
import time
from typing import Any

from edge.errors import TriggerError
from edge.line.pins import HINT, FactoryName, close_all, pin_errors, pin_factory
from edge.line.trigger import TriggerSource


class Debounce:
    """Finds the edges of a contact that bounces, and of a wire that catches spikes.

    A level counts once it has lasted, and from the time at which it began: so the edge is told `lasting_ns` late, and
    with its true time.
    """

    def __init__(self, lasting_ns: int, active: bool) -> None:
        """`active` is the level at the beginning, which is no edge."""
        self._lasting_ns = lasting_ns
        self._settled = self._active = active
        self._since_ns = 0

    @property
    def due_ns(self) -> int | None:
        """When `settle` will know more, if the level stays; None when it stays as it was."""
        return None if self._active is self._settled else self._since_ns + self._lasting_ns

    def change(self, active: bool, at_ns: int) -> int | None:
        """The level has changed; gives the time of an edge to active that this confirms."""
        found = self.settle(at_ns)
        if active is not self._active:
            self._active, self._since_ns = active, at_ns
        return found

    def settle(self, now_ns: int) -> int | None:
        """Time has passed; gives the time of an edge to active that has lasted by now, once."""
        if self.due_ns is None or now_ns < self.due_ns:
            return None
        self._settled = self._active
        return self._since_ns if self._active else None


class GpioTrigger(TriggerSource):
    """Triggers at each edge of a pin. gpiozero calls from its thread; another waits until the level has lasted."""

    def __init__(self, pin: int, *, rising: bool, pull: bool, debounce_s: float, factory: FactoryName = "auto") -> None:
        """`pin` is a BCM number. `pull` connects the board's own resistor, towards the level at rest."""
        super().__init__("the trigger pin")
        self._pin, self._rising, self._pull, self._factory_name = pin, rising, pull, factory
        self._debounce_ns = round(debounce_s * 1e9)
        self._news = threading.Condition()
        self._ending = False
        self._factory: Any = None
        self._device: Any = None
        self._thread: threading.Thread | None = None

    def _do_open(self) -> None:
        self._ending = False
        with pin_errors(TriggerError, f"GPIO {self._pin} cannot be opened for triggers; {HINT}"):
            from gpiozero import DigitalInputDevice

            self._factory = pin_factory(self._factory_name)
            pulls = {"pull_up": not self._rising} if self._pull else {"pull_up": None, "active_state": self._rising}
            self._device = DigitalInputDevice(self._pin, **pulls, pin_factory=self._factory)
            self._debounce = Debounce(self._debounce_ns, bool(self._device.is_active))
            self._thread = threading.Thread(target=self._run, name="trigger", daemon=True)
            self._thread.start()
            self._device.when_activated = lambda: self._change(True)
            self._device.when_deactivated = lambda: self._change(False)

    def _do_close(self) -> None:
        with self._news:
            self._ending = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join()
        device, self._device = self._device, None
        factory, self._factory = self._factory, None
        with pin_errors(TriggerError, f"GPIO {self._pin} cannot be closed"):
            close_all([device, factory])

    def _change(self, active: bool) -> None:
        with self._news:
            self._tell(self._debounce.change(active, time.monotonic_ns()))
            self._news.notify()

    def _run(self) -> None:
        with self._news:
            while not self._ending:
                self._tell(self._debounce.settle(time.monotonic_ns()))
                due_ns = self._debounce.due_ns
                self._news.wait(None if due_ns is None else max(0, due_ns - time.monotonic_ns()) / 1e9)

    def _tell(self, edge_ns: int | None) -> None:
        if edge_ns is not None:
            self._fire(edge_ns)
