"""What a station and a PLC show each other over Modbus: bits and words, and both handshakes. No sockets here.

docs/wiring.md has the same table for who programs the PLC.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from edge.contract.types import Signal, Verdict
from edge.errors import SignalError
from edge.line.outputs import Output, Told

BITS = tuple(Output)
"""The outputs are bits 0 to 5."""
RESULTS_VALID, TRIGGER_ACK = 6, 7
STATION_BITS, STATION_WORDS = 8, 6
"""What the station shows: bits from 0 on, words from 0 on.

Words 0 and 1 are the sequence of a result (high word first), 2 its verdict, 3 is 1 for accept; 4 and 5 are the sequence
that the last trigger got.
"""
TRIGGER, RESULTS_ACK = 16, 17
PLC_BITS, PLC_WORDS = 2, 2
"""What the PLC shows, both from 16 on: two bits, and the number of the part that it triggers."""
VERDICTS = {Verdict.OK: 1, Verdict.NG: 2, Verdict.REVIEW: 3, Verdict.FAULT: 4}
WAITING = 16
"""Results that may wait for the PLC."""


class ModbusImage:
    """Both sides of the exchange; any thread may call it.

    A result stands until the PLC has acknowledged it: RESULTS_VALID rises with it, RESULTS_ACK answers, RESULTS_VALID
    falls, RESULTS_ACK falls, and the next one may come. TRIGGER and TRIGGER_ACK do the same for a trigger; one that is
    not taken gets no TRIGGER_ACK.
    """

    def __init__(self, *, acknowledged: bool = True) -> None:
        """`acknowledged` False: results do not wait for RESULTS_ACK, each replaces the one before."""
        self._acknowledged = acknowledged
        self._guard = threading.Lock()
        self._levels = dict.fromkeys(Output, False)
        self._waiting: deque[Told] = deque()
        self._told: Told | None = None
        self._valid = self._ack = False
        self._trigger: bool | None = False
        self._trigger_ack = False
        self._triggered = 0
        self.on_trigger: Callable[[str], int | None] | None = None
        """Takes a part's id and gives the sequence of its trigger, None when it was not taken."""
        self.on_change: Callable[[], None] = lambda: None
        """Called after each change of what the station shows, from any thread; must not wait."""

    def write(self, output: Output, level: bool) -> None:
        """Shows a level."""
        with self._guard:
            self._levels[output] = level
        self.on_change()

    def tell(self, told: Told) -> None:
        """Shows a result in its turn. Raises SignalError while too many wait for the PLC."""
        with self._guard:
            if not self._acknowledged:
                self._waiting.clear()
            elif len(self._waiting) == WAITING:
                raise SignalError(f"{WAITING} results wait for the PLC; have it answer RESULTS_VALID with RESULTS_ACK")
            self._waiting.append(told)
            self._advance()
        self.on_change()

    def receive(self, trigger: bool, results_ack: bool, part: int) -> None:
        """The PLC shows these now; `part` 0 is none."""
        before = self.show()
        with self._guard:
            rises, self._trigger = trigger and self._trigger is False, trigger
            self._trigger_ack = self._trigger_ack and trigger
            self._ack = results_ack
            self._advance()
        taken = self.on_trigger(str(part) if part else "") if rises and self.on_trigger else None
        if taken is not None:
            with self._guard:
                self._triggered, self._trigger_ack = taken, True
        if self.show() != before:
            self.on_change()

    def forget(self) -> None:
        """What the PLC shows next is where it begins: a TRIGGER that is up then may be long past, and is none."""
        with self._guard:
            self._trigger = None

    def show(self) -> tuple[list[bool], list[int]]:
        """The station's bits and words."""
        with self._guard:
            told = self._told
            result = (
                [*_two_words(told.sequence), VERDICTS[told.verdict], told.signal is Signal.ACCEPT] if told else [0] * 4
            )
            bits = [*(self._levels[output] for output in BITS), self._valid, self._trigger_ack]
            return bits, [*map(int, result), *_two_words(self._triggered)]

    def _advance(self) -> None:
        if not self._acknowledged:
            self._valid = bool(self._told or self._waiting)
        elif self._valid and self._ack:
            self._valid = False
        elif not self._valid and not self._ack and self._waiting:
            self._valid = True
        else:
            return
        if self._valid and self._waiting:
            self._told = self._waiting.popleft()


def part_number(words: list[int]) -> int:
    """The PLC's two words, high word first."""
    return words[0] << 16 | words[1]


def _two_words(number: int) -> tuple[int, int]:
    return number >> 16 & 0xFFFF, number & 0xFFFF
