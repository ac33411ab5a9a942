"""Network cameras and GStreamer pipelines, through OpenCV."""

from __future__ import annotations

import re
import time
from typing import ClassVar, Self

import cv2
import numpy as np

from edge.camera.camera import Camera
from edge.camera.uri import CameraUri
from edge.contract.types import Frame
from edge.errors import CameraError

OPEN_MS, READ_MS = 5000, 2000
"""What FFmpeg is given to connect, and to wait for data; GStreamer's elements have limits of their own."""
FRESH_S = 0.005
"""A frame that did not have to be waited for so long lay in a buffer while the stream was opened."""
STALE = 100
"""Frames dropped for that, at most."""
SINK = " ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
"""What a pipeline without an appsink is completed with: the newest frame, in BGR."""

_NO_GSTREAMER = (
    "this OpenCV ({}) has no GStreamer, as PyPI's wheels have none; install Debian's (`sudo apt install python3-opencv "
    "gstreamer1.0-plugins-good`), make the virtual environment with --system-site-packages, and take "
    "opencv-python-headless out of it"
)
_NO_FFMPEG = "this OpenCV ({}) has no FFmpeg, which reads network cameras; install opencv-python-headless"


class StreamCamera(Camera):
    """Frames of a stream, BGR, each timed by its arrival less the stream's stated delay.

    A stream does not say when a frame was exposed. Where triggers matter, `delay_s` is to be measured: the longest
    time from exposure to arrival. A read is up to OpenCV and may take longer than its limit: a WatchedCamera keeps it.
    """

    live: ClassVar[bool] = True
    advice: ClassVar[str] = "check address, password and network, or the pipeline"
    """Where it does not open."""

    def __init__(
        self, source: str, *, rate: float | None = None, size: tuple[int, int] | None = None, delay_s: float = 0.0
    ) -> None:
        """`source` is a URL that FFmpeg reads, or `gst:` and a pipeline; `rate` is the stream's, in frames a second."""
        super().__init__(_public(source))
        self._source, self._delay_ns = source, round(delay_s * 1e9)
        self.period_s, self.size = 1 / rate if rate else None, size
        self._capture: cv2.VideoCapture | None = None

    @classmethod
    def from_uri(cls, uri: CameraUri) -> Self:
        """The camera of `rtsp://10.0.0.9/1#rate=25&width=1280&height=960&delay_ms=300`, `http://...` or `gst:...`."""
        if not (uri.authority if uri.scheme != "gst" else uri.source.removeprefix("gst:").strip(" !/")):
            raise uri.error("no source", "rtsp://host/path, http://host/path or gst:pipeline")
        rate, delay_ms = uri.number("rate", 0.01, 1000), uri.integer("delay_ms", 0, 60_000)
        width, height = uri.integer("width", 1, 16384), uri.integer("height", 1, 16384)
        if (width is None) != (height is None):
            raise uri.error("width" if width else "height", "give width and height, or neither")
        size = (width, height) if width and height else None
        return cls(uri.source, rate=rate, size=size, delay_s=(delay_ms or 0) / 1000)

    def _do_open(self) -> None:
        try:
            self._capture = self._connect()
            if not self._capture.isOpened():
                raise CameraError(f"{self.name}: cannot be opened; {self.advice}")
            self._drop_stale(self._capture)
        except cv2.error as error:
            raise CameraError(f"{self.name}: refused by OpenCV: {' '.join(str(error).split())}") from None

    def _connect(self) -> cv2.VideoCapture:
        return self._open_gstreamer() if self._source.startswith("gst:") else self._open_ffmpeg()

    def _open_ffmpeg(self) -> cv2.VideoCapture:
        self._require(cv2.CAP_FFMPEG, _NO_FFMPEG)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
        return cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, limits)

    def _open_gstreamer(self) -> cv2.VideoCapture:
        self._require(cv2.CAP_GSTREAMER, _NO_GSTREAMER)
        pipeline = self._source.removeprefix("gst:").strip()
        return cv2.VideoCapture(pipeline if "appsink" in pipeline else pipeline + SINK, cv2.CAP_GSTREAMER)

    def _require(self, backend: int, missing: str) -> None:
        if not cv2.videoio_registry.hasBackend(backend):
            raise CameraError(f"{self.name}: {missing.format(cv2.__version__)}")

    def _drop_stale(self, capture: cv2.VideoCapture) -> None:
        for _ in range(STALE):
            began = time.monotonic()
            if not capture.grab() or time.monotonic() - began >= FRESH_S:
                return

    def _do_read(self, timeout_s: float) -> Frame:  # noqa: ARG002
        assert self._capture is not None
        try:
            came, pixels = self._capture.read()
        except cv2.error as error:
            raise CameraError(f"{self.name}: refused by OpenCV: {' '.join(str(error).split())}") from None
        if not came or pixels is None:
            raise CameraError(f"{self.name}: the stream has broken off, or nothing came for too long")
        index = self._count_frame()
        age_ns = self._age_ns(self._capture)
        try:
            return Frame(np.ascontiguousarray(pixels), index, time.time_ns() - age_ns, time.monotonic_ns() - age_ns)
        except ValueError as error:
            raise CameraError(f"{self.name}: {error}; have the pipeline convert it to BGR") from None

    def _age_ns(self, capture: cv2.VideoCapture) -> int:  # noqa: ARG002
        """How long ago the frame that was read last was exposed."""
        return self._delay_ns

    def _do_close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def _public(source: str) -> str:
    """The source without password and query, which may be secret, and a pipeline's first element alone."""
    if source.startswith("gst:"):
        return "gst:" + source.removeprefix("gst:").split("!")[0].split()[0]
    return re.sub(r"^(\w+://)[^/]*@", r"\1", source.partition("?")[0])
