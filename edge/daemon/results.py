"""Results on their way to the journal: so many may wait, and so large may their frames be together."""

from __future__ import annotations

import queue

from edge.contract.bundle import Bundle
from edge.contract.events import Event
from edge.contract.types import Inspection

MOST = 256
MOST_BYTES = 200 << 20
"""Of frames. A disk that stands still must not take the board's memory: 256 frames of 12 megapixels would be 9 GB."""


class Results(queue.Queue[Inspection | Bundle | Event]):
    """A queue that is full at `MOST` results, or once the frames in it have `MOST_BYTES`."""

    def __init__(self) -> None:
        self._bytes = 0
        super().__init__(MOST)

    def _qsize(self) -> int:
        return self.maxsize if self._bytes >= MOST_BYTES else super()._qsize()

    def _put(self, item: Inspection | Bundle | Event) -> None:
        self._bytes += _bytes(item)
        super()._put(item)

    def _get(self) -> Inspection | Bundle | Event:
        item = super()._get()
        self._bytes -= _bytes(item)
        return item


def _bytes(item: Inspection | Bundle | Event) -> int:
    if not isinstance(item, Inspection) or item.frame is None:
        return 0
    return sum(frame.pixels.nbytes for frame in item.frames or (item.frame,))
