"""A Raspberry Pi camera module, through picamera2 and libcamera.

Both come from the board's own distribution (`apt install python3-picamera2`), not from PyPI: libcamera's bindings are
tied to the system's libcamera. They are imported when the camera is opened, and their errors stop in this module.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

from edge.camera.camera import Camera
from edge.camera.lent import Lent
from edge.camera.sensor_settings import SensorSettings
from edge.camera.uri import CameraUri
from edge.contract.types import Frame, Pixels
from edge.errors import CameraError

_MISSING = (
    "picamera2 cannot be imported ({}); install it with `sudo apt install python3-picamera2`, and make the virtual "
    "environment with --system-site-packages"
)
BUFFERS = 6
"""As many as picamera2 has for video."""
LENT = 2
"""Of them, at most, hold pictures that are in use: four are left to the camera, as many as picamera2 has for a preview.
"""


class Picamera2Camera(Camera):
    """Frames of a running sensor, BGR, each timed by the sensor's own clock.

    A frame's time is libcamera's SensorTimestamp, the start of the exposure of its first row. Its pixels lie in the
    camera's buffer, which goes back once nobody has them; beyond `LENT` such frames they are copied. So are those of
    rows that the camera pads: it does not where the width is a multiple of 64.
    """

    live: ClassVar[bool] = True

    def __init__(self, number: int = 0, settings: SensorSettings | None = None) -> None:
        """`number` counts the cameras as `rpicam-hello --list-cameras` does."""
        super().__init__(f"picamera2://{number}")
        self._number = number
        self._settings = settings or SensorSettings()
        self.period_s = 1 / self._settings.rate
        self.size = (self._settings.width, self._settings.height)
        self._device: Any = None
        self._waiting: Any = None
        """The capture that a read gave up on; it still takes a request when the camera wakes up."""
        self._last_sensor_ns = 0
        self._lent: Lent[Any] = Lent(LENT)

    @classmethod
    def from_uri(cls, uri: CameraUri) -> Self:
        """The camera of `picamera2://0?width=1280`, 0 to 15."""
        return cls(uri.device_index(15), SensorSettings.from_uri(uri))

    def _do_open(self) -> None:
        try:
            from picamera2 import Picamera2
        except Exception as error:
            raise CameraError(f"{self.name}: {_MISSING.format(error)}") from error
        self._last_sensor_ns, self._lent = 0, Lent(LENT)
        with self._errors("cannot be opened; check its cable and `rpicam-hello --list-cameras`"):
            self._device = Picamera2(self._number)
        with self._errors("cannot be set up"):
            self._configure()
            self._device.start()

    def _configure(self) -> None:
        """Ask for the settings, and refuse what the camera would silently give instead."""
        size = (self._settings.width, self._settings.height)
        controls = self._settings.controls()
        if "AwbEnable" not in self._device.camera_controls:
            controls.pop("AwbEnable", None)  # a monochrome sensor has no white balance
        if "ExposureTime" in controls and controls["AnalogueGain"] is None:
            controls["AnalogueGain"] = self._device.camera_controls["AnalogueGain"][0]
        wanted = {"main": ("RGB888", size, "width, height")}
        if self._settings.lores:
            wanted["lores"] = ("YUV420", self._settings.lores, "lores")
        streams = {name: {"format": pixels, "size": asked} for name, (pixels, asked, _) in wanted.items()}
        # queue=False: a capture is the next frame to be completed, not one that lay in the queue.
        configuration = self._device.create_video_configuration(
            **streams, controls=controls, buffer_count=BUFFERS, queue=False
        )
        self._device.configure(configuration)
        for name, (pixels, asked, options) in wanted.items():
            given = self._device.camera_configuration()[name]
            if (given["format"], tuple(given["size"])) != (pixels, asked):
                raise CameraError(
                    f"{self.name}: gives {given['size']} {given['format']}, not {asked}; change {options}"
                )
        self._check_limits(controls)

    def _check_limits(self, controls: dict[str, Any]) -> None:
        """Libcamera clamps a control to the sensor's range without a word; a limit of 0 is none."""
        for control, option in (("ExposureTime", "exposure_us"), ("AnalogueGain", "gain")):
            least, most, _ = self._device.camera_controls.get(control, (0, 0, 0))
            if control in controls and (controls[control] < least or 0 < most < controls[control]):
                raise CameraError(f"{self.name}: {option} is {least:g} to {most:g} in this mode; change it in the uri")
        least_us = self._device.camera_controls["FrameDurationLimits"][0]
        if controls["FrameDurationLimits"][0] < least_us:
            raise CameraError(f"{self.name}: rate is {1e6 / least_us:.1f} at most at this size; lower it in the uri")

    def _do_read(self, timeout_s: float) -> Frame:
        self._take_back()
        request = self._take_request(timeout_s)
        index = self._count_frame()
        lent = False
        try:
            with self._errors("gave a frame that cannot be read"):
                captured_ns, monotonic_ns = self._exposed(int(request.get_metadata()["SensorTimestamp"]))
                small, pixels = self._small(request), self._in_place(request)
                if pixels is None:
                    pixels = request.make_array("main")
                else:
                    pixels, lent = self._lent.lend(pixels, request), True
        finally:
            if not lent:
                self._release(request)
        with self._errors("gave a frame that cannot be used"):
            return Frame(pixels, index, captured_ns, monotonic_ns, small=small)

    def _in_place(self, request: Any) -> Pixels | None:
        """The picture where it lies, in one piece; None where it must be copied."""
        from picamera2 import MappedArray

        if not self._lent.room:
            return None
        with MappedArray(request, "main", write=False) as mapped:
            found: Pixels = mapped.array
        return found if found.flags.c_contiguous else None

    def _small(self, request: Any) -> Pixels | None:
        """The small picture's Y, a copy: it is small."""
        if self._settings.lores is None:
            return None
        width, height = self._settings.lores
        found: Pixels = request.make_array("lores")[:height, :width]
        return found

    def _take_back(self) -> None:
        """Gives the camera the buffers that nobody uses any more."""
        for request in self._lent.returned():
            self._release(request)

    def _release(self, request: Any) -> None:
        with self._errors("does not take its buffer back; close and open it"):
            request.release()

    def _take_request(self, timeout_s: float) -> Any:
        """The next completed request. A capture can hang for good, so it is waited for with a limit.

        picamera2 cannot take a waiting capture back: it would take a request whenever the camera wakes up, hold it,
        and starve the camera. So it is kept for the next read, and what it took in the meantime is let go as stale.
        """
        deadline_s = time.monotonic() + timeout_s
        self._drop_stale()
        job = self._waiting
        with self._errors("cannot capture"):
            if job is None:
                job = self._waiting = self._device.capture_request(wait=False)
            try:
                request = self._device.wait(job, timeout=max(0.0, deadline_s - time.monotonic()))
            except TimeoutError:
                raise CameraError(f"{self.name}: no frame within {timeout_s:g} s; check its cable") from None
            except Exception:
                self._waiting = None
                raise
        self._waiting = None
        return request

    def _drop_stale(self) -> None:
        """Release the request that an abandoned capture took after its read had given up."""
        if self._waiting is None:
            return
        with self._errors("cannot capture"):
            try:
                request = self._device.wait(self._waiting, timeout=0)
            except TimeoutError:
                return
            except Exception:
                self._waiting = None
                return
            self._waiting = None
            request.release()

    def _exposed(self, sensor_ns: int) -> tuple[int, int]:
        """When a frame was exposed, by the wall clock and by CLOCK_MONOTONIC, in nanoseconds.

        SensorTimestamp is in CLOCK_BOOTTIME (libcamera's control_ids). That clock and CLOCK_MONOTONIC differ by the
        time the board was suspended, so an age is taken on it first. Raises CameraError when the stamp is not newer
        than the last frame's, or lies in the future.
        """
        age_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - sensor_ns
        if sensor_ns <= self._last_sensor_ns:
            raise CameraError(f"{self.name}: gave a frame not newer than the last; the sensor has stalled")
        if age_ns < 0:
            raise CameraError(f"{self.name}: gave a frame from the future; its clock cannot be trusted")
        self._last_sensor_ns = sensor_ns
        return time.time_ns() - age_ns, time.monotonic_ns() - age_ns

    def _do_close(self) -> None:
        """Pictures that somebody still has stay as they are: their memory goes with the last of them."""
        device, self._device, self._waiting, self._lent = self._device, None, None, Lent(LENT)
        if device is not None:
            with self._errors("cannot be closed"):
                device.close()

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """The one boundary: whatever picamera2 or libcamera raises leaves as CameraError, in one line."""
        try:
            yield
        except CameraError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise CameraError(f"{self.name}: {what}: {reason}") from error
