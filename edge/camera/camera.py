"""The interface every source of frames keeps."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from edge.contract.lifetime import Device
from edge.contract.types import Frame
from edge.errors import CameraError


class Camera(Device):
    """A source of frames. Public methods check the state, then call the `_do_` method that a source provides.

    One thread at a time may call it. The only errors that leave it are CameraError (a device or a file) and
    ValueError (a bad argument).
    """

    failure = CameraError
    live: ClassVar[bool]
    """True: a running sensor, frames not taken are lost. False: a capture whose every frame waits to be read."""
    period_s: float | None = None
    """Seconds from one frame to the next, where it is known."""
    size: tuple[int, int] | None = None
    """(width, height) in pixels that each frame is to have, where it is known."""

    def __init__(self, name: str) -> None:
        """`name` stands at the start of every error: the camera's URI or path."""
        super().__init__(f"{name}: the camera")
        self.name = name
        self._next_index = 0

    def open(self) -> None:
        """As for every device; frames count from 0 again."""
        if not self._is_open:
            self._next_index = 0
        super().open()

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

    def check(self) -> str:
        """What is wrong with the camera at this moment, empty when nothing is known; costs nothing.

        Raises CameraLost once it is given up. Only a watched camera knows more than its reads tell.
        """
        return ""

    def _count_frame(self) -> int:
        """Index of the frame that has just left the source; called once for each, whether it can be used or not."""
        index = self._next_index
        self._next_index += 1
        return index

    @abstractmethod
    def _do_read(self, timeout_s: float) -> Frame | None:
        """As `read`; the camera is open."""
