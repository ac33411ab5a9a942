"""What the line reads of a station, wire by wire: the interface, and its simulated twin."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from edge.contract.lifetime import Device
from edge.contract.types import Signal, Verdict
from edge.errors import SignalError


class Output(StrEnum):
    """One wire, or one bit. All are active high, and low at rest."""

    PASS = "pass"
    """A pulse for each part that is accepted, and nothing else accepts."""
    REJECT = "reject"
    """A pulse for each part that is not."""
    BUSY = "busy"
    """A trigger has been taken, and its verdict is not out."""
    READY = "ready"
    """A part that comes now would be judged."""
    ERROR = "error"
    """The station cannot do its work."""
    HEARTBEAT = "heartbeat"
    """Toggles as long as the station's line thread gets on."""


@dataclass(frozen=True, slots=True)
class Told:
    """One result, for outputs that can say more than levels."""

    sequence: int
    verdict: Verdict
    signal: Signal


class Outputs(Device):
    """Levels that the line reads. When it opens and closes, and after every error, PASS is low.

    Nothing here waits for the line or for a network. One thread at a time may call it. The only error that leaves it
    is SignalError.
    """

    failure = SignalError

    def __init__(self) -> None:
        super().__init__("the line's outputs")

    def write(self, output: Output, level: bool) -> None:
        """Drives one output; one that is not wired is left alone. Raises SignalError when it cannot be driven."""
        if not self._is_open:
            raise SignalError("the line's outputs are closed; open them before writing")
        self._do_write(output, level)

    def tell(self, told: Told) -> None:
        """Hands over one result. Raises SignalError when it cannot be handed over. Plain wires take none."""

    @property
    def trouble(self) -> str:
        """What is wrong with the outputs at this moment, though no write failed; empty when nothing is known."""
        return ""

    @abstractmethod
    def _do_write(self, output: Output, level: bool) -> None:
        """As `write`; the outputs are open."""


class SimulatedOutputs(Outputs):
    """Drives nothing and remembers the last changes: for a station without outputs, and for trials."""

    REMEMBERED: ClassVar[int] = 10_000

    def __init__(self) -> None:
        super().__init__()
        self.levels = dict.fromkeys(Output, False)
        self.changes: deque[tuple[int, Output, bool]] = deque(maxlen=self.REMEMBERED)
        """(CLOCK_MONOTONIC in nanoseconds, output, level), oldest first."""
        self.told: deque[Told] = deque(maxlen=self.REMEMBERED)
        self.changed = threading.Condition()
        """Notified with each change."""

    def tell(self, told: Told) -> None:
        """Remembers it."""
        self.told.append(told)

    def _do_open(self) -> None:
        """There is nothing to open."""

    def _do_write(self, output: Output, level: bool) -> None:
        with self.changed:
            if self.levels[output] is not level:
                self.levels[output] = level
                self.changes.append((time.monotonic_ns(), output, level))
                self.changed.notify_all()

    def _do_close(self) -> None:
        for output in Output:
            self._do_write(output, False)
