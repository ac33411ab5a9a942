"""What is published: pure, no sockets. PROTOCOL.md is the specification; `edge.wire.frames` puts it into frames."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec

from edge.contract.cam import Classes, Thresholds
from edge.contract.events import Event, OtherEvent
from edge.contract.quality import Quality
from edge.contract.recipe import NamedRegion
from edge.contract.region import Region
from edge.contract.statistics import Point
from edge.contract.types import Decision, Label, LookResult, MapUnits, Signal, State, Verdict

SCHEMA = 1
"""Raised whenever an older reader could misread a newer message; a new field alone does not raise it."""

Count = Annotated[int, msgspec.Meta(ge=0)]
Size = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class Topic(StrEnum):
    """The first frame."""

    RESULT = "result"
    VERDICT = "verdict"
    MAP = "map"
    OVERLAY = "overlay"
    IMAGE = "image"
    STATE = "state"
    STATISTICS = "statistics"
    EVENT = "event"
    DECISION = "decision"


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What every message says.

    `number` counts the messages of one topic and boot from 1, so that a gap shows. `sequence` is the inspection's;
    in a state, that of the last result before it (0: none yet). `captured_ns` is that inspection's capture time,
    Unix in nanoseconds, None when it had no frame. `bundle` is a digest, empty when none is loaded.
    """

    schema: Annotated[int, msgspec.Meta(ge=1)] = SCHEMA
    station: str
    boot: str
    number: Annotated[int, msgspec.Meta(ge=1)]
    sequence: Count
    captured_ns: int | None
    bundle: str


class MapShape(msgspec.Struct, frozen=True):
    """How to read the map's bytes: row by row, classes innermost; a logit is `(unit - zero_point) * scale`."""

    rows: Size
    columns: Size
    classes: Size
    scale: float
    zero_point: int


class ImageReference(msgspec.Struct, frozen=True):
    """Where the journal has the frame: `path` is relative to its folder."""

    sha256: str
    path: str


class ResultHeader(Header, frozen=True, kw_only=True):
    """One inspection. `map` is None for FAULT, `thresholds` where none applied, `image` where none was kept.

    `kind` and `classes` are left out where the bundle tells no kinds apart, `kind` for FAULT too. `recipe` is left out
    where there is none, `region` where the map lies over the card's, `looks` where there was one alone,
    `golden` but for known parts.
    """

    id: str
    part: str
    frame_name: str
    triggered_ns: int
    verdict: Verdict
    score: float | None
    signal: Signal
    reason: str
    timings_ms: dict[str, float]
    map: MapShape | None
    thresholds: Thresholds | None
    image: ImageReference | None
    kind: str | msgspec.UnsetType = msgspec.UNSET
    classes: Classes | msgspec.UnsetType = msgspec.UNSET
    recipe: str | msgspec.UnsetType = msgspec.UNSET
    region: NamedRegion | msgspec.UnsetType = msgspec.UNSET
    looks: tuple[LookResult, ...] | msgspec.UnsetType = msgspec.UNSET
    golden: Label | msgspec.UnsetType = msgspec.UNSET


class ImageHeader(Header, frozen=True, kw_only=True):
    """The frame of the inspection `id`, `height` x `width` pixels."""

    id: str
    encoding: str
    height: Size
    width: Size


class MapHeader(Header, frozen=True, kw_only=True):
    """The map of the inspection `id`, how to read it, and where in the frame it lies.

    `classes` is left out where the bundle tells no kinds apart.
    """

    id: str
    map: MapShape
    region: Region
    classes: Classes | msgspec.UnsetType = msgspec.UNSET


class OverlayHeader(Header, frozen=True, kw_only=True):
    """That map in colours, to lay over the frame's `region`: an image with an alpha channel."""

    id: str
    encoding: str
    region: Region


class Counters(msgspec.Struct, frozen=True):
    """Since the boot: triggers taken, results by verdict, and triggers that were not taken.

    `missed` came while the station did not inspect, `overrun` while as many waited for their frame as may.
    """

    triggers: Count = 0
    results: dict[Verdict, Count] = {}
    missed: Count = 0
    overrun: Count = 0


