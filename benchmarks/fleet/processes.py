"""What processes use, read from /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """Of some processes together: share of one processor, and memory of their own (PSS: shared pages by share)."""

    processor: float
    memory_mb: float

    def __str__(self) -> str:
        return f"{self.processor:.1%} of a processor, {self.memory_mb:.0f} MB"


class Meter:
    """From its making on."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = list(pids)
        self._began, self._before = time.monotonic(), self._ticks()

    def read(self) -> Usage:
        """Since then."""
        spent_s = (self._ticks() - self._before) / TICKS
        return Usage(spent_s / (time.monotonic() - self._began), sum(map(_memory_kb, self._pids)) / 1000)

    def _ticks(self) -> int:
        return sum(map(_ticks_of, self._pids))


def _ticks_of(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _memory_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
