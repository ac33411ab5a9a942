"""A pipeline whose judge may hang: then the part is rejected all the same, and the daemon ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge.contract.recipe import Recipe
from edge.contract.types import Frame, Inspection, Judgement, Label
from edge.daemon.life import Life
from edge.inspection.pipeline import FrameJudge, Pipeline
from edge.line import LineSignal

LOOK_S = 0.1


class Overdue(BaseException):
    """The frame was given up meanwhile. Whatever its thread knows by now, the line is told nothing more."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The one that is being judged."""

    sequence: int
    name: str
    frames: tuple[Frame, ...]
    triggered_ns: int
    golden: Label | None


class TimedPipeline(Pipeline):
    """Belongs to one thread, but for `watch`, which another one runs: it alone can tell the line that the first hangs.

    Exactly one of the two concludes an inspection.
    """

    name = "deadline"

    def __init__(
        self, judge: FrameJudge, signal: LineSignal, boot_id: str, limit_s: float, recipe: Recipe | None = None
    ) -> None:
        """`limit_s` is for the model to be run once. Raises ConfigError when the recipe does not fit the bundle."""
        super().__init__(judge, signal, boot_id, recipe)
        self._limit_s = limit_s
        self._guard = threading.Lock()
        self._began: float | None = None
        self._part: _Part | None = None
        self._worker = 0
        self._given_up = 0
        """The thread that hangs."""

    def inspect(
        self, sequence: int, part: str, frame: Frame, triggered_ns: int, more: Sequence[Frame] = (),
        golden: Label | None = None,
    ) -> Inspection:  # fmt: skip
        """As `Pipeline.inspect`; a part whose judgement hangs is concluded by `watch`."""
        with self._guard:
            self._worker = threading.get_ident()
            self._part = _Part(sequence, part, (frame, *more), triggered_ns, golden)
            self._began = time.monotonic()
        return super().inspect(sequence, part, frame, triggered_ns, more, golden)

    def watch(self, life: Life, give_up: Callable[[Inspection], None]) -> None:
        """Until the daemon ends and no part is under way, or one hangs: its result, rejected, goes to `give_up`."""
        pause_s = min(LOOK_S, self._limit_s / 4)
        while not life.ending.is_set() or self._began is not None:
            time.sleep(pause_s)
            life.progress(self.name)
            if part := self._overdue():
                judgement = Judgement.fault(f"not judged within {self._limit_s:g} s: it hangs")
                about = (part.frames[0], judgement, part.triggered_ns, part.golden)
                give_up(replace(self._conclude(part.sequence, part.name, *about), frames=part.frames))
                return

    def _model_begins(self) -> None:
        with self._guard:
            self._stop_if_given_up()
            self._began = time.monotonic()

    def _overdue(self) -> _Part | None:
        with self._guard:
            if self._began is None or time.monotonic() - self._began <= self._limit_s:
                return None
            self._given_up = self._worker
            return self._part

    def _conclude(
        self, sequence: int, part: str, frame: Frame | None, judgement: Judgement, triggered_ns: int,
        golden: Label | None,
    ) -> Inspection:  # fmt: skip
        with self._guard:
            self._stop_if_given_up()
            self._began = self._part = None
        return super()._conclude(sequence, part, frame, judgement, triggered_ns, golden)

    def _stop_if_given_up(self) -> None:
        if self._given_up == threading.get_ident():
            raise Overdue
