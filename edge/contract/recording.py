"""What lies beside the frames of a capture that was recorded: what was judged, by what, and with what result."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec

from edge.contract.images import IMAGE_SUFFIXES
from edge.contract.types import Signal, Verdict
from edge.errors import DataError

FILE = "capture.json"
FRAMES = "frames"
SCHEMA = 2
"""Schema 1 did not say when a frame was triggered, what the line got, nor why."""


class RecordedFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One frame: `file` relative to the capture, `sha256` of it, and the inspection that it was judged in."""

    file: Annotated[str, msgspec.Meta(pattern=r"^frames/[A-Za-z0-9_-]+\.[a-z]+\Z")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    inspection: str
    part: str
    captured_ns: int | None
    verdict: Verdict
    score: float | None
    kind: str | None = None
    """What the part was named as, where the bundle told kinds apart."""
    bundle: str
    """Digest of the bundle that judged it."""
    recipe: str
    """Digest of the settings it was inspected with; empty where they were not kept."""
    triggered_ns: int | None = None
    """Unix time; of schema 1 None, as is the next."""
    signal: Signal | None = None
    """What the line got."""
    reason: str = ""
    """Why, for FAULT."""


class Recording(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A capture's `capture.json`. `recipes` are the station's settings, as JSON, by their digest."""

    schema: int = SCHEMA
    station: str
    made_by: str
    """okng and its version."""
    recipes: dict[str, msgspec.Raw]
    frames: tuple[RecordedFrame, ...]


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
        schema = msgspec.json.decode(data, type=_Header).schema
        if schema > SCHEMA:
            raise DataError(f"{path}: capture schema {schema}, this okng reads up to {SCHEMA}; update okng here")
        return msgspec.json.decode(data, type=Recording)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path}: not a capture's record: {error}") from None
