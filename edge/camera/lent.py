"""Pictures that stay in a camera's own buffers while somebody has them, and go back when nobody has."""

from __future__ import annotations

import queue
import weakref
from collections.abc import Iterator
from typing import Generic, TypeVar

import numpy as np

from edge.contract.types import Pixels

T = TypeVar("T")


class Lent(Generic[T]):
    """So many buffers of type `T` may be lent at a time. Belongs to the thread that reads the camera.

    Whoever has a picture, or a part of one, may let go of it in any thread, at any moment, also within the driver's own
    locks. So nothing happens then but a note, and the camera's thread gives the buffers back (`returned`).
    """

    def __init__(self, most: int) -> None:
        self._most, self._out = most, 0
        self._returned: queue.SimpleQueue[T] = queue.SimpleQueue()

    @property
    def room(self) -> bool:
        """Whether one more may be lent."""
        return self._out < self._most

    def lend(self, pixels: Pixels, buffer: T) -> Pixels:
        """`pixels`, which lie in `buffer`, as what may be read but not written, without a copy of them.

        `buffer` is kept as long as what this gives, or any view of it.
        """
        loan = _Loan(pixels)
        weakref.finalize(loan, self._returned.put, buffer).atexit = False
        self._out += 1
        return np.asarray(loan)

    def returned(self) -> Iterator[T]:
        """The buffers that nobody has any more, each once."""
        while not self._returned.empty():
            self._out -= 1
            yield self._returned.get_nowait()


class _Loan:
    """What numpy takes for an array and holds on to, as it does not to an array between it and the memory."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels
        address, _ = pixels.__array_interface__["data"]
        self.__array_interface__ = pixels.__array_interface__ | {"data": (address, True)}  # True: to be read only
