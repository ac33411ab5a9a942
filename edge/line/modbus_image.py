"""What a station and a PLC show each other over Modbus: bits and words, and both handshakes. No sockets here.

docs/wiring.md has the same table for who programs the PLC.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from enum import IntEnum

from edge.contract.types import Signal, Verdict
from edge.errors import SignalError
from edge.line.outputs import Output, Told

BITS = tuple(Output)
"""The outputs are bits 0 to 5."""
RESULTS_VALID, TRIGGER_ACK, CHANGEOVER_DONE = 6, 7, 8
STATION_BITS, STATION_WORDS = 9, 8
"""What the station shows: bits from 0 on, words from 0 on.

Words 0 and 1 are the sequence of a result (high word first), 2 its verdict, 3 is 1 for accept; 4 and 5 are the sequence
that the last trigger got; 6 is the recipe in use, 7 what became of the last changeover.
"""
TRIGGER, RESULTS_ACK, CHANGEOVER = 16, 17, 18
PLC, PLC_BITS, PLC_WORDS = 16, 3, 5
"""What the PLC shows, both from 16 on: three bits; and in words the number of the part that it triggers, two words of
how far the belt has gone, and the number of the recipe that it wants."""
VERDICTS = {Verdict.OK: 1, Verdict.NG: 2, Verdict.REVIEW: 3, Verdict.FAULT: 4}
WAITING = 16
"""Results that may wait for the PLC."""


class Changed(IntEnum):
    """What became of the PLC's last changeover."""

    NONE = 0
    """It asked for none, or for one that is under way."""
    DONE = 1
    BUSY = 2
    """Not now: a part is in flight, or another change is under way."""
    UNKNOWN = 3
    """No recipe has that number in the station file."""
    REFUSED = 4
    """Recipe or bundle is wrong, or judges the known frames wrong; the station's log and status say why."""


class ModbusImage:
    """Both sides of the exchange; any thread may call it.

    A result stands until the PLC has acknowledged it: RESULTS_VALID rises with it, RESULTS_ACK answers, RESULTS_VALID
    falls, RESULTS_ACK falls, and the next one may come. TRIGGER and TRIGGER_ACK do the same for a trigger; one that is
    not taken gets no TRIGGER_ACK. CHANGEOVER and CHANGEOVER_DONE do it for a changeover, whatever became of it.
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
        self._changeover: bool | None = False
        self._changed = Changed.NONE
        self._recipe = 0
        self.on_trigger: Callable[[str], int | None] | None = None
        """Takes a part's id and gives the sequence of its trigger, None when it was not taken."""
        self.on_count: Callable[[int | None], None] | None = None
        """Takes how far the belt has gone by the PLC's words, at each reading; None after a time without."""
        self.on_changeover: Callable[[int], None] | None = None
        """Takes the number of the recipe that the PLC wants; whoever takes it calls `changed_over` later."""
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

    def show_recipe(self, number: int) -> None:
        """The recipe in use; 0: none, or one without a number."""
        with self._guard:
            differs, self._recipe = self._recipe != number, number
        if differs:
            self.on_change()

    def changed_over(self, changed: Changed) -> None:
        """What became of the changeover that the PLC asked for."""
        with self._guard:
            self._changed = changed
        self.on_change()

    def receive(self, bits: Sequence[bool], words: Sequence[int]) -> None:
        """The PLC shows these now, from PLC on. A part's number of 0 is none."""
        trigger, results_ack, changeover = bits[:PLC_BITS]
        part, count, recipe = _number(words[0:2]), _number(words[2:4]), words[4]
        if self.on_count:
            self.on_count(count)
        before = self.show()
        with self._guard:
            rises, self._trigger = trigger and self._trigger is False, trigger
            wanted, self._changeover = changeover and self._changeover is False, changeover
            self._trigger_ack = self._trigger_ack and trigger
            self._changed = Changed.NONE if wanted else self._changed
            self._ack = results_ack
            self._advance()
        if wanted and self.on_changeover:
            self.on_changeover(recipe)
        taken = self.on_trigger(str(part) if part else "") if rises and self.on_trigger else None
        if taken is not None:
            with self._guard:
                self._triggered, self._trigger_ack = taken, True
        if self.show() != before:
            self.on_change()

    def forget(self) -> None:
        """What the PLC shows next is where it begins: a TRIGGER that is up then may be long past, and is none.

        So is a CHANGEOVER; and how far the belt has gone meanwhile, nobody knows.
        """
        with self._guard:
            self._trigger = self._changeover = None
        if self.on_count:
            self.on_count(None)

    def show(self) -> tuple[list[bool], list[int]]:
        """The station's bits and words."""
        with self._guard:
            told = self._told
            result = (
                [*_two_words(told.sequence), VERDICTS[told.verdict], told.signal is Signal.ACCEPT] if told else [0] * 4
            )
            done = bool(self._changeover) and self._changed is not Changed.NONE
            bits = [*(self._levels[output] for output in BITS), self._valid, self._trigger_ack, done]
            return bits, [*map(int, result), *_two_words(self._triggered), self._recipe, int(self._changed)]

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


def _number(words: Sequence[int]) -> int:
    """Of two words, high word first."""
    return words[0] << 16 | words[1]


def _two_words(number: int) -> tuple[int, int]:
    return number >> 16 & 0xFFFF, number & 0xFFFF
