"""USB and other cameras of the kernel's V4L2, through OpenCV, with exposure, gain and white balance locked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self

import cv2

from edge.camera.stream import StreamCamera
from edge.camera.uri import CameraUri
from edge.errors import CameraError

MANUAL, OFF = 1.0, 0.0
"""V4L2_EXPOSURE_MANUAL; an automatic white balance that is off."""
EXPOSURE_UNIT_US = 100
"""Of V4L2's exposure_time_absolute."""
PLAUSIBLE_NS = 10_000_000_000
"""A driver's time that is further from now is of another clock."""
NEAR = 0.02
"""Share by which the rate that is given may differ from the one that was asked for: 29.97 is 30."""

_NO_V4L2 = "this OpenCV ({}) has no V4L2; install opencv-python-headless, or Debian's python3-opencv"


@dataclass(frozen=True)
class V4l2Settings:
    """What the camera is asked for; None leaves it as it is. Size in pixels, `rate` in frames a second.

    `exposure_us`, 100 to 10,000,000 in steps of 100, and `white_balance_k`, in kelvin, end the camera's own automatics.
    `gain` is in the driver's own unit. `pixels` is V4L2's name of a format, such as MJPG or YUYV.
    """

    size: tuple[int, int] | None = None
    rate: float | None = None
    pixels: str | None = None
    exposure_us: int | None = None
    gain: int | None = None
    white_balance_k: int | None = None

    @classmethod
    def from_uri(cls, uri: CameraUri) -> Self:
        """The options of `v4l2:///dev/video0?width=1280&height=960&rate=30&exposure_us=5000&gain=10`."""
        width, height = uri.integer("width", 1, 16384), uri.integer("height", 1, 16384)
        if (width is None) != (height is None):
            raise uri.error("width" if width else "height", "give width and height, or neither")
        settings = cls(
            size=(width, height) if width and height else None,
            rate=uri.number("rate", 0.01, 1000),
            pixels=uri.choice("pixels", ("MJPG", "YUYV", "GREY", "BGR3", "RGB3", "NV12", "UYVY")),
            exposure_us=uri.integer("exposure_us", EXPOSURE_UNIT_US, 10_000_000),
            gain=uri.integer("gain", 0, 1_000_000),
            white_balance_k=uri.integer("white_balance_k", 1000, 20_000),
        )
        exposure_us = settings.exposure_us or 0
        if exposure_us % EXPOSURE_UNIT_US:
            raise uri.error(f"exposure_us={exposure_us}", f"a multiple of {EXPOSURE_UNIT_US}: V4L2 counts in these")
        if settings.rate and exposure_us * settings.rate > 1e6:
            raise uri.error("exposure_us", f"at most {1e6 / settings.rate:.0f} at rate={settings.rate:g}")
        return settings


class V4l2Camera(StreamCamera):
    """Frames of a running camera, BGR, each timed by the driver, where that uses CLOCK_MONOTONIC, less `delay_s`.

    Most drivers stamp a frame when it is complete, or when its first bytes arrive: the exposure was before that.
    """

    advice = "check its cable, that okng may read it (group video), and that no other program has it"

    def __init__(self, device: str, settings: V4l2Settings | None = None, delay_s: float = 0.0) -> None:
        """`device` is its path, /dev/video0 or better one in /dev/v4l/by-id, which does not change."""
        self._settings = settings or V4l2Settings()
        super().__init__(f"v4l2://{device}", rate=self._settings.rate, size=self._settings.size, delay_s=delay_s)
        self._device = device

    @classmethod
    def from_uri(cls, uri: CameraUri) -> Self:
        """The camera of `v4l2:///dev/video0?width=1280&height=960&rate=30&exposure_us=5000&delay_ms=40`."""
        path, delay_ms = uri.file_path(), uri.integer("delay_ms", 0, 60_000)
        return cls(str(path), V4l2Settings.from_uri(uri), (delay_ms or 0) / 1000)

    def _connect(self) -> cv2.VideoCapture:
        self._require(cv2.CAP_V4L2, _NO_V4L2)
        capture = cv2.VideoCapture(self._device, cv2.CAP_V4L2)
        if capture.isOpened():
            try:
                self._set_up(capture, self._settings)
            except CameraError:
                capture.release()
                raise
        return capture

    def _set_up(self, capture: cv2.VideoCapture, settings: V4l2Settings) -> None:
        """Asks for the settings, and refuses what the driver would silently give instead."""
        if settings.pixels:
            wanted = cv2.VideoWriter.fourcc(*settings.pixels)
            self._ask(capture, f"pixels={settings.pixels}", cv2.CAP_PROP_FOURCC, wanted)
        if settings.size:
            width, height = settings.size
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)  # a width alone may be none that the camera has
            self._ask(capture, f"height={height}", cv2.CAP_PROP_FRAME_HEIGHT, height)
            self._ask(capture, f"width={width}", cv2.CAP_PROP_FRAME_WIDTH, width)
        if settings.rate:
            self._ask(capture, f"rate={settings.rate:g}", cv2.CAP_PROP_FPS, settings.rate, NEAR * settings.rate)
        if settings.exposure_us:
            option = f"exposure_us={settings.exposure_us}"
            self._ask(capture, option, cv2.CAP_PROP_AUTO_EXPOSURE, MANUAL)
            self._ask(capture, option, cv2.CAP_PROP_EXPOSURE, settings.exposure_us // EXPOSURE_UNIT_US)
        if settings.gain is not None:
            self._ask(capture, f"gain={settings.gain}", cv2.CAP_PROP_GAIN, settings.gain)
        if settings.white_balance_k:
            option = f"white_balance_k={settings.white_balance_k}"
            self._ask(capture, option, cv2.CAP_PROP_AUTO_WB, OFF)
            self._ask(capture, option, cv2.CAP_PROP_WB_TEMPERATURE, settings.white_balance_k)

    def _ask(self, capture: cv2.VideoCapture, option: str, control: int, wanted: float, tolerance: float = 0.5) -> None:
        """V4L2 clamps a value to what there is without a word, so it is read back."""
        taken, found = capture.set(control, wanted), capture.get(control)
        if taken and abs(found - wanted) <= tolerance:
            return
        what = "the camera has no such control" if found < 0 else f"asked for {wanted:g}, the driver has {found:g}"
        raise CameraError(
            f"{self.name}: {option}: {what}; `v4l2-ctl -d {self._device} --list-ctrls-menus --list-formats-ext` says "
            "what it can"
        )

    def _age_ns(self, capture: cv2.VideoCapture) -> int:
        """By the driver's time (OpenCV gives it as a position), where it is of this clock and not in the future."""
        age_ns = time.monotonic_ns() - round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return super()._age_ns(capture) + (age_ns if 0 <= age_ns < PLAUSIBLE_NS else 0)
