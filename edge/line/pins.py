"""gpiozero's way to the pins: which driver, and its errors in one line. gpiozero is imported on use, never before."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from edge.errors import HardwareError

HINT = 'check the user\'s rights on /dev/gpiochip*; set factory = "mock" where there is no GPIO'

STATES = 1000
"""Last changes of level that a mock pin remembers."""

FactoryName = Literal["auto", "mock"]
""""auto" is the board's GPIO through lgpio, with no fallback; "mock" is gpiozero's own mock."""


def pin_factory(name: FactoryName) -> Any:
    """A new one, for its owner alone. Raises HardwareError where lgpio is absent, and whatever lgpio raises."""
    if name == "mock":
        return _mock_factory()
    try:  # gpiozero's default would fall back to other drivers with no more than a warning
        from gpiozero.pins.lgpio import LGPIOFactory
    except ImportError as error:
        raise HardwareError(
            f"lgpio cannot be imported ({error}); pip install 'okng[pi]', or factory = \"mock\""
        ) from None
    return LGPIOFactory()


def _mock_factory() -> Any:
    """gpiozero's own pin keeps each change for ever: 22 MB an hour with a pulse for each of 30 parts a second."""
    from gpiozero.pins.mock import MockFactory, MockPin

    class ForgetfulPin(MockPin):
        states: Any

        def clear_states(self) -> None:
            super().clear_states()
            self.states = deque(self.states, maxlen=STATES)

    return MockFactory(pin_class=ForgetfulPin)


@contextmanager
def pin_errors(failure: type[HardwareError], what: str) -> Iterator[None]:
    """The one boundary: whatever gpiozero or lgpio raises leaves as `failure`, in one line."""
    try:
        yield
    except failure:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        _forget_frames(error)
        raise failure(f"{what}: {reason}") from None


def close_all(devices: list[Any]) -> None:
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


def _forget_frames(error: BaseException | None) -> None:
    """Lets go of what the failed calls held: gpiozero keeps a pin reserved as long as a half-made output lives."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__
