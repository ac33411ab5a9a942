"""Messages as frames, and frames as messages: pure, no sockets. PROTOCOL.md is the specification."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar, get_args

import msgspec
import numpy as np

from edge.contract.events import Event
from edge.contract.typed import decode_json
from edge.contract.types import MapUnits
from edge.errors import WireError
from edge.wire.messages import (
    SCHEMA,
    DecisionHeader,
    DecisionMessage,
    EventHeader,
    EventMessage,
    Header,
    ImageHeader,
    ImageMessage,
    MapHeader,
    MapMessage,
    MapShape,
    Message,
    OtherEventHeader,
    OverlayHeader,
    OverlayMessage,
    ResultHeader,
    ResultMessage,
    StateHeader,
    StateMessage,
    StatisticsHeader,
    StatisticsMessage,
)

_Header = TypeVar("_Header", bound=Header)


class _Schema(msgspec.Struct):
    schema: int


def encode_message(message: Message) -> list[bytes]:
    """The frames, topic first."""
    header = msgspec.json.encode(message.header)
    match message:
        case ResultMessage(map_units=units):
            return [b"result", header, units.tobytes() if units is not None else b""]
        case MapMessage(map_units=units):
            return [b"map", header, units.tobytes()]
        case OverlayMessage(data=data):
            return [b"overlay", header, data]
        case ImageMessage(data=data):
            return [b"image", header, data]
        case StateMessage():
            return [b"state", header]
        case StatisticsMessage():
            return [b"statistics", header]
        case EventMessage():
            return [b"event", header]
        case DecisionMessage():
            return [b"decision", header]


def decode_message(frames: Sequence[bytes]) -> Message:
    """The message in `frames`. Raises WireError, in one line, when they hold none or one of a newer schema."""
    topic = bytes(frames[0]) if frames else b""
    reader, count = _READERS.get(topic, (None, 0))
    if reader is None:
        raise WireError(f"a message of unknown topic {topic[:20]!r}")
    if len(frames) != count:
        raise WireError(f"a message of topic {topic.decode()} has {len(frames)} frames, not {count}")
    return reader(frames)


def map_from_bytes(header: ResultHeader, data: bytes) -> MapUnits | None:
    """The map of a result, None where it has none. Raises WireError when the bytes are not what the header says."""
    if header.map is None and not data:
        return None
    return _units(header.id, header.map or MapShape(0, 0, 0, 1.0, 0), data)


def _units(name: str, shape: MapShape, data: bytes) -> MapUnits:
    size = math.prod((shape.rows, shape.columns, shape.classes))
    if len(data) != size:
        raise WireError(f"result {name[:40]}: a map of {len(data)} bytes where its header says {size}")
    return np.frombuffer(data, np.int8).reshape(shape.rows, shape.columns, shape.classes)


def _result(frames: Sequence[bytes]) -> ResultMessage:
    header = _decode(frames[1], ResultHeader)
    return ResultMessage(header, map_from_bytes(header, frames[2]))


def _verdict(frames: Sequence[bytes]) -> ResultMessage:
    return ResultMessage(_decode(frames[1], ResultHeader), None)


def _map(frames: Sequence[bytes]) -> MapMessage:
    header = _decode(frames[1], MapHeader)
    return MapMessage(header, _units(header.id, header.map, frames[2]))


def _overlay(frames: Sequence[bytes]) -> OverlayMessage:
    return OverlayMessage(_decode(frames[1], OverlayHeader), frames[2])


def _image(frames: Sequence[bytes]) -> ImageMessage:
    return ImageMessage(_decode(frames[1], ImageHeader), frames[2])


def _state(frames: Sequence[bytes]) -> StateMessage:
    return StateMessage(_decode(frames[1], StateHeader))


def _statistics(frames: Sequence[bytes]) -> StatisticsMessage:
    return StatisticsMessage(_decode(frames[1], StatisticsHeader))


def _event(frames: Sequence[bytes]) -> EventMessage:
    other = _decode(frames[1], OtherEventHeader)
    return EventMessage(_decode(frames[1], EventHeader) if other.event.kind in _EVENTS else other)


def _decision(frames: Sequence[bytes]) -> DecisionMessage:
    return DecisionMessage(_decode(frames[1], DecisionHeader))


_EVENTS = frozenset(each.__struct_config__.tag for each in get_args(Event))
_READERS: dict[bytes, tuple[Callable[[Sequence[bytes]], Message], int]] = {
    b"result": (_result, 3),
    b"verdict": (_verdict, 2),
    b"map": (_map, 3),
    b"overlay": (_overlay, 3),
    b"image": (_image, 3),
    b"state": (_state, 2),
    b"statistics": (_statistics, 2),
    b"event": (_event, 2),
    b"decision": (_decision, 2),
}


def _decode(data: bytes, kind: type[_Header]) -> _Header:
    try:
        schema = decode_json(data, _Schema).schema
        if schema > SCHEMA:
            raise WireError(f"a message of schema {schema}; this okng reads up to {SCHEMA}: update okng here")
        return decode_json(data, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not a {kind.__name__}: {error}") from None
