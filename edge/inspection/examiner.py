"""From the frames of one part to its inspection; what the camera does not give is a FAULT."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from edge.contract.types import Frame, Inspection, Label
from edge.errors import CameraError
from edge.inspection.part import PartFrames
from edge.inspection.pipeline import Pipeline
from edge.inspection.triggers import Trigger, Triggers
from edge.line.code import CodeReader

log = logging.getLogger(__name__)


class Examiner:
    """Belongs to the line thread. Each trigger that it is given, or takes, has exactly one inspection."""

    def __init__(
        self, frames: PartFrames, pipeline: Pipeline, triggers: Triggers, codes: CodeReader | None,
        *, keep_frames: bool = False,
    ) -> None:  # fmt: skip
        """`keep_frames`: an inspection is to have all frames of its part."""
        self._frames, self._pipeline, self._triggers, self._codes = frames, pipeline, triggers, codes
        self._keep_frames = keep_frames

    def next(self) -> Inspection | None:
        """The part of the next frames, as they come: they are its trigger. None where the source has ended."""
        try:
            frames = self._frames.next(self._pipeline.judge.frames)
        except CameraError as error:
            return self.fault(self._triggers.now(), str(error))
        if not frames:
            return None
        trigger = self._triggers.now(at_ns=frames[0].monotonic_ns)
        return self._inspect(trigger, frames, frames[0].captured_ns)

    def after(self, trigger: Trigger, golden: Label | None = None) -> Inspection:
        """The part whose frames come after the trigger; `golden` says what it is known to be."""
        try:
            frames = self._frames.after(trigger, self._pipeline.judge.frames)
        except CameraError as error:
            return self.fault(trigger, str(error), golden)
        if not frames:
            return self.fault(trigger, "the source has ended", golden)
        return self._inspect(trigger, frames, trigger.wall_ns, golden)

    def fault(self, trigger: Trigger, reason: str, golden: Label | None = None) -> Inspection:
        """The result of a trigger that no frame came for."""
        about = {"sequence": trigger.sequence, "part": trigger.part}
        log.warning("inspection %d: FAULT: %s", trigger.sequence, reason, extra={"fields": about})
        return self._pipeline.fault(trigger.sequence, trigger.part, reason, trigger.wall_ns, golden)

    def _inspect(
        self, trigger: Trigger, frames: Sequence[Frame], triggered_ns: int, golden: Label | None = None
    ) -> Inspection:
        """The code is read once the line has its signal."""
        frame, *more = frames
        inspection = self._pipeline.inspect(trigger.sequence, trigger.part, frame, triggered_ns, more, golden)
        if self._keep_frames:
            inspection = replace(inspection, frames=tuple(frames))
        if trigger.part or not self._codes:
            return inspection
        begin_s, found = time.perf_counter(), map(self._codes.read, (each.pixels for each in frames))
        part = next(filter(None, found), "")
        judgement = inspection.judgement
        timings_ms = {**judgement.timings_ms, "code": (time.perf_counter() - begin_s) * 1000}
        return replace(inspection, part=part, judgement=replace(judgement, timings_ms=timings_ms))
