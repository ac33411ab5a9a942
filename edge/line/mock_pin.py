"""gpiozero's mock pin, fit to be pulsed for months: it remembers its last states and no more."""

from __future__ import annotations

from collections import deque
from typing import Any

from gpiozero.pins.mock import MockPin

STATES = 1000


class ForgetfulPin(MockPin):
    """gpiozero's own keeps each change for ever: 22 MB an hour with a pulse for each of 30 parts a second."""

    states: Any

    def clear_states(self) -> None:
        """As gpiozero's."""
        super().clear_states()
        self.states = deque(self.states, maxlen=STATES)
