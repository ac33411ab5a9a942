"""The line's outputs on GPIO pins, through gpiozero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.errors import SignalError
from edge.line.outputs import Output, Outputs
from edge.line.pins import HINT, FactoryName, close_all, pin_errors, pin_factory


class GpioOutputs(Outputs):
    """Some of the outputs, each on a pin of its own.

    When the process dies, the kernel lets go of the pins and they float: wire a resistor that pulls PASS to reject
    (docs/wiring.md).
    """

    def __init__(self, pins: Mapping[Output, int], factory: FactoryName = "auto") -> None:
        """`pins` are BCM numbers, 0 to 27, no two alike."""
        super().__init__()
        self._pins = dict(pins)
        self._factory_name: FactoryName = factory
        self._factory: Any = None
        self._devices: dict[Output, Any] = {}

    def _do_open(self) -> None:
        with pin_errors(SignalError, f"GPIO cannot be opened; {HINT}"):
            from gpiozero import DigitalOutputDevice

            self._factory = pin_factory(self._factory_name)
            for output, pin in self._pins.items():
                self._devices[output] = DigitalOutputDevice(pin, initial_value=False, pin_factory=self._factory)

    def _do_write(self, output: Output, level: bool) -> None:
        device = self._devices.get(output)
        if device is None:
            return
        with pin_errors(SignalError, f"the {output} pin cannot be driven; check the wiring and restart the station"):
            device.value = level

    def _do_close(self) -> None:
        """All low, PASS first, then let go of; each is tried before the first error is raised."""
        devices, self._devices = self._devices, {}
        factory, self._factory = self._factory, None
        with pin_errors(SignalError, "GPIO cannot be closed"):
            try:
                _lower([devices[output] for output in Output if output in devices])
            finally:
                close_all([*devices.values(), factory])


def _lower(devices: list[Any]) -> None:
    errors: list[Exception] = []
    for device in devices:
        try:
            device.off()
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]
