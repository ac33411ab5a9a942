"""What a Raspberry Pi camera module is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from edge.camera.uri import CameraUri


@dataclass(frozen=True)
class SensorSettings:
    """What the sensor is asked for. None leaves a control to libcamera's automatics.

    `exposure_us`, up to 10 s, locks exposure, gain and white balance together; `gain` is the analogue gain, 1 to 64,
    or None for the least the sensor has. `rate` is in frames per second. `lores` is the (width, height) of each frame's
    small picture, or None for none.
    """

    width: int = 1280
    height: int = 960
    exposure_us: int | None = None
    gain: float | None = None
    rate: float = 30.0
    lores: tuple[int, int] | None = None

    @classmethod
    def from_uri(cls, uri: CameraUri) -> Self:
        """The options of `picamera2://0?width=1280&height=960&exposure_us=5000&gain=1.0&rate=30&lores=160x120`."""
        settings = cls(
            width=uri.integer("width", 16, 16384) or cls.width,
            height=uri.integer("height", 16, 16384) or cls.height,
            exposure_us=uri.integer("exposure_us", 1, 10_000_000),
            gain=uri.number("gain", 1, 64),
            rate=uri.number("rate", 0.1, 1000) or cls.rate,
            lores=uri.size("lores", 16, 16384),
        )
        for name in ("width", "height"):
            if getattr(settings, name) % 2:
                raise uri.error(f"{name}={getattr(settings, name)}", "an even number; the camera takes no other")
        if settings.lores and not settings.lores_fits:
            width, height = settings.lores
            raise uri.error(f"lores={width}x{height}", f"even, and {settings.width}x{settings.height} at most")
        if settings.gain is not None and settings.exposure_us is None:
            raise uri.error("gain", "give exposure_us with it; they are locked together")
        if settings.exposure_us is not None and settings.exposure_us * settings.rate > 1e6:
            raise uri.error("exposure_us", f"at most {1e6 / settings.rate:.0f} at rate={settings.rate:g}")
        return settings

    @property
    def lores_fits(self) -> bool:
        """Whether the camera can make the small picture of the large one."""
        width, height = self.lores or (0, 0)
        return width % 2 == height % 2 == 0 and width <= self.width and height <= self.height

    def controls(self) -> dict[str, Any]:
        """As libcamera's controls; times in microseconds."""
        duration_us = round(1e6 / self.rate)
        controls: dict[str, Any] = {"FrameDurationLimits": (duration_us, duration_us)}
        if self.exposure_us is not None:
            controls |= {"AeEnable": False, "AwbEnable": False}
            controls |= {"ExposureTime": self.exposure_us, "AnalogueGain": self.gain}
        return controls
