"""What another bundle judges differently from what was recorded: lines, a summary, and a sheet to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.cam import dequantise, heatmap, ng_map, overlay
from edge.contract.images import read_image
from edge.contract.recording import RecordedTrigger, Recording
from edge.contract.sheet import draw_sheet
from edge.contract.storage import new_file
from edge.contract.triggers import Outcome
from edge.contract.types import Pixels
from edge.errors import DataError
from edge.replay.replay import ReplayLine

TILES = 60
_WITHOUT = {Outcome.JUDGED: "without a kept frame", Outcome.FAULT: "fault without a frame"}


class Change(msgspec.Struct, frozen=True):
    """A part whose verdict, or kind, is another one now."""

    trigger: RecordedTrigger
    line: ReplayLine

    def __str__(self) -> str:
        return f"{self.file}: {self.verdicts} (inspection {self.trigger.inspection})"

    @property
    def file(self) -> str:
        """The frame that decides now; where none could be read, the one that did then."""
        return self.line.frame or self.trigger.frames[self.trigger.decisive].file

    @property
    def verdicts(self) -> str:
        """From which verdict to which, with their kinds and scores."""
        old, new = self.trigger, self.line
        return f"{_named(old)} {_shown(old.score)} -> {_named(new)} {_shown(new.score)}"

    @property
    def step(self) -> str:
        """The same without scores."""
        return f"{_named(self.trigger)} -> {_named(self.line)}"


def changes(recording: Recording, lines: Sequence[ReplayLine]) -> list[Change]:
    """Of a whole replay of that recording, part by part. Raises DataError when it is of another one."""
    if len(lines) != len(recording.triggers):
        raise DataError(f"{len(lines)} triggers were replayed, {len(recording.triggers)} were recorded")
    pairs = zip(recording.triggers, lines, strict=True)
    return [Change(trigger, line) for trigger, line in pairs if trigger.frames and _differ(trigger, line)]


def summary(recording: Recording, found: Sequence[Change]) -> str:
    """One line: every trigger, of which some are as recorded, some went from one verdict to another, some had no frame.

    The counts add up to the first.
    """
    bare = Counter(_bare(trigger) for trigger in recording.triggers if not trigger.frames)
    steps = Counter(change.step for change in found)
    told = "".join(f", {count} {what}" for each in (steps, bare) for what, count in sorted(each.items()))
    same = len(recording.triggers) - len(found) - bare.total()
    return f"{len(recording.triggers)} triggers: {same} as recorded{told}"


def _bare(trigger: RecordedTrigger) -> str:
    return _WITHOUT.get(trigger.outcome, trigger.outcome.value)


def write_sheet(found: Sequence[Change], capture: Path, bundle: Bundle, out: Path) -> int:
    """A PNG of the changed parts under the new map, the largest change of score first, TILES at most; their number.

    Raises UsageError when `out` is there or cannot be written.
    """
    chosen = sorted(found, key=_distance, reverse=True)[:TILES]
    tiles = [(_picture(change, capture, bundle), (change.verdicts, change.trigger.inspection)) for change in chosen]
    with new_file(out) as file:
        file.write(draw_sheet(tiles))
    return len(chosen)


def _distance(change: Change) -> float:
    """From 0 to 1; a fault on either side is farthest."""
    old, new = change.trigger.score, change.line.score
    return 1.0 if old is None or new is None else abs(new - old)


def _picture(change: Change, capture: Path, bundle: Bundle) -> Pixels | None:
    card = bundle.card
    try:
        pixels = read_image(capture / change.file)
    except DataError:  # the fault says it
        return None
    if change.line.map is None:
        return overlay(pixels, np.zeros(pixels.shape[:2], np.float32))
    units = np.frombuffer(change.line.map, np.int8).reshape(card.output.shape[1:])
    logits = dequantise(units, card.output.scale, card.output.zero_point)
    spec = msgspec.structs.replace(card.preprocess, region=change.line.region or card.preprocess.region)
    return overlay(pixels, heatmap(ng_map(logits, card.kinds), spec, *pixels.shape[:2]))


def _differ(old: RecordedTrigger, new: ReplayLine) -> bool:
    """Kinds only where both bundles tell them apart."""
    return old.verdict != new.verdict or (None not in {old.kind, new.kind} and old.kind != new.kind)


def _named(judged: RecordedTrigger | ReplayLine) -> str:
    return f"{judged.verdict} {judged.kind}" if judged.kind else str(judged.verdict)


def _shown(score: float | None) -> str:
    return "" if score is None else f"{score:.3f}"
