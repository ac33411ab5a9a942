"""Results on their way to the journal: so many may wait, and so large may their frames be together."""

from __future__ import annotations

import queue
import threading

from edge.contract.bundle import Bundle
from edge.contract.events import Event
from edge.contract.types import Inspection

MOST = 256
MOST_BYTES = 200 << 20
"""Of frames. A disk that stands still must not take the board's memory: 256 frames of 12 megapixels would be 9 GB."""

Item = Inspection | Bundle | Event


class Results:
    """A queue that is full at `MOST` results, or once the frames in it have `MOST_BYTES`. Any thread may use it.

    Whoever waits for a result waits in the interpreter's own queue, which wakes faster than `queue.Queue`.
    """

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._room = threading.Condition()
        self._count = self._bytes = 0

    def put(self, item: Item, timeout: float = 0.0) -> None:
        """Adds one more. Raises queue.Full where there is no room within `timeout` seconds."""
        with self._room:
            if self._full and not self._room.wait_for(lambda: not self._full, timeout):
                raise queue.Full
            self._count += 1
            self._bytes += _bytes(item)
            self._items.put(item)

    def get(self, timeout: float | None = None) -> Item:
        """Takes the oldest out. Raises queue.Empty where there is none within `timeout` seconds; None: for ever."""
        item = self._items.get(timeout=timeout)
        with self._room:
            self._count -= 1
            self._bytes -= _bytes(item)
            self._room.notify()
        return item

    def empty(self) -> bool:
        """Whether nothing waits."""
        return self._items.empty()

    @property
    def _full(self) -> bool:
        return self._count >= MOST or self._bytes >= MOST_BYTES


def _bytes(item: Item) -> int:
    if not isinstance(item, Inspection) or item.frame is None:
        return 0
    return sum(frame.pixels.nbytes for frame in item.frames or (item.frame,))
