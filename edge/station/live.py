"""What the page shows of the line right now, from what came over the wire: pure, no sockets, no browser."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from edge.contract.types import State
from edge.wire.messages import (
    ImageMessage,
    Message,
    ResultHeader,
    ResultMessage,
    StateHeader,
    StateMessage,
    StatisticsMessage,
)

SILENT_S = 3.0
"""A station says its state once a second; after so many without any word it is not there."""
PAST_S = 10.0
"""An older result is no longer shown as if it were of now."""
IMAGE_WAIT_S = 0.4
"""A result is shown with its image, or without it after this time."""
KEPT_IMAGES = 8
INSPECTING = frozenset({State.READY, State.SINGLE_EXECUTION, State.CONTINUOUS_EXECUTION})


class Freshness(StrEnum):
    """How much what is shown says of now; each looks different."""

    LIVE = "live"
    """The last part, just now, from a station that inspects."""
    PAST = "past"
    """The last part, a while ago or before the station stopped."""
    LOST = "lost"
    """Nothing is known of now: the station is silent."""


@dataclass(frozen=True)
class Part:
    """One inspection as it is shown; `image` is None where no frame came with it."""

    result: ResultMessage
    image: ImageMessage | None


@dataclass(frozen=True)
class Notice:
    """Something is wrong: its name, for the catalogue, and what the station says of it in its own words.

    `since_ns` is Unix time, None where the station does not say it.
    """

    name: str
    text: str
    since_ns: int | None = None


@dataclass(frozen=True)
class Condition:
    """How the line is: a key of the catalogue, what the station says of it, and how long it has been silent."""

    key: str
    reason: str = ""
    silent_s: float = 0.0


@dataclass(frozen=True)
class Shown:
    """All that Live shows. `age_s` is how old the picture is, None without one."""

    freshness: Freshness
    part: Part | None
    age_s: float | None
    station: str
    bundle: str
    """Digest of the one that judges now, empty where that is not known."""
    condition: Condition
    troubled: bool
    notices: tuple[Notice, ...]

    @property
    def header(self) -> ResultHeader | None:
        """The result of the part."""
        return self.part.result.header if self.part else None


class Live:
    """`put` what comes; `shown` says what to show. Times are monotonic seconds; `wall_ns` is Unix time."""

    def __init__(self) -> None:
        self._heard: float | None = None
        self._state: StateMessage | None = None
        self._alarms: dict[str, str] = {}
        self._since_ns: dict[str, int] = {}
        """Of the alarms."""
        self._images: OrderedDict[str, ImageMessage] = OrderedDict()
        self._newest: tuple[ResultMessage, float] | None = None
        self._showing: tuple[Part, float] | None = None
        self.trouble = ""
        """What went wrong with the connection, beyond silence; empty once something comes."""

    def put(self, message: Message, now: float) -> None:
        """A message, and when it came."""
        self._heard, self.trouble = now, ""
        match message:
            case StateMessage():
                self._state = message
            case StatisticsMessage():
                point = message.header.point
                self._alarms, self._since_ns = point.alarms, point.since_ns
            case ResultMessage():
                self._promote(now, wait_s=0.0)  # no image came for the one before, and none will
                self._newest = message, now
                self._promote(now)
            case ImageMessage():
                self._images[message.header.id] = message
                while len(self._images) > KEPT_IMAGES:
                    self._images.popitem(last=False)
                self._promote(now)

    def image_of(self, inspection: str) -> ImageMessage | None:
        """The frame of a recent inspection, where one came."""
        return self._images.get(inspection)

    def shown(self, now: float, wall_ns: int) -> Shown:
        """What to show at this moment."""
        self._promote(now)
        part, came = self._showing or (None, now)
        age = None if part is None else _age(part.result, now - came, wall_ns)
        header = self._state.header if self._state else None
        freshness = self._freshness(part, age, now)
        notices = self._notices(header) if header else ()
        if freshness is Freshness.LOST:
            notices = (Notice("connection", self.trouble),) if self.trouble else ()
        return Shown(
            freshness, part, age,
            station=header.station if header else "",
            bundle=header.bundle if header else "",
            condition=self._condition(freshness, now),
            troubled=freshness is Freshness.LOST or (header is not None and header.state is State.ERROR),
            notices=notices,
        )  # fmt: skip

    def _notices(self, header: StateHeader) -> tuple[Notice, ...]:
        told = {**header.faults, **header.warnings, **self._alarms}
        since_ns = {**header.since_ns, **self._since_ns}
        return tuple(Notice(name, text, since_ns.get(name)) for name, text in told.items())

    def _promote(self, now: float, wait_s: float = IMAGE_WAIT_S) -> None:
        """The newest result is shown once its image is there or has been waited for; never with another's image."""
        if self._newest is None:
            return
        result, came = self._newest
        image = self._images.get(result.header.id)
        if image or now - came >= wait_s or result.header.captured_ns is None:
            known = self._showing and self._showing[0]
            if known is None or known.result is not result or known.image is not image:
                self._showing = Part(result, image), came

    def _freshness(self, part: Part | None, age: float | None, now: float) -> Freshness:
        if self._state is None or self._heard is None or now - self._heard > SILENT_S:
            return Freshness.LOST
        header = self._state.header
        if part is None or age is None or age > PAST_S or header.state not in INSPECTING:
            return Freshness.PAST
        return Freshness.LIVE if part.result.header.boot == header.boot else Freshness.PAST

    def _condition(self, freshness: Freshness, now: float) -> Condition:
        if self._heard is None or self._state is None:
            return Condition("condition.unheard")
        if freshness is Freshness.LOST:
            return Condition("condition.silent", silent_s=now - self._heard)
        header = self._state.header
        if header.ended and header.state is not State.ERROR:
            return Condition("condition.ended")
        return Condition(f"state.{header.state}", header.reason)


def _age(result: ResultMessage, held_s: float, wall_ns: int) -> float:
    """The station's clock may be wrong: never younger than the time that we have had it."""
    taken = result.header.captured_ns or result.header.triggered_ns
    return max(held_s, (wall_ns - taken) / 1e9)
