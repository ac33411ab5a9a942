"""The publishing side: results, frames and state, to whoever listens."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import zmq

from edge.contract.cam import BINARY, Classes, Thresholds
from edge.contract.card import Tensor
from edge.contract.events import Event
from edge.contract.lifetime import Closing
from edge.contract.overlay import heat_of, overlay_png
from edge.contract.quality import Quality
from edge.contract.region import Region
from edge.contract.statistics import Point
from edge.contract.types import Inspection, State, plain
from edge.errors import WireError
from edge.wire.addresses import is_tcp
from edge.wire.frames import encode_message
from edge.wire.guard import Guard
from edge.wire.messages import (
    Counters,
    DecidedFact,
    DecisionHeader,
    DecisionMessage,
    EventHeader,
    EventMessage,
    ImageHeader,
    ImageMessage,
    ImageReference,
    MapHeader,
    MapMessage,
    MapShape,
    OverlayHeader,
    OverlayMessage,
    ResultHeader,
    ResultMessage,
    StateHeader,
    StateMessage,
    StatisticsHeader,
    StatisticsMessage,
    Topic,
)
from edge.wire.sockets import bind

HIGH_WATER = 10_000
"""Messages that wait for one slow subscriber; what comes on top it does not get, and sees by the numbers."""
LINGER_MS = 200
LARGEST_SUBSCRIPTION = 4096
"""Bytes; subscribers send nothing else, and one that does is cut off."""
NOTICES = 1000
"""Subscriptions that are looked at in one go."""
REBIND_PATIENCE_S = 10.0
SUBSCRIBED = b"\x01"
"""First byte of XPUB's notice that somebody subscribes to what follows."""
NO_FAULTS: Mapping[str, str] = MappingProxyType({})


