"""A recorded capture once more: each part votes again over its own frames, and every trigger is accounted for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from edge.camera import Camera
from edge.contract.recipe import Recipe
from edge.contract.recording import RecordedTrigger, Recording
from edge.contract.triggers import Outcome
from edge.contract.types import Frame, Signal, Verdict
from edge.errors import CameraError, DataError
from edge.inference.judge import Judge
from edge.inspection.part import read_part
from edge.inspection.pipeline import PartJudge, Pipeline
from edge.inspection.recorded import recipe_of_capture
from edge.line import NoSignal
from edge.replay.replay import READ_TIMEOUT_S, ReplayLine, replay_line

UNKEPT = "no frame of it was kept"


class PartJudges:
    """What judges the parts of a recording: one recipe for all, else for each the one that it was inspected by."""

    def __init__(self, judge: Judge, recording: Recording, capture: Path, recipe: Recipe | None = None) -> None:
        """`capture` is the recording's folder.

        Raises ConfigError where a recipe does not fit the bundle, or a recorded one lacks its pictures by now.
        """
        self._given = PartJudge(judge, recipe) if recipe else None
        used = {trigger.recipe for trigger in recording.triggers if trigger.frames}
        found = {digest: recording.recipes.get(digest) for digest in used}
        self._recorded = (
            {
                digest: PartJudge(judge, recipe_of_capture(capture, text) if text else None)
                for digest, text in found.items()
            }
            if self._given is None
            else {}
        )

    def of(self, trigger: RecordedTrigger) -> PartJudge:
        """What judges this one, which has frames."""
        return self._given or self._recorded[trigger.recipe]

    def short(self, recording: Recording) -> int:
        """How many parts have fewer frames than their recipe asks for."""
        return sum(
            0 < len(trigger.frames) < self.of(trigger).frames for trigger in recording.triggers if trigger.frames
        )


def replay_recorded(camera: Camera, judge: Judge, judges: PartJudges, recording: Recording) -> Iterator[ReplayLine]:
    """One line for each trigger of the recording whose folder is the opened camera, in order.

    A part with more frames than its recipe asks for is judged by the first ones, one with fewer by those. Raises
    DataError when the camera gives other frames than were recorded.
    """
    with NoSignal() as signal:
        pipeline = Pipeline(judge, signal, "replay")
        for index, trigger in enumerate(recording.triggers):
            if not trigger.frames:
                yield _unjudged(index, trigger)
                continue
            pipeline.use(judges.of(trigger))
            try:
                frames = _read(camera, trigger)[: pipeline.judge.frames]
            except CameraError as error:
                inspection = pipeline.fault(index, trigger.part, str(error), time.time_ns())
            else:
                inspection = pipeline.inspect(index, trigger.part, frames[0], frames[0].captured_ns, frames[1:])
            yield replay_line(index, inspection, trigger.inspection)


def _read(camera: Camera, trigger: RecordedTrigger) -> list[Frame]:
    """All of the part: where it is judged by fewer, the next part begins behind them all the same."""
    frames = read_part(camera, len(trigger.frames), lambda: camera.read(READ_TIMEOUT_S))
    for frame, recorded in zip(frames, trigger.frames, strict=True):
        if frame.name != recorded.file:
            raise DataError(f"{frame.name} was replayed where {recorded.file} was recorded; is the record sorted?")
    return frames


def _unjudged(index: int, trigger: RecordedTrigger) -> ReplayLine:
    """What cannot be judged again: it was not then, or no frame was kept."""
    fault = trigger.outcome is Outcome.FAULT
    return ReplayLine(
        index=index,
        frame="",
        verdict=Verdict.FAULT if fault else None,
        score=None,
        signal=None if trigger.outcome is Outcome.JUDGED else Signal.REJECT,
        reason=trigger.reason if fault else UNKEPT if trigger.outcome is Outcome.JUDGED else trigger.outcome.value,
        map=None,
        outcome=trigger.outcome,
        inspection=trigger.inspection,
    )
