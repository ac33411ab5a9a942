"""Things that are opened and closed, and closed for certain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import ClassVar, Self

from edge.errors import HardwareError


class Closing(ABC):
    """Is closed at the end of its `with` block."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Device(Closing):
    """Hardware, or its twin: opened by `open` or its `with` block, closed after an error, never half open.

    Nothing is opened before `open`, and nothing is closed by the garbage collector.
    """

    failure: ClassVar[type[HardwareError]]
    """What every error of this device is."""

    def __init__(self, label: str) -> None:
        """`label` stands in errors: "the camera", "the line signal"."""
        self._label = label
        self._is_open = False

    def open(self) -> None:
        """Take hold of the device. After an error it is closed; it can be opened anew after `close`."""
        if self._is_open:
            raise self.failure(f"{self._label} is open already; close it first")
        try:
            self._do_open()
        except BaseException:
            with suppress(self.failure):
                self._do_close()
            raise
        self._is_open = True

    def close(self) -> None:
        """Let go of the device. May be called again, and after a failed open."""
        if self._is_open:
            self._is_open = False
            self._do_close()

    def __enter__(self) -> Self:
        self.open()
        return self

    @abstractmethod
    def _do_open(self) -> None:
        """Open it; raises `failure`."""

    @abstractmethod
    def _do_close(self) -> None:
        """Close whatever is open, however far `_do_open` came; raises `failure`."""
