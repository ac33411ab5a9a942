"""The PLC's own counter of the belt, over an open link."""

from __future__ import annotations

import time

from edge.line.encoder import Encoder
from edge.line.modbus import ModbusLink

BACK, LEAP = 200, 10_000
"""Counts that a belt may go back, and forward, between two readings; more is a PLC that began anew."""
ROUND = 1 << 32


class ModbusEncoder(Encoder):
    """Counts what two words of the PLC count, 32 bits that may go round.

    The belt is where the PLC says once the station reads it: by as much as it is late, so is each place.
    """

    def __init__(self, link: ModbusLink) -> None:
        super().__init__("the Modbus encoder")
        self._link = link
        self._before: int | None = None

    def _do_open(self) -> None:
        self._before = None
        self._link.image.on_count = self._read

    def _read(self, count: int | None) -> None:
        """The words as they are; None: they could not be read for a while."""
        before, self._before = self._before, count
        if count is None:
            self._lose("the PLC was away")
            return
        step = 0 if before is None else (count - before + ROUND // 2) % ROUND - ROUND // 2
        if not -BACK <= step <= LEAP:
            self._lose(f"its count went from {before} to {count}")
        elif step:
            self._move(step, time.monotonic_ns())

    def _do_close(self) -> None:
        self._link.image.on_count = None