class StateHeader(Header, frozen=True, kw_only=True):
    """How the station is, once a second and at each change. `ended`: its source has no more frames.

    `quality` is an average over the last images, None before there are enough; `warnings` says in words what of it
    has drifted from the station's reference, by the name of the figure.
    `faults` says what is wrong though the station goes on, by name, for people. `since_ns` says when each of both was
    raised. `recipe` is empty where there is none.
    """

    state: State
    reason: str
    counters: Counters
    ended: bool
    quality: Quality | None = None
    warnings: dict[str, str] = {}
    faults: dict[str, str] = {}
    since_ns: dict[str, int] = {}
    recipe: str = ""


class StatisticsHeader(Header, frozen=True, kw_only=True):
    """What process control says of the last whole group of inspections."""

    point: Point


class DecidedFact(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it is on the disk.

    `code` and `reason` say why, where they are not empty. `signal` is what it told the line; None where the line did
    not wait for it.
    """

    inspection_id: str
    decision: Decision
    operator: str
    reason: str
    request_id: str
    decided_ns: int
    code: str = ""
    signal: Signal | None = None


class EventHeader(Header, frozen=True, kw_only=True):
    """Something happened beside inspections; `happened_ns` is when it was journaled."""

    happened_ns: int
    event: Event


class OtherEventHeader(Header, frozen=True, kw_only=True):
    """The same, of a kind of event that is not known here."""

    happened_ns: int
    event: OtherEvent


class DecisionHeader(Header, frozen=True, kw_only=True):
    """What operators decided on an inspection has changed: `said` is the decision that stands now, None: there is none.

    `changed_ns` is when that was journaled. `undone` is the request id of the decision that was taken back, empty
    where one was made.
    """

    inspection: str
    said: DecidedFact | None
    undone: str
    operator: str
    """Who made it, or took it back."""
    changed_ns: int


HEADERS: dict[Topic, type[Header]] = {
    Topic.RESULT: ResultHeader,
    Topic.VERDICT: ResultHeader,
    Topic.MAP: MapHeader,
    Topic.OVERLAY: OverlayHeader,
    Topic.IMAGE: ImageHeader,
    Topic.STATE: StateHeader,
    Topic.STATISTICS: StatisticsHeader,
    Topic.EVENT: EventHeader,
    Topic.DECISION: DecisionHeader,
}
"""The second frame, by topic."""


@dataclass(frozen=True, slots=True, eq=False)
class ResultMessage:
    """Topic `result`. `map_units` is (rows, columns, classes) int8, None when the header's `map` is.

    Topic `verdict` is the same without the map: then `map_units` is None though the header says what it is like.
    """

    header: ResultHeader
    map_units: MapUnits | None


@dataclass(frozen=True, slots=True)
class ImageMessage:
    """Topic `image`. `data` is the encoded image."""

    header: ImageHeader
    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class MapMessage:
    """Topic `map`. `map_units` is (rows, columns, classes) int8."""

    header: MapHeader
    map_units: MapUnits


@dataclass(frozen=True, slots=True)
class OverlayMessage:
    """Topic `overlay`. `data` is the encoded image."""

    header: OverlayHeader
    data: bytes


@dataclass(frozen=True, slots=True)
class StateMessage:
    """Topic `state`."""

    header: StateHeader


@dataclass(frozen=True, slots=True)
class StatisticsMessage:
    """Topic `statistics`."""

    header: StatisticsHeader


@dataclass(frozen=True, slots=True)
class EventMessage:
    """Topic `event`."""

    header: EventHeader | OtherEventHeader


@dataclass(frozen=True, slots=True)
class DecisionMessage:
    """Topic `decision`."""

    header: DecisionHeader


Message = (
    ResultMessage | MapMessage | OverlayMessage | ImageMessage | StateMessage | StatisticsMessage | EventMessage
    | DecisionMessage
)  # fmt: skip
