"""A camera that reads a capture: a folder of images, one image, or a video."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar, Self

from edge.camera.camera import Camera
from edge.camera.capture import Capture, open_capture
from edge.camera.uri import CameraUri
from edge.contract.types import Frame
from edge.errors import CameraError


class FileCamera(Camera):
    """Frames of a capture in natural order, each of them waiting to be read: a slow reader loses none.

    A frame's time is the time it was read; its `name` is the file's path relative to the folder, or `stem#000123`
    in a video. The list of images is made once, when the camera is opened.
    """

    live: ClassVar[bool] = False

    def __init__(self, path: Path, rate: float | None = None, loop: bool = False) -> None:
        """`rate` in frames per second is an upper limit, None for as fast as it is read; `loop` never ends."""
        super().__init__(str(path))
        self._path, self._loop = path, loop
        self._period_s = 1 / rate if rate else 0.0
        self._due_s = 0.0
        self._capture: Capture | None = None

    @classmethod
    def from_uri(cls, uri: CameraUri) -> Self:
        """The camera of `file:///srv/capture?rate=30&loop=true`."""
        return cls(uri.file_path(), uri.number("rate", 0.01, 1000), uri.flag("loop"))

    def _do_open(self) -> None:
        self._capture = open_capture(self._path)
        self._due_s = time.monotonic()

    def _do_read(self, timeout_s: float) -> Frame | None:
        assert self._capture is not None
        name = self._capture.next_name()
        if name is None and self._loop:
            self._capture.rewind()
            name = self._capture.next_name()
        if name is None:
            return None
        self._wait_until_due(timeout_s)
        index = self._count_frame()
        pixels = self._capture.read()
        try:
            return Frame(pixels, index, time.time_ns(), time.monotonic_ns(), name)
        except ValueError as error:
            raise CameraError(f"{self.name}: {name}: {error}; convert it to grey or colour") from None

    def _wait_until_due(self, timeout_s: float) -> None:
        """Hold the rate. Where the reader is late, the next frame is due at once and the ones after keep the rate."""
        now_s = time.monotonic()
        if self._due_s - now_s > timeout_s:
            time.sleep(timeout_s)
            raise CameraError(f"{self.name}: no frame within {timeout_s:g} s; wait longer or raise its rate")
        time.sleep(max(0.0, self._due_s - now_s))
        self._due_s = max(self._due_s, now_s) + self._period_s

    def _do_close(self) -> None:
        if self._capture is not None:
            self._capture.close()
            self._capture = None
