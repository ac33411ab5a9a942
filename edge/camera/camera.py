"""The interface every source of frames keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import ClassVar, Self

from edge.contract.types import Frame
from edge.errors import CameraError


class Camera(ABC):
    """A source of frames. Public methods check the state, then call the `_do_` method that a source provides.

    One thread at a time may call it. The only errors that leave it are CameraError (a device or a file) and
    ValueError (a bad argument). Nothing is opened before `open`, and nothing is closed by the garbage collector.
    """

    live: ClassVar[bool]
    """True: a running sensor, frames not taken are lost. False: a capture whose every frame waits to be read."""

    def __init__(self, name: str) -> None:
        """`name` stands at the start of every error: the camera's URI or path."""
        self.name = name
        self._is_open = False
        self._next_index = 0

    def open(self) -> None:
        """Take hold of the source; frames count from 0 again. After an error the camera is closed, not half open."""
        if self._is_open:
            raise CameraError(f"{self.name}: the camera is open already; close it first")
        self._next_index = 0
        try:
            self._do_open()
        except BaseException:
            with suppress(CameraError):
                self._do_close()
            raise
        self._is_open = True

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, waiting `timeout_s` seconds (0 or more) at most; None once the source has ended.

        Raises CameraError when none comes in time, or when this one cannot be used. The camera stays usable: the
        next read gives the next frame. A live camera's frame was completed after the call, though its exposure may
        have begun before: compare `monotonic_ns` with the trigger's.
        """
        if not self._is_open:
            raise CameraError(f"{self.name}: the camera is closed; open it before reading")
        if not timeout_s >= 0:
            raise ValueError(f"timeout_s is 0 or more, got {timeout_s}")
        return self._do_read(timeout_s)

    def close(self) -> None:
        """Let go of the source. May be called again, and after a failed open. The camera can be opened anew."""
        if not self._is_open:
            return
        self._is_open = False
        self._do_close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _count_frame(self) -> int:
        """Index of the frame that has just left the source; called once for each, whether it can be used or not."""
        index = self._next_index
        self._next_index += 1
        return index

    @abstractmethod
    def _do_open(self) -> None:
        """Open the source; raises CameraError."""

    @abstractmethod
    def _do_read(self, timeout_s: float) -> Frame | None:
        """As `read`; the camera is open."""

    @abstractmethod
    def _do_close(self) -> None:
        """Close whatever is open, however far `_do_open` came; raises CameraError."""
