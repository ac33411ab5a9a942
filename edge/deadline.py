"""A pipeline whose judge may hang: then the part is rejected all the same, and the daemon ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from edge.contract.types import Frame, Inspection, Judgement
from edge.life import Life
from edge.line import LineSignal
from edge.pipeline import FrameJudge, Pipeline

LOOK_S = 0.1


class Overdue(BaseException):
    """The frame was given up meanwhile. Whatever its thread knows by now, the line is told nothing more."""


class TimedPipeline(Pipeline):
    """Belongs to one thread, but for `watch`, which another one runs: it alone can tell the line that the first hangs.

    Exactly one of the two concludes an inspection.
    """

    name = "deadline"

    def __init__(self, judge: FrameJudge, signal: LineSignal, boot_id: str, limit_s: float) -> None:
        super().__init__(judge, signal, boot_id)
        self._limit_s = limit_s
        self._guard = threading.Lock()
        self._began: float | None = None
        self._part: tuple[int, str, Frame, int] | None = None
        self._worker = 0
        self._given_up = 0
        """The thread that hangs."""

    def inspect(self, sequence: int, part: str, frame: Frame, triggered_ns: int) -> Inspection:
        """As `Pipeline.inspect`; a frame that is judged for longer than the limit is concluded by `watch`."""
        with self._guard:
            self._worker, self._part = threading.get_ident(), (sequence, part, frame, triggered_ns)
            self._began = time.monotonic()
        return super().inspect(sequence, part, frame, triggered_ns)

    def watch(self, life: Life, give_up: Callable[[Inspection], None]) -> None:
        """Until the daemon ends and no frame is under way, or one hangs: its result, rejected, goes to `give_up`."""
        pause_s = min(LOOK_S, self._limit_s / 4)
        while not life.ending.is_set() or self._began is not None:
            time.sleep(pause_s)
            life.progress(self.name)
            if part := self._overdue():
                sequence, name, frame, triggered_ns = part
                judgement = Judgement.fault(f"not judged within {self._limit_s:g} s: it hangs")
                give_up(self._conclude(sequence, name, frame, judgement, triggered_ns))
                return

    def _overdue(self) -> tuple[int, str, Frame, int] | None:
        with self._guard:
            if self._began is None or time.monotonic() - self._began <= self._limit_s:
                return None
            self._given_up = self._worker
            return self._part

    def _conclude(
        self, sequence: int, part: str, frame: Frame | None, judgement: Judgement, triggered_ns: int
    ) -> Inspection:
        with self._guard:
            if self._given_up == threading.get_ident():
                raise Overdue
            self._began = self._part = None
        return super()._conclude(sequence, part, frame, judgement, triggered_ns)
