"""A live camera that is none: parts passing by, and each way in which a camera fails, when it is asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import ClassVar, Self

import cv2
import numpy as np

from edge.camera.camera import Camera
from edge.camera.scenes import DrawnScene, RecordedScene, Scene
from edge.camera.uri import CameraUri
from edge.contract.types import Frame, Pixels
from edge.errors import CameraError

FAULTS = ("error", "silent", "hang", "unplug", "repeat", "freeze", "black", "white", "size")


class Sensor:
    """The simulated hardware: what it is to do next stays when the camera is closed and opened again.

    Each frame that is due counts, and so does an opening that finds no camera. From number `after` on, `lasting` of
    them (None: all) are faulty.
    """

    def __init__(self, fault: str | None = None, after: int = 0, lasting: int | None = None) -> None:
        self.fault, self.after, self.lasting = fault, after, lasting
        self.awake = threading.Event()
        """Set: a hanging read returns."""
        self.last: Frame | None = None
        self._due = 0

    def next(self) -> str | None:
        """The fault of the frame that is due now, None for a good one."""
        number, self._due = self._due, self._due + 1
        return self._at(number)

    def plugged(self) -> bool:
        """Whether the camera can be opened."""
        return self._at(self._due) != "unplug" or self.next() != "unplug"

    def _at(self, number: int) -> str | None:
        faulty = number >= self.after and (self.lasting is None or number < self.after + self.lasting)
        return self.fault if faulty else None


class SimulatedCamera(Camera):
    """Shows a scene at a fixed rate, as a running sensor would: a slow reader misses what it does not take.

    With a `fault` it gives `after` good frames first. Of the faults, `error` is a frame the driver cannot read,
    `silent` none in time, `hang` a read that never returns, `unplug` a camera that is gone and cannot be opened,
    `repeat` a frame with the time of the one before, `freeze` that frame's image, `black` and `white` an image
    without light or with too much, `size` a quarter of it. With `lores` each frame has its small picture.
    """

    live: ClassVar[bool] = True

    def __init__(
        self, name: str, scene: Scene, rate: float = 10.0, sensor: Sensor | None = None,
        lores: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        """`rate` in frames per second, `lores` (width, height). Copies of a camera share `scene` and `sensor`."""
        super().__init__(name)
        self._scene, self._sensor, self._lores = scene, sensor or Sensor(), lores
        self.period_s: float = 1 / rate
        self._due_s = 0.0

    @classmethod
    def from_uri(cls, uri: CameraUri) -> Self:
        """The camera of `sim://metal?rate=10` or `sim:///srv/frames?rate=10&fault=freeze&after=20&lasting=5`."""
        name, scene = f"{uri.scheme}://{uri.authority or uri.file_path()}", _scene(uri)
        rate = uri.number("rate", 0.01, 1000) or 10.0
        fault = uri.choice("fault", FAULTS)
        after, lasting = uri.integer("after", 0, 10**9), uri.integer("lasting", 1, 10**9)
        if fault is None and (after, lasting) != (None, None):
            raise uri.error("after or lasting", f"give fault with it, one of {', '.join(FAULTS)}")
        lores = uri.size("lores", 16, 16384)
        return cls(name, scene, rate, Sensor(fault, after or 0, lasting), lores)

    def _do_open(self) -> None:
        if not self._sensor.plugged():
            raise CameraError(f"{self.name}: there is no such camera; plug it in")
        self._scene.open()
        self._due_s = time.monotonic()

    def _do_read(self, timeout_s: float) -> Frame:
        self._wait_until_due(timeout_s)
        fault = self._sensor.next()
        if fault == "hang":
            self._sensor.awake.wait()
        if fault in ("hang", "silent"):
            raise self._too_late(timeout_s)
        index = self._count_frame()
        if fault == "error":
            raise CameraError(f"{self.name}: a frame came damaged from the camera; check its cable")
        if fault == "unplug":
            raise CameraError(f"{self.name}: the camera is gone; plug it in")
        return self._expose(index, fault)

    def _expose(self, index: int, fault: str | None) -> Frame:
        name, pixels = self._scene.next()
        captured_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
        last = self._sensor.last
        if last is not None and fault == "repeat":
            captured_ns, monotonic_ns = last.captured_ns, last.monotonic_ns
        if last is not None and fault == "freeze":
            pixels = last.pixels
        shown = _SPOIL.get(fault, _as_it_is)(pixels)
        frame = Frame(shown, index, captured_ns, monotonic_ns, name, self._small(shown))
        self._sensor.last = frame
        return frame

    def _small(self, pixels: Pixels) -> Pixels | None:
        if self._lores is None:
            return None
        small = cv2.resize(pixels, self._lores, interpolation=cv2.INTER_AREA)
        return small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]

    def _wait_until_due(self, timeout_s: float) -> None:
        """Hold the rate. What nobody took is gone: the next frame is due one period after this one."""
        wait_s = self._due_s - time.monotonic()
        if wait_s > timeout_s:
            raise self._too_late(timeout_s)
        time.sleep(max(0.0, wait_s))
        self._due_s = max(self._due_s, time.monotonic()) + self.period_s

    def _too_late(self, timeout_s: float) -> CameraError:
        time.sleep(timeout_s)
        return CameraError(f"{self.name}: no frame within {timeout_s:g} s; check its cable")

    def _do_close(self) -> None:
        self._scene.close()


def _as_it_is(pixels: Pixels) -> Pixels:
    return pixels.copy()


def _darken(pixels: Pixels) -> Pixels:
    """So dark that little more than a sensor's noise is left."""
    return pixels // np.uint8(32)


def _overexpose(pixels: Pixels) -> Pixels:
    return np.uint8(255) - pixels // np.uint8(64)


def _shrink(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels[: (pixels.shape[0] + 1) // 2, : (pixels.shape[1] + 1) // 2])


_SPOIL: dict[str | None, Callable[[Pixels], Pixels]] = {"black": _darken, "white": _overexpose, "size": _shrink}


def _scene(uri: CameraUri) -> Scene:
    if not uri.authority:
        return RecordedScene(uri.file_path())
    products = {entry.name: entry for entry in entry_points(group="okng.parts")}
    if uri.authority not in products:
        known = f"one of {', '.join(sorted(products))}" if products else "none is installed here"
        raise uri.error(
            uri.authority, f"a product that can be drawn: {known}; or a folder of frames: sim:///srv/frames"
        )
    return DrawnScene(products[uri.authority])
