"""An incremental encoder on one or two GPIO pins, through gpiozero."""

from __future__ import annotations

import time
from typing import Any

from edge.errors import TriggerError
from edge.line.encoder import Encoder
from edge.line.pins import HINT, FactoryName, close_all, pin_errors, pin_factory


class GpioEncoder(Encoder):
    """Counts the rising edges of channel A; with B all four edges of a turn of both, forwards while A is ahead of B.

    Without B a belt that trembles, or goes backwards, counts on. Counted in gpiozero's thread, one call for each edge.
    """

    def __init__(self, pin_a: int, pin_b: int | None, *, pull: bool, factory: FactoryName = "auto") -> None:
        """BCM numbers. `pull` connects the board's own resistors to ground."""
        super().__init__("the encoder")
        self._pins, self._pull, self._factory_name = (pin_a, pin_b), pull, factory
        self._factory: Any = None
        self._devices: list[Any] = []
        self._levels = [False, False]

    def _do_open(self) -> None:
        with pin_errors(TriggerError, f"{self._named()} cannot be opened for the encoder; {HINT}"):
            from gpiozero import DigitalInputDevice

            self._factory = pin_factory(self._factory_name)
            pulls = {"pull_up": False} if self._pull else {"pull_up": None, "active_state": True}
            for channel, pin in enumerate(self._pins):
                if pin is not None:
                    device = DigitalInputDevice(pin, **pulls, pin_factory=self._factory)
                    self._devices.append(device)
                    self._levels[channel] = bool(device.is_active)
            for channel, device in enumerate(self._devices):
                device.when_activated = self._hearing(channel, True)
                device.when_deactivated = self._hearing(channel, False)

    def _hearing(self, channel: int, level: bool) -> Any:
        return lambda: self._change(channel, level)

    def _change(self, channel: int, level: bool) -> None:
        """gpiozero calls it for one edge after the other."""
        self._levels[channel] = level
        if self._pins[1] is None:
            step = int(level)
        else:
            step = 1 if (self._levels[0] is not self._levels[1]) is (channel == 0) else -1
        if step:
            self._move(step, time.monotonic_ns())

    def _do_close(self) -> None:
        devices, self._devices = self._devices, []
        factory, self._factory = self._factory, None
        with pin_errors(TriggerError, f"{self._named()} cannot be closed"):
            close_all([*devices, factory])

    def _named(self) -> str:
        return "GPIO " + " and ".join(str(pin) for pin in self._pins if pin is not None)
