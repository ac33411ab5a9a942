"""Asks the station's journal for the page, each time over a connection of its own: no long answer delays a decision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from edge.client import AsyncStation, ClientKeys, CommandRefused
from edge.station.live import Part
from edge.wire.frames import map_from_bytes
from edge.wire.messages import DecidedFact, ImageHeader, ImageMessage, ResultHeader, ResultMessage
from edge.wire.requests import ErrorCode

T = TypeVar("T")


class Archive:
    """Where the station is; one for the whole page."""

    def __init__(self, results: str, commands: str, keys: ClientKeys | None = None) -> None:
        self._where, self._keys = (results, commands), keys

    async def ask(self, question: Callable[[AsyncStation], Awaitable[T]]) -> T:
        """What the station answers. Raises WireError when it does not, or says no."""
        async with AsyncStation(*self._where, topics=(), keys=self._keys) as station:
            return await question(station)


def result_of(header: ResultHeader, units: bytes | None) -> ResultMessage:
    """A result as Live gets it, of what the journal has."""
    return ResultMessage(header, None if units is None else map_from_bytes(header, units))


async def frame_of(station: AsyncStation, header: ResultHeader) -> ImageMessage | None:
    """The frame of an inspection; None where the journal has none."""
    if header.image is None:
        return None
    try:
        kept = await station.image(header.id)
    except CommandRefused as error:
        if error.code == ErrorCode.REFUSED:  # it has made room meanwhile
            return None
        raise
    about = ImageHeader(
        station=header.station, boot=header.boot, number=header.number, sequence=header.sequence,
        captured_ns=header.captured_ns, bundle=header.bundle, id=header.id, encoding=kept.encoding,
        height=kept.height, width=kept.width,
    )  # fmt: skip
    return ImageMessage(about, kept.data)


async def frame_now(station: AsyncStation) -> ImageMessage:
    """What the camera sees, or saw last; of no inspection. Raises WireError."""
    found = await station.frame()
    about = ImageHeader(
        station="", boot="", number=1, sequence=0, captured_ns=found.captured_ns, bundle="", id="camera",
        encoding=found.encoding, height=found.height, width=found.width,
    )  # fmt: skip
    return ImageMessage(about, found.data)


async def part_of(station: AsyncStation, inspection: str) -> tuple[Part, DecidedFact | None]:
    """As Live shows one, its map and its frame; and the decision that stands."""
    found = await station.find(inspection)
    return Part(result_of(found.header, found.map), await frame_of(station, found.header)), found.decision
