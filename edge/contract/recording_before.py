"""What captures of schemas 1 and 2 said: one frame of each part, the decisive one, and no trigger without a frame."""

from __future__ import annotations

import msgspec

from edge.contract.types import Signal, Verdict


class FrameBefore(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part by its one frame."""

    file: str
    sha256: str
    inspection: str
    part: str
    captured_ns: int | None
    verdict: Verdict
    score: float | None
    kind: str | None = None
    bundle: str
    recipe: str
    triggered_ns: int | None = None
    """Of schema 1 None, as is the next."""
    signal: Signal | None = None
    reason: str = ""


class RecordingBefore(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`capture.json` of then."""

    schema: int
    station: str
    made_by: str
    recipes: dict[str, msgspec.Raw]
    frames: tuple[FrameBefore, ...]