class Publisher(Closing):
    """An XPUB socket that never waits for anybody. Belongs to one thread, from its making on.

    It numbers the messages itself, results by their inspection. Publish a result only once the journal has
    acknowledged it.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], address: str, *, station: str, boot: str,
        guard: Guard | None = None,
    ) -> None:  # fmt: skip
        """Raises WireError when `address` is not allowed, in use or cannot be made (see `sockets.bind`)."""
        self._station, self._boot = plain(station), boot
        self._numbers: Counter[Topic] = Counter()
        self._last: tuple[int, int | None] = (0, None)
        self._prefixes: set[bytes] = set()
        """What somebody has subscribed to, as far as `newcomers` has looked."""
        self._context = context
        self._guard = guard if is_tcp(address) else None
        self._revocations = self._guard.allowed.revocations if self._guard else 0
        self._unbound_since: float | None = None
        self._socket = self._new_socket()
        try:
            self.address = bind(self._socket, address, guard)
        except BaseException:
            self._socket.close()
            raise

    def result(
        self,
        inspection: Inspection,
        *,
        bundle: str,
        output: Tensor | None,
        thresholds: Thresholds | None,
        image: ImageReference | None = None,
        classes: Classes = BINARY,
    ) -> None:
        """Publishes one inspection, under `result` and, without its map, under `verdict` where somebody listens.

        `bundle` is the digest of the one that judged it; `output`, `classes` its card's.

        `output` may be None only when there is no map. Raises WireError when the socket is gone.
        """
        judgement, frame = inspection.judgement, inspection.frame
        captured_ns = frame.captured_ns if frame else None
        header = ResultHeader(
            station=self._station,
            boot=self._boot,
            number=inspection.sequence,
            sequence=inspection.sequence,
            captured_ns=captured_ns,
            bundle=bundle,
            id=inspection.id,
            part=plain(inspection.part),
            frame_name=plain(frame.name) if frame else "",
            triggered_ns=inspection.triggered_ns,
            verdict=judgement.verdict,
            score=judgement.score,
            signal=inspection.signal,
            reason=plain(judgement.reason),
            timings_ms=judgement.timings_ms,
            map=_shape(inspection, output),
            thresholds=thresholds,
            image=image,
            kind=msgspec.UNSET if judgement.kind is None else plain(judgement.kind),
            classes=classes if classes.many else msgspec.UNSET,
            recipe=inspection.recipe.name if inspection.recipe else msgspec.UNSET,
            region=judgement.region or msgspec.UNSET,
            looks=judgement.looks or msgspec.UNSET,
            golden=inspection.golden or msgspec.UNSET,
        )
        self._last = (inspection.sequence, captured_ns)
        frames = encode_message(ResultMessage(header, judgement.map_units))
        self._send(frames)
        if self._wanted(Topic.VERDICT):
            self._send([Topic.VERDICT.value.encode(), frames[1]])

    def map(
        self, inspection: Inspection, *, bundle: str, output: Tensor, region: Region, classes: Classes = BINARY
    ) -> None:
        """Publishes an inspection's map alone, and in colours, to whom it may concern; `region` is where it lies.

        Nothing is made that nobody listens to. Raises ValueError when it has no map; WireError.
        """
        units = inspection.judgement.map_units
        shape = _shape(inspection, output)
        if units is None or shape is None:
            raise ValueError(f"inspection {inspection.id} has no map")
        place = Region(region.left, region.top, region.width, region.height)
        facts = {"sequence": inspection.sequence, "id": inspection.id, "region": place}
        if self._wanted(Topic.MAP):
            many = classes if classes.many else msgspec.UNSET
            header = MapHeader(**self._beside_results(Topic.MAP, bundle) | facts, map=shape, classes=many)
            self._send(encode_message(MapMessage(header, units)))
        if self._wanted(Topic.OVERLAY):
            png = overlay_png(heat_of(units, shape.scale, shape.zero_point, classes))
            above = OverlayHeader(**self._beside_results(Topic.OVERLAY, bundle) | facts, encoding="png")
            self._send(encode_message(OverlayMessage(above, png)))

    def image(self, inspection: Inspection, data: bytes, *, bundle: str, encoding: str = "jpeg") -> None:
        """Publishes an inspection's frame, encoded as `data`. Raises ValueError when it has no frame; WireError."""
        frame = inspection.frame
        if frame is None:
            raise ValueError(f"inspection {inspection.id} has no frame")
        height, width = frame.pixels.shape[:2]
        header = ImageHeader(
            station=self._station,
            boot=self._boot,
            number=self._next(Topic.IMAGE),
            sequence=inspection.sequence,
            captured_ns=frame.captured_ns,
            bundle=bundle,
            id=inspection.id,
            encoding=encoding,
            height=height,
            width=width,
        )
        self._send(encode_message(ImageMessage(header, data)))

    def state(
        self, state: State, *, bundle: str, counters: Counters, reason: str = "", ended: bool = False,
        quality: Quality | None = None, warnings: dict[str, str] | None = None,
        faults: Mapping[str, str] = NO_FAULTS, recipe: str = "", since_ns: dict[str, int] | None = None,
    ) -> None:  # fmt: skip
        """Publishes how the station is: call it at each change, and once a second in between. Raises WireError."""
        header = StateHeader(
            **self._beside_results(Topic.STATE, bundle),
            state=state,
            reason=plain(reason),
            counters=counters,
            ended=ended,
            quality=quality,
            warnings=warnings or {},
            faults={name: plain(text) for name, text in faults.items()},
            since_ns=since_ns or {},
            recipe=recipe,
        )
        self._send(encode_message(StateMessage(header)))

    def statistics(self, point: Point, *, bundle: str) -> None:
        """Publishes what process control says of the last group. Raises WireError."""
        header = StatisticsHeader(
            **self._beside_results(Topic.STATISTICS, bundle),
            point=point,
        )
        self._send(encode_message(StatisticsMessage(header)))

    def keep_out_revoked(self) -> None:
        """Cuts all off when somebody's key was revoked: who may, comes back by itself.

        Each message looks first; call it several times a second too, for when there are none.

        Raises WireError when the address cannot be had again.
        """
        if self._guard and (found := self._guard.allowed.revocations) != self._revocations:
            self._revocations = found
            self._socket.close(linger=0)
            self._socket = self._new_socket()
            self._prefixes.clear()
            self._unbound_since = time.monotonic()
        if self._unbound_since is not None:
            self._bind_again(self._unbound_since)

    def _bind_again(self, since: float) -> None:
        """The old socket may still be about to go."""
        try:
            bind(self._socket, self.address, self._guard)
            self._unbound_since = None
        except WireError:
            if time.monotonic() - since > REBIND_PATIENCE_S:
                raise

    def _new_socket(self) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.XPUB)
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_SUBSCRIPTION)
        socket.setsockopt(zmq.SNDHWM, HIGH_WATER)
        socket.setsockopt(zmq.LINGER, LINGER_MS)
        return socket

    def newcomers(self) -> frozenset[Topic]:
        """Topics that somebody has subscribed to since the last call. Raises WireError."""
        found: set[Topic] = set()
        try:
            for _ in range(NOTICES):
                notice = self._socket.recv(zmq.NOBLOCK)
                if notice[:1] != SUBSCRIBED:
                    self._prefixes.discard(notice[1:])
                else:
                    self._prefixes.add(notice[1:])
                    found |= {topic for topic in Topic if topic.value.encode().startswith(notice[1:])}
        except zmq.Again:
            pass
        except zmq.ZMQError as error:
            raise WireError(f"{self.address}: cannot publish: {error.strerror}") from error
        return frozenset(found)

    def event(self, event: Event, happened_ns: int, *, bundle: str) -> None:
        """Publishes what happened, once the journal has it. Raises WireError."""
        header = EventHeader(
            **self._beside_results(Topic.EVENT, bundle),
            happened_ns=happened_ns,
            event=event,
        )
        self._send(encode_message(EventMessage(header)))

    def decision(
        self, said: DecidedFact | None, *, inspection: str, operator: str, changed_ns: int, undone: str = "",
        bundle: str,
    ) -> None:  # fmt: skip
        """Publishes what stands on an inspection now, once the journal has it. Raises WireError."""
        header = DecisionHeader(
            **self._beside_results(Topic.DECISION, bundle),
            inspection=inspection, said=said, undone=undone, operator=operator, changed_ns=changed_ns,
        )  # fmt: skip
        self._send(encode_message(DecisionMessage(header)))

    def _beside_results(self, topic: Topic, bundle: str) -> dict[str, Any]:
        """What every message says that is about no inspection of its own; it stands where the last result did."""
        sequence, captured_ns = self._last
        return {
            "station": self._station, "boot": self._boot, "number": self._next(topic), "sequence": sequence,
            "captured_ns": captured_ns, "bundle": bundle,
        }  # fmt: skip

    def close(self) -> None:
        """May be called twice."""
        self._socket.close()

    def _wanted(self, topic: Topic) -> bool:
        return any(topic.value.encode().startswith(prefix) for prefix in self._prefixes)

    def _next(self, topic: Topic) -> int:
        self._numbers[topic] += 1
        return self._numbers[topic]

    def _send(self, frames: list[bytes]) -> None:
        self.keep_out_revoked()
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError as error:
            raise WireError(f"{self.address}: cannot publish: {error.strerror}") from error


def _shape(inspection: Inspection, output: Tensor | None) -> MapShape | None:
    units = inspection.judgement.map_units
    if units is None:
        return None
    if output is None:
        raise ValueError(f"inspection {inspection.id} has a map, so the model's output must be given to read it")
    rows, columns, classes = units.shape
    return MapShape(rows, columns, classes, output.scale, output.zero_point)
