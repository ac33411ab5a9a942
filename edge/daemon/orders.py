"""What other threads want of the line thread: it does it between two parts."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class InFlightError(Exception):
    """A part waits for its result, so how it is judged does not change now."""


class Orders:
    """Any thread gives them, one carries them out."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def give(self, work: Callable[[], T]) -> Future[T]:
        """What comes of it is in the future; all but InFlightError ends whoever carries it out, too."""
        future: Future[T] = Future()

        def obey() -> None:
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
                if not isinstance(error, InFlightError):
                    raise

        self._waiting.put(obey)
        return future

    def carry_out(self) -> None:
        """All that were given."""
        while not self._waiting.empty():
            self._waiting.get()()
