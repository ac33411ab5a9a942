"""One inspection, from a frame to a result and a signal. No threads, no clock of its own, no disk."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from edge.contract.bundle import Bundle
from edge.contract.recipe import Look, Recipe
from edge.contract.types import Frame, Inspection, Judgement, Label, Signal, Verdict
from edge.contract.voting import decide
from edge.errors import SignalError, TooLate
from edge.line import LineSignal

log = logging.getLogger(__name__)


def _nothing() -> None:
    pass


class FrameJudge(Protocol):
    """Whatever can judge a frame."""

    bundle: Bundle

    def judge(self, frame: Frame, look: Look | None = None) -> Judgement:
        """The verdict, the score and the map; `look` says how, None: as the bundle's card does."""


class PartJudge:
    """A bundle that judges parts by a recipe, or as its card says where there is none. Belongs to one thread."""

    def __init__(self, judge: FrameJudge, recipe: Recipe | None = None) -> None:
        """Raises ConfigError when the recipe does not fit the bundle."""
        self.judge, self.recipe = judge, recipe
        self._looks = recipe.looks(judge.bundle.card) if recipe else ()

    @property
    def bundle(self) -> Bundle:
        """The one that judges."""
        return self.judge.bundle

    @property
    def frames(self) -> int:
        """Of each part."""
        return self.recipe.settings.voting.frames if self.recipe else 1

    def judge_part(self, frames: Sequence[Frame], begins: Callable[[], None] = _nothing) -> Judgement:
        """What all regions of all frames of one part come to. `begins` is called before the model is run, each time."""
        recipe = self.recipe
        if recipe is None:
            begins()
            return self.judge.judge(frames[0])
        ng = min(recipe.settings.voting.ng, len(frames))
        return decide([[self._look(recipe, frame, look, begins) for look in self._looks] for frame in frames], ng)

    def _look(self, recipe: Recipe, frame: Frame, look: Look, begins: Callable[[], None]) -> Judgement:
        begins()
        unfit = recipe.unfit(frame.pixels, look.spec.region)
        found = Judgement.fault(unfit) if unfit else self.judge.judge(frame, look)
        if found.verdict is not Verdict.FAULT or look.region is None:
            return found
        return replace(found, region=look.region, reason=f"region {look.region.name}: {found.reason}")


class Pipeline:
    """Judges frames and tells the line. Belongs to one thread.

    Whatever goes wrong becomes a FAULT, and a FAULT is rejected: no failure turns into accept.
    """

    def __init__(self, judge: FrameJudge, signal: LineSignal, boot_id: str, recipe: Recipe | None = None) -> None:
        """Raises ConfigError when the recipe does not fit the bundle."""
        self.judge = PartJudge(judge, recipe)
        self._signal = signal
        self._boot_id = boot_id

    def use(self, judge: PartJudge) -> None:
        """Judges with another one from the next part on."""
        self.judge = judge

    def inspect(
        self, sequence: int, part: str, frame: Frame, triggered_ns: int, more: Sequence[Frame] = (),
        golden: Label | None = None,
    ) -> Inspection:  # fmt: skip
        """The one result of one trigger; the line has been told when this returns. `more` are frames of the part too.

        With a recipe that asks for several, a part has `judge.frames`. A `golden` part is known, and never accepted.
        """
        frames = (frame, *more)
        try:
            judgement = self.judge.judge_part(frames, self._model_begins)
        except Exception as error:
            log.exception("frame %d could not be judged", frame.index)
            judgement = Judgement.fault(f"could not be judged: {type(error).__name__}: {error}")
        return self._conclude(sequence, part, frames[judgement.frame], judgement, triggered_ns, golden)

    def fault(
        self, sequence: int, part: str, reason: str, triggered_ns: int, golden: Label | None = None
    ) -> Inspection:
        """The result of a trigger that no frame came for."""
        return self._conclude(sequence, part, None, Judgement.fault(reason), triggered_ns, golden)

    def _model_begins(self) -> None:
        """Before each time that the model is run."""

    def _conclude(
        self, sequence: int, part: str, frame: Frame | None, judgement: Judgement, triggered_ns: int,
        golden: Label | None,
    ) -> Inspection:  # fmt: skip
        signal = Signal.REJECT if golden else judgement.signal
        try:
            if hold_ns := self._hold_ns(judgement.verdict, golden):
                self._signal.hold(sequence, judgement.verdict, hold_ns)
            else:
                self._signal.send(sequence, signal, judgement.verdict)
        except TooLate as error:
            signal = Signal.REJECT
            if judgement.verdict is not Verdict.FAULT:
                judgement = Judgement.fault(str(error))
        except SignalError as error:
            log.error("%s", error)
            signal = Signal.REJECT
            if judgement.verdict is Verdict.OK:
                judgement = Judgement.fault(f"the signal could not be driven: {error}")
        recipe = self.judge.recipe
        return Inspection(self._boot_id, sequence, part, frame, judgement, signal, triggered_ns, recipe, golden)

    def _hold_ns(self, verdict: Verdict, golden: Label | None) -> int:
        """How long the line waits for a decision on this part; 0 where it does not."""
        recipe = self.judge.recipe
        held = recipe is not None and verdict is Verdict.REVIEW and not golden
        return int((recipe.settings.hold_s or 0.0) * 1e9) if recipe and held else 0
