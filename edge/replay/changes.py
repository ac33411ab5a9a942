"""What another bundle judges differently from what was recorded: lines, a summary, and a sheet to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.cam import dequantise, heatmap, ng_map, overlay
from edge.contract.images import read_image
from edge.contract.recording import RecordedFrame, Recording
from edge.contract.storage import new_file
from edge.contract.types import Pixels
from edge.errors import DataError
from edge.replay.replay import ReplayLine

TILE_PX, CAPTION_PX, COLUMNS, TILES = 240, 36, 5, 60


class Change(msgspec.Struct, frozen=True):
    """A frame whose verdict, or kind, is another one now."""

    frame: RecordedFrame
    line: ReplayLine

    def __str__(self) -> str:
        return f"{self.frame.file}: {self.verdicts} (inspection {self.frame.inspection})"

    @property
    def verdicts(self) -> str:
        """From which verdict to which, with their kinds and scores."""
        old, new = self.frame, self.line
        return f"{_named(old)} {_shown(old.score)} -> {_named(new)} {_shown(new.score)}"

    @property
    def step(self) -> str:
        """The same without scores."""
        return f"{_named(self.frame)} -> {_named(self.line)}"


def changes(recording: Recording, lines: Sequence[ReplayLine]) -> list[Change]:
    """Of a whole replay of that recording, frame by frame. Raises DataError when it is of another one."""
    if len(lines) != len(recording.frames):
        raise DataError(f"{len(lines)} frames were replayed, {len(recording.frames)} were recorded")
    pairs = list(zip(recording.frames, lines, strict=True))
    for frame, line in pairs:
        if line.frame not in {frame.file, ""}:  # a frame that cannot be read has no name
            raise DataError(
                f"{line.frame} was replayed where {frame.file} was recorded; is the capture's record sorted?"
            )
    return [Change(frame, line) for frame, line in pairs if _differ(frame, line)]


def summary(recording: Recording, found: Sequence[Change]) -> str:
    """One line: how many are as recorded, and how many went from which verdict to which."""
    steps = Counter(change.step for change in found)
    told = "".join(f", {count} {step}" for step, count in sorted(steps.items()))
    return f"{len(recording.frames)} frames: {len(recording.frames) - len(found)} as recorded{told}"


def write_sheet(found: Sequence[Change], capture: Path, bundle: Bundle, out: Path) -> int:
    """A PNG of the changed frames under the new map, the largest change of score first, TILES at most; their number.

    Raises UsageError when `out` is there or cannot be written.
    """
    chosen = sorted(found, key=_distance, reverse=True)[:TILES]
    tiles = [_tile(change, capture, bundle) for change in chosen]
    blank = np.full((TILE_PX + CAPTION_PX, TILE_PX, 3), 255, np.uint8)
    tiles += [blank] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    done, data = cv2.imencode(".png", np.vstack(rows) if rows else blank)
    assert done
    with new_file(out) as file:
        file.write(data.tobytes())
    return len(chosen)


def _distance(change: Change) -> float:
    """From 0 to 1; a fault on either side is farthest."""
    old, new = change.frame.score, change.line.score
    return 1.0 if old is None or new is None else abs(new - old)


def _tile(change: Change, capture: Path, bundle: Bundle) -> Pixels:
    picture = _fitted(_picture(change, capture, bundle))
    tile = np.full((TILE_PX + CAPTION_PX, TILE_PX, 3), 255, np.uint8)
    height, width = picture.shape[:2]
    left = (TILE_PX - width) // 2
    tile[:height, left : left + width] = picture
    for line, text in enumerate((change.verdicts, change.frame.inspection)):
        place = (4, TILE_PX + 14 + 16 * line)
        cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def _picture(change: Change, capture: Path, bundle: Bundle) -> Pixels:
    card = bundle.card
    try:
        pixels = read_image(capture / change.frame.file)
    except DataError:  # the fault says it
        return np.full((TILE_PX, TILE_PX, 3), 128, np.uint8)
    if change.line.map is None:
        return overlay(pixels, np.zeros(pixels.shape[:2], np.float32))
    units = np.frombuffer(change.line.map, np.int8).reshape(card.output.shape[1:])
    logits = dequantise(units, card.output.scale, card.output.zero_point)
    spec = msgspec.structs.replace(card.preprocess, region=change.line.region or card.preprocess.region)
    return overlay(pixels, heatmap(ng_map(logits, card.kinds), spec, *pixels.shape[:2]))


def _fitted(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    scale = TILE_PX / max(height, width)
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _differ(old: RecordedFrame, new: ReplayLine) -> bool:
    """Kinds only where both bundles tell them apart."""
    return old.verdict != new.verdict or (None not in {old.kind, new.kind} and old.kind != new.kind)


def _named(judged: RecordedFrame | ReplayLine) -> str:
    return f"{judged.verdict} {judged.kind}" if judged.kind else str(judged.verdict)


def _shown(score: float | None) -> str:
    return "" if score is None else f"{score:.3f}"
