"""What lies beside the frames of a capture that was recorded: each trigger, and what became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from edge.contract.images import IMAGE_SUFFIXES
from edge.contract.recording_before import FrameBefore, RecordingBefore
from edge.contract.triggers import Outcome
from edge.contract.typed import convert, decode_json
from edge.contract.types import Label, Signal, Verdict
from edge.errors import DataError

FILE = "capture.json"
FRAMES = "frames"
SCHEMA = 3
"""Up to schema 2 there was one frame of each part, and no trigger without one (`edge.contract.recording_before`)."""


class RecordedFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One frame of a part: `file` relative to the capture, and `sha256` of it."""

    file: Annotated[str, msgspec.Meta(pattern=r"^frames/[A-Za-z0-9_-]+\.[a-z]+\Z")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    captured_ns: int | None


class RecordedTrigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One trigger. What it had no inspection for, missed or overrun, is empty or None."""

    outcome: Outcome
    inspection: str = ""
    part: str
    triggered_ns: int | None
    """Unix time; of schema 1 None, as is `signal`."""
    frames: tuple[RecordedFrame, ...] = ()
    """All of the part, in order; none where none came, or none was kept."""
    decisive: int = 0
    """Which of them the verdict is of, counted from 0."""
    verdict: Verdict | None = None
    score: float | None = None
    kind: str | None = None
    """What the part was named as, where the bundle told kinds apart."""
    bundle: str = ""
    """Digest of the bundle that judged it."""
    recipe: str = ""
    """Digest of the settings it was inspected with; empty where they were not kept."""
    signal: Signal | None = None
    """What the line got."""
    reason: str = ""
    """Why, for FAULT."""
    golden: Label | None = None
    """What the part was known to be, where it was shown for that: it is rejected in any case."""

    @property
    def at_ns(self) -> int | None:
        """When its first frame was captured, or it was triggered where there is none; None: that was not recorded."""
        return self.frames[0].captured_ns if self.frames else self.triggered_ns


class Recording(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A capture's `capture.json`. `recipes` are the station's settings, as JSON, by their digest."""

    schema: int = SCHEMA
    station: str
    made_by: str
    """okng and its version."""
    recipes: dict[str, msgspec.Raw]
    triggers: tuple[RecordedTrigger, ...]
    """In the order in which they came; those of a boot after those of the boot before it."""

    @property
    def frames(self) -> Iterator[RecordedFrame]:
        """All, in the order in which a camera reads them from the folder."""
        return (frame for trigger in self.triggers for frame in trigger.frames)


class _Header(msgspec.Struct):
    schema: int


def read_recording(capture: Path) -> Recording | None:
    """What was recorded with a capture, once every frame has proved to be what was recorded; None where nothing was.

    Raises DataError, naming the file: it is no recording or of a newer okng; a frame is missing, changed or unknown.
    """
    path = capture / FILE
    if not path.is_file():
        return None
    recording = _decode(path)
    known = {frame.file for frame in recording.frames}
    for frame in recording.frames:
        try:
            found = hashlib.sha256((capture / frame.file).read_bytes()).hexdigest()
        except OSError as error:
            raise DataError(
                f"{capture / frame.file}: cannot be read: {error.strerror}; copy the capture again"
            ) from None
        if found != frame.sha256:
            raise DataError(f"{capture / frame.file}: not the frame that was recorded; copy the capture again")
    for image in sorted(capture.rglob("*")):
        name = image.relative_to(capture).as_posix()
        if image.suffix.lower() in IMAGE_SUFFIXES and name not in known:
            raise DataError(f"{image}: was not recorded with this capture; take it away")
    return recording


def _decode(path: Path) -> Recording:
    try:
        data = path.read_bytes()
        schema = decode_json(data, _Header).schema
        if schema > SCHEMA:
            raise DataError(f"{path}: capture schema {schema}, this okng reads up to {SCHEMA}; update okng here")
        if schema < SCHEMA:
            return _brought_up(decode_json(data, RecordingBefore))
        return decode_json(data, Recording)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path}: not a capture's record: {error}") from None


def _brought_up(before: RecordingBefore) -> Recording:
    """Raises ValidationError where a frame's name or checksum can be none."""
    triggers = tuple(map(_trigger, before.frames))
    return Recording(station=before.station, made_by=before.made_by, recipes=before.recipes, triggers=triggers)


def _trigger(before: FrameBefore) -> RecordedTrigger:
    seen = {"file": before.file, "sha256": before.sha256, "captured_ns": before.captured_ns}
    return RecordedTrigger(
        outcome=Outcome.FAULT if before.verdict is Verdict.FAULT else Outcome.JUDGED,
        inspection=before.inspection,
        part=before.part,
        triggered_ns=before.triggered_ns,
        frames=(convert(seen, RecordedFrame),),
        verdict=before.verdict,
        score=before.score,
        kind=before.kind,
        bundle=before.bundle,
        recipe=before.recipe,
        signal=before.signal,
        reason=before.reason,
    )
