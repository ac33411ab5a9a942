"""Whether a bundle that took over brings faults with it that were not there before."""

from __future__ import annotations

import math
import threading
from collections import deque

from edge.contract.types import Inspection, Verdict

FRAMES = 100
"""How long a trial is, and over how many frames the share of faults is taken."""
FEWEST = 3
"""Faults that are a rise; one or two may be anything."""
FLOOR = 0.01
"""A share of faults that is usual even where none were seen: a hundred frames cannot tell."""


class Trial:
    """Of the bundle in use. Counts frames that reached the model: what a camera did not give is not a bundle's doing.

    `see` is called by the record thread, everything else by the command thread.
    """

    def __init__(self, bundle: str, before: float | None) -> None:
        """`before` is the share of faults before `bundle` took over, 0 to 1; None where it is not on trial."""
        self._guard = threading.Lock()
        self.begin(bundle, before)

    def begin(self, bundle: str, before: float | None) -> None:
        """Another bundle has taken over."""
        with self._guard:
            self._bundle, self._before = bundle, before
            self._recent: deque[bool] = deque(maxlen=FRAMES)
            self._wrong = ""

    def fail(self, reason: str) -> None:
        """It judges known frames wrong."""
        with self._guard:
            self._wrong = reason

    def see(self, bundle: str, inspection: Inspection) -> None:
        """What `bundle` made of a frame; one that has been replaced since does not count."""
        if inspection.frame is not None:
            with self._guard:
                if bundle == self._bundle:
                    self._recent.append(inspection.judgement.verdict is Verdict.FAULT)

    @property
    def faults(self) -> float:
        """Their share among the last frames, 0 to 1."""
        with self._guard:
            return sum(self._recent) / max(1, len(self._recent))

    @property
    def failed(self) -> str:
        """Why the bundle should go, in words; empty as long as it may stay.

        Faults are more than three sigma above what is usual, as on a p-chart.
        """
        with self._guard:
            if self._before is None:
                return ""
            if self._wrong:
                return self._wrong
            frames, faults, usual = len(self._recent), sum(self._recent), max(self._before, FLOOR)
            limit = frames * usual + 3 * math.sqrt(frames * usual * (1 - usual))
            if faults < FEWEST or faults <= limit:
                return ""
            return f"{faults} of its first {frames} frames were faults, {self._before:.0%} before"

    @property
    def passed(self) -> bool:
        """It was on trial, and is through."""
        with self._guard:
            return self._before is not None and len(self._recent) == FRAMES
