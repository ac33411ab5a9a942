"""Captured frames through the very same pipeline, with no outputs: for tests, and to judge a model beforehand."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from edge.camera import Camera
from edge.contract.recipe import NamedRegion, Recipe
from edge.contract.triggers import Outcome
from edge.contract.typed import decode_json
from edge.contract.types import Inspection, Signal, Verdict
from edge.errors import CameraError, UsageError
from edge.inference.judge import Judge
from edge.inspection.part import read_part
from edge.inspection.pipeline import Pipeline
from edge.line import NoSignal

READ_TIMEOUT_S = 10.0


class ReplayLine(msgspec.Struct, frozen=True):
    """One trigger's result, as `okng replay` prints it: `frame` is the decisive one, `map` its int8 units as base64."""

    index: int
    frame: str
    verdict: Verdict | None
    """None for a recorded trigger that was not taken, or no frame of which was kept."""
    score: float | None
    signal: Signal | None
    """What the line would have got; nothing was driven. None where that is not known."""
    reason: str
    map: bytes | None
    kind: str | None = None
    """What the part was named as, where the bundle tells kinds apart."""
    region: NamedRegion | None = None
    """Where in the frame the map lies; None: the card's region."""
    outcome: Outcome = Outcome.JUDGED
    """What became of the trigger, now or, where nothing can be judged now, then."""
    inspection: str = ""
    """Id of the recorded one; empty where nothing was recorded, or the trigger was not taken."""


class Difference(msgspec.Struct, frozen=True):
    """Where two replays part: the frame, and what."""

    frame: str
    what: str


def replay(camera: Camera, judge: Judge, recipe: Recipe | None = None) -> Iterator[ReplayLine]:
    """One line for each part of an opened capture, in order. A frame that cannot be used is a FAULT.

    A part has as many frames as the recipe says. Raises ConfigError when the recipe does not fit the bundle.
    """
    with NoSignal() as signal:
        pipeline = Pipeline(judge, signal, "replay", recipe)
        index, count = 0, pipeline.judge.frames
        while True:
            try:
                frames = read_part(camera, count, lambda: camera.read(READ_TIMEOUT_S))
            except CameraError as error:
                yield replay_line(index, pipeline.fault(index, "", str(error), time.time_ns()))
            else:
                if not frames:
                    return
                yield replay_line(index, pipeline.inspect(index, "", frames[0], frames[0].captured_ns, frames[1:]))
            index += 1


def read_lines(path: Path) -> list[ReplayLine]:
    """An earlier replay. Raises UsageError naming the line that is none."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(decode_json(line, ReplayLine))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UsageError(f"{path}, line {number}: not a result of okng replay: {error}") from None
    return found


def compare(expected: Iterable[ReplayLine], found: Iterable[ReplayLine], tolerance_units: int) -> list[Difference]:
    """What differs, frame by frame: verdict, kind, or the map by more than `tolerance_units` of int8."""
    before, after = list(expected), list(found)
    differences = [
        Difference(new.frame, what)
        for old, new in zip(before, after, strict=False)
        if (what := _difference(old, new, tolerance_units))
    ]
    if len(before) != len(after):
        differences.append(Difference("", f"{len(before)} frames were expected, {len(after)} were found"))
    return differences


def _difference(old: ReplayLine, new: ReplayLine, tolerance_units: int) -> str:
    if old.frame != new.frame:
        return f"expected frame {old.frame}"
    if old.verdict != new.verdict:
        now, then = new.verdict or "none", old.verdict or "none"
        return f"verdict {now} (score {_shown(new)}), expected {then} (score {_shown(old)})"
    if old.kind is not None and new.kind is not None and old.kind != new.kind:
        return f"kind {new.kind} (score {_shown(new)}), expected {old.kind} (score {_shown(old)})"
    if old.map is None or new.map is None:
        return ""
    if len(old.map) != len(new.map):
        return f"map of {len(new.map)} places, expected {len(old.map)}"
    apart = np.abs(np.frombuffer(old.map, np.int8).astype(int) - np.frombuffer(new.map, np.int8)).max()
    return f"map {apart} units off (score {_shown(new)}, expected {_shown(old)})" if apart > tolerance_units else ""


def _shown(line: ReplayLine) -> str:
    return "none" if line.score is None else f"{line.score:.4f}"


def replay_line(index: int, inspection: Inspection, recorded: str = "") -> ReplayLine:
    """What came of a part; `recorded` is the id of the inspection that it was recorded under."""
    judgement, frame = inspection.judgement, inspection.frame
    units = judgement.map_units
    return ReplayLine(
        index=index,
        frame=frame.name if frame else "",
        verdict=judgement.verdict,
        score=judgement.score,
        signal=inspection.signal,
        reason=judgement.reason,
        map=units.tobytes() if units is not None else None,
        kind=judgement.kind,
        region=judgement.region,
        outcome=Outcome.FAULT if judgement.verdict is Verdict.FAULT else Outcome.JUDGED,
        inspection=recorded,
    )
