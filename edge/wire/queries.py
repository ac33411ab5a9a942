"""Commands that ask the journal, and their answers. They change nothing, and no inspection ever waits for them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from edge.contract.cam import Thresholds
from edge.contract.survey import Survey
from edge.contract.types import Verdict
from edge.wire.messages import DecidedFact, ResultHeader, Size
from edge.wire.texts import InspectionId, Part

LATEST = (1 << 63) - 1
"""The end of time, Unix in nanoseconds; also the highest row number."""
Time = Annotated[int, msgspec.Meta(ge=0, le=LATEST)]
"""Unix, in nanoseconds."""
LONGEST_PAGE = 100
"""Inspections in one answer to `history`."""


class History(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="history"):
    """Inspections of the journal, newest first: those triggered from `since_ns` on and before `until_ns`, and so on.

    `verdicts`, `kind` and `recipe` select where they are not empty, and so does `part`: what the part's id contains.
    `below` is the answer's `next`, to go on. `thumbnails`: with a small picture of each whose frame was kept.
    """

    since_ns: Time = 0
    until_ns: Time = LATEST
    verdicts: Annotated[tuple[Verdict, ...], msgspec.Meta(max_length=len(Verdict))] = ()
    part: Part = ""
    kind: Part = ""
    recipe: Part = ""
    below: Time = LATEST
    limit: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_PAGE)] = 50
    thumbnails: bool = False


class Find(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="find"):
    """One inspection, with its map."""

    inspection: InspectionId


class FetchImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="image"):
    """The frame of an inspection, as far as the journal has it."""

    inspection: InspectionId
    size: Literal["thumbnail", "full"] = "full"


class TakeSurvey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="survey"):
    """What the inspections of a span say together; and, with `thresholds`, how many would be what by those."""

    since_ns: Time = 0
    until_ns: Time = LATEST
    recipe: Part = ""
    thresholds: Thresholds | None = None


LookBack = History | Find | FetchImage | TakeSurvey


class Past(msgspec.Struct, frozen=True):
    """One inspection of the journal. `decision` is what stands; `thumbnail` a JPEG, None where there is no frame."""

    header: ResultHeader
    decision: DecidedFact | None
    protected: bool
    thumbnail: bytes | None


class HistoryAnswer(msgspec.Struct, frozen=True):
    """Newest first. `next` is what `below` is to be to go on, None where nothing older may match.

    `reached_ns`: when the oldest of the inspections that were looked through was triggered, None where there was none.
    """

    results: list[Past]
    next: int | None
    reached_ns: int | None


class FindAnswer(msgspec.Struct, frozen=True):
    """`map` has the bytes of the result's third frame, None where there is none. `decision` is what stands."""

    header: ResultHeader
    map: bytes | None
    decision: DecidedFact | None
    protected: bool


class ImageAnswer(msgspec.Struct, frozen=True):
    """An image file: `encoding` is png or jpeg, `height` x `width` its pixels; `original`: the journal's very bytes."""

    encoding: str
    height: Size
    width: Size
    original: bool
    data: bytes


LOOK_BACK_ANSWERS: dict[str, type[msgspec.Struct]] = {
    "history": HistoryAnswer,
    "find": FindAnswer,
    "image": ImageAnswer,
    "survey": Survey,
}
"""By the command's name."""
