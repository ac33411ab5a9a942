"""The accept/reject signal on GPIO pins, through gpiozero."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

from edge.errors import ConfigError, SignalError
from edge.line.signal import LineSignal

_HINT = 'check the user\'s rights on /dev/gpiochip*; set factory = "mock" where there is no GPIO'


class _PulseTimer(threading.Thread):
    """Calls `end` when `delay_s` seconds have passed since `lock` was let go, unless it is cancelled."""

    def __init__(self, lock: threading.Lock, delay_s: float, end: Callable[[], None]) -> None:
        super().__init__(name="line-pulse", daemon=True)
        self.cancelled = threading.Event()
        self._held, self._delay_s, self._end = lock, delay_s, end

    def run(self) -> None:
        with self._held:
            pass  # whoever started this holds it until the output is up
        if not self.cancelled.wait(self._delay_s):
            self._end()


class GpioSignal(LineSignal):
    """PASS is an active pulse; low, which is also its level at rest, is reject.

    A second pin, if there is one, pulses for each reject. A new signal ends the pulse that is still out: PASS goes
    low first, so two accepts in a row have an edge between them, though one too short for some inputs to see: keep
    `pulse_ms` below the time between two parts.

    When the process dies, the kernel lets go of the pins and they float: wire a resistor that pulls PASS to reject.
    """

    BCM_PINS: ClassVar[range] = range(28)
    PULSE_MS: ClassVar[range] = range(1, 10_001)
    _RETRY_S = 0.05

    def __init__(
        self,
        pass_pin: int,
        reject_pin: int | None = None,
        pulse_ms: int = 100,
        factory: Literal["auto", "mock"] = "auto",
    ) -> None:
        """Pins are BCM numbers, 0 to 27; `pulse_ms` is 1 to 10000. Raises ConfigError for anything else.

        `factory` "auto" is the board's GPIO through lgpio, with no fallback; "mock" is gpiozero's own mock.
        """
        super().__init__()
        for name, pin in (("pass_pin", pass_pin), ("reject_pin", reject_pin)):
            if pin is not None and pin not in self.BCM_PINS:
                raise ConfigError(f"{name} {pin}: a BCM GPIO number, 0 to 27")
        if pass_pin == reject_pin:
            raise ConfigError(f"reject_pin {reject_pin}: is the pass_pin too; give it a pin of its own")
        if pulse_ms not in self.PULSE_MS:
            raise ConfigError(f"pulse_ms {pulse_ms}: 1 to 10000 milliseconds")
        if factory not in ("auto", "mock"):
            raise ConfigError(f'factory "{factory}": "auto" or "mock"')
        self._pass_pin, self._reject_pin = pass_pin, reject_pin
        self._pulse_s = pulse_ms / 1000
        self._factory_name = factory
        self._factory: Any = None
        self._outputs: dict[int, Any] = {}
        self._pulse: _PulseTimer | None = None
        self._lock = threading.Lock()
        self._overrun = ""
        """Why the last pulse could not be ended; empty when it was."""

    def _do_open(self) -> None:
        self._overrun = ""
        with self._errors(f"GPIO cannot be opened; {_HINT}"):
            from gpiozero import DigitalOutputDevice

            self._factory = _mock_factory() if self._factory_name == "mock" else _lgpio_factory()
            for pin in (self._pass_pin, self._reject_pin):
                if pin is not None:
                    self._outputs[pin] = DigitalOutputDevice(pin, initial_value=False, pin_factory=self._factory)

    def _do_send(self, accept: bool) -> None:
        pin = self._pass_pin if accept else self._reject_pin
        with self._lock, self._errors("GPIO cannot be driven; check the wiring and restart the station"):
            self._rest()
            self._report_overrun()
            if pin is not None:
                self._raise_for_a_pulse(pin)

    def _raise_for_a_pulse(self, pin: int) -> None:
        """The thread that ends the pulse runs before the pulse begins: no failure leaves an output high."""
        self._start_timer(self._pulse_s)
        try:
            self._outputs[pin].on()
        except BaseException:
            self._rest()
            raise

    def _start_timer(self, delay_s: float) -> None:
        pulse = _PulseTimer(self._lock, delay_s, self._end_pulse)
        pulse.start()
        self._pulse = pulse

    def _end_pulse(self) -> None:
        """Runs in the timer's thread. A failure is kept for the next `send` to report, and tried again until then."""
        with self._lock:
            if self._pulse is not threading.current_thread():
                return  # another signal has replaced this pulse
            try:
                self._rest()
            except Exception as error:
                self._overrun = str(error) or type(error).__name__
                self._start_timer(self._RETRY_S)

    def _rest(self) -> None:
        """End the pulse: all outputs low, PASS first; every output is tried before the first error is raised."""
        if self._pulse is not None:
            self._pulse.cancelled.set()
            self._pulse = None
        errors: list[Exception] = []
        for output in self._outputs.values():
            try:
                output.off()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _report_overrun(self) -> None:
        if self._overrun:
            reason, self._overrun = self._overrun, ""
            raise SignalError(f"the last pulse outlasted its time, the line may have taken a wrong part: {reason}")

    def _do_close(self) -> None:
        with self._lock, self._errors("GPIO cannot be closed"):
            try:
                self._rest()
            finally:
                outputs, self._outputs = self._outputs, {}
                factory, self._factory = self._factory, None
                _close_all([*outputs.values(), factory])

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """The one boundary: whatever gpiozero or lgpio raises leaves as SignalError, in one line."""
        try:
            yield
        except SignalError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            _forget_frames(error)
            raise SignalError(f"{what}: {reason}") from None


def _forget_frames(error: BaseException | None) -> None:
    """Lets go of what the failed calls held: gpiozero keeps a pin reserved as long as a half-made output lives."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def _mock_factory() -> Any:
    from gpiozero.pins.mock import MockFactory

    return MockFactory()


def _lgpio_factory() -> Any:
    """The board's own GPIO. gpiozero's default would fall back to other drivers with no more than a warning."""
    try:
        from gpiozero.pins.lgpio import LGPIOFactory
    except ImportError as error:
        raise SignalError(
            f"lgpio cannot be imported ({error}); pip install 'okng[pi]', or factory = \"mock\""
        ) from None
    return LGPIOFactory()


def _close_all(devices: list[Any]) -> None:
    """Close each, whatever happens to the others; then raise the first error."""
    errors: list[Exception] = []
    for device in devices:
        try:
            if device is not None:
                device.close()
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]
