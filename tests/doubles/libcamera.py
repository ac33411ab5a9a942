"""A double of libcamera's Python bindings: the surface that picamera2 0.3.38 uses, with libcamera's own rules.

It stands in for the `libcamera` module under the *real* picamera2. Kept: one owner at a time (`acquire`), no
configuring while running, frames only into requests that were queued, a request queued once at a time, requests
cancelled by `stop`, completions through an event file descriptor, sizes and strides adjusted in `validate`, each frame
in all streams of its request. No two frames in a row are alike. Tests reach the sensor through `sensor`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from enum import Enum
from types import ModuleType, SimpleNamespace

import numpy as np

MAX_SIZE = (1456, 1088)
PERIOD_S = 0.004


class Sensor:
    """What a test can do to the sensor."""

    def __init__(self):
        self.present = True
        self.refuse = set()  # names of Camera methods that fail with RuntimeError
        self.running, self.lock = True, threading.Lock()
        self.clock = lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME)  # of SensorTimestamp
        self.metadata_left_out = set()
        self.controls_seen = {}
        self.exposed = 0

    def sleep(self):
        """No frame is exposed from now on."""
        with self.lock:
            self.running = False

    def wake(self):
        """Frames are exposed again."""
        self.running = True

    @property
    def queued(self):
        """Buffers the camera has been given to fill."""
        return len(CAMERA.queued)


class Size:
    def __init__(self, width=0, height=0):
        self.width, self.height = width, height


class Rectangle(Size):
    """Only looked for, never made."""


class Transform:
    def __init__(self, other=None, hflip=0, vflip=0, transpose=0):
        source = other or SimpleNamespace(hflip=hflip, vflip=vflip, transpose=transpose)
        self.hflip, self.vflip, self.transpose = source.hflip, source.vflip, source.transpose

    def __str__(self):
        return f"hflip={self.hflip} vflip={self.vflip} transpose={self.transpose}"


class ColorSpace:
    YcbcrEncoding = Enum("YcbcrEncoding", "Null Rec601 Rec709")
    Range = Enum("Range", "Full Limited")

    def __init__(self, other=None, name="raw"):
        self.primaries = other.primaries if other else name
        self.transferFunction = other.transferFunction if other else name
        self.ycbcrEncoding, self.range = self.YcbcrEncoding.Rec601, self.Range.Limited

    def __str__(self):
        return f"{self.primaries}/{self.ycbcrEncoding.name}/{self.range.name}"

    Raw = classmethod(lambda cls: cls(name="raw"))
    Sycc = classmethod(lambda cls: cls(name="sycc"))
    Smpte170m = classmethod(lambda cls: cls(name="smpte170m"))
    Rec709 = classmethod(lambda cls: cls(name="rec709"))


class PixelFormat(str):
    """Its name, as `str` gives it."""


class SensorConfiguration:
    bit_depth = 0
    output_size = None


StreamRole = Enum("StreamRole", "Raw StillCapture VideoRecording Viewfinder")
ControlType = Enum("ControlType", "Bool Integer32 Integer64 Float Rectangle Size")
Orientation = Enum(
    "Orientation",
    "Rotate0 Rotate0Mirror Rotate180 Rotate180Mirror Rotate90 Rotate90Mirror Rotate270 Rotate270Mirror",
)
FrameMetadata = SimpleNamespace(Status=Enum("FrameStatus", "Success Error Cancelled"))


class ControlId:
    def __init__(self, name, kind=ControlType.Integer32):
        self.name, self.type = name, kind


CONTROL_LIMITS = {
    "AeEnable": (False, True, True),
    "AwbEnable": (False, True, True),
    "ExposureTime": (29, 15_534_385, 20_000),
    "ExposureTimeMode": (0, 1, 0),
    "AnalogueGain": (1.0, 16.0, 1.0),
    "AnalogueGainMode": (0, 1, 0),
    "FrameDurationLimits": (16_562, 15_534_444, 33_333),
    "NoiseReductionMode": (0, 4, 0),
}
_IDS = {name: ControlId(name) for name in CONTROL_LIMITS}
_DRAFT = SimpleNamespace(NoiseReductionModeEnum=Enum("NoiseReductionModeEnum", "Off Fast HighQuality Minimal"))
controls = SimpleNamespace(draft=_DRAFT, **_IDS)


class FrameBuffer:
    class Plane:
        fd, offset, length = -1, 0, 0

    def __init__(self, planes):
        self.planes = planes
        self.metadata = SimpleNamespace(status=None, planes=[SimpleNamespace(bytes_used=p.length) for p in planes])


class Request:
    Status = Enum("RequestStatus", "Pending Complete Cancelled")

    def __init__(self, cookie):
        self.cookie, self.buffers, self.metadata = cookie, {}, {}
        self.status = self.Status.Pending

    def add_buffer(self, stream, buffer):
        self.buffers[stream] = buffer

    def reuse(self):
        if self.status is self.Status.Pending:
            raise RuntimeError("a pending request cannot be reused")
        self.status, self.metadata = self.Status.Pending, {}

    def set_control(self, key, value):
        sensor.controls_seen[key.name] = value


class StreamConfiguration:
    def __init__(self, role):
        raw = role is StreamRole.Raw
        self.pixel_format = PixelFormat("SRGGB10" if raw else "XBGR8888")
        self.size, self.buffer_count, self.stride, self.frame_size = Size(*MAX_SIZE), 4, 0, 0
        self.color_space, self.stream = ColorSpace.Raw(), object()
        self.formats = SimpleNamespace(pixel_formats=[PixelFormat("SRGGB10")], sizes=lambda _: [Size(*MAX_SIZE)])

    def validate(self):
        asked = (self.size.width, self.size.height)
        self.size = Size(*map(min, asked, MAX_SIZE))
        pixel_bytes = {"RGB888": 3, "XBGR8888": 4, "YUV420": 1}.get(str(self.pixel_format), 2)
        self.stride = -(-self.size.width * pixel_bytes // 64) * 64
        self.frame_size = self.stride * self.size.height * (3 if self.pixel_format == "YUV420" else 2) // 2
        return (self.size.width, self.size.height) == asked


class CameraConfiguration:
    Status = Enum("ConfigurationStatus", "Valid Adjusted Invalid")

    def __init__(self, roles):
        self.streams = [StreamConfiguration(role) for role in roles]
        self.orientation, self.sensor_config = Orientation.Rotate0, None

    def at(self, index):
        return self.streams[index]

    def __iter__(self):
        return iter(self.streams)

    def validate(self):
        valid = [stream.validate() for stream in self.streams]
        return self.Status.Valid if all(valid) else self.Status.Adjusted


class Camera:
    id = "/base/axi/pcie@120000/rp1/i2c@88000/imx296@1a"

    def __init__(self):
        self.state, self.queued, self.thread = "available", deque(), None
        self.properties = {ControlId("Model"): "imx296", ControlId("ColorFilterArrangement"): 0}
        self.controls = {
            _IDS[name]: SimpleNamespace(min=low, max=high, default=usual)
            for name, (low, high, usual) in CONTROL_LIMITS.items()
        }

    def _enter(self, method, expected, state):
        if method in sensor.refuse:
            raise RuntimeError(f"{method} refused:\nInvalid argument")
        if self.state not in expected:
            raise RuntimeError(f"{method} in state {self.state}")
        self.state = state

    def acquire(self):
        self._enter("acquire", {"available"}, "acquired")

    def release(self):
        self._enter("release", {"acquired", "configured"}, "available")

    def generate_configuration(self, roles):
        return CameraConfiguration(roles)

    def configure(self, configuration):
        self._enter("configure", {"acquired", "configured"}, "configured")
        self.streams = list(configuration)
        return 0

    def create_request(self, cookie):
        return Request(cookie)

    def start(self, values):
        self._enter("start", {"configured"}, "running")
        sensor.controls_seen |= {key.name: value for key, value in values.items()}
        self.thread = threading.Thread(target=self._expose_frames, daemon=True)
        self.thread.start()

    def queue_request(self, request):
        self._enter("queue_request", {"running"}, "running")
        if request in self.queued or request.status is not Request.Status.Pending:
            raise RuntimeError("this request cannot be queued")
        self.queued.append(request)

    def stop(self):
        self._enter("stop", {"running"}, "configured")
        self.thread.join()
        while self.queued:
            self._complete(Request.Status.Cancelled, FrameMetadata.Status.Cancelled)

    def _expose_frames(self):
        while self.state == "running":
            time.sleep(PERIOD_S)
            with sensor.lock:
                if sensor.running and self.queued:
                    self._expose(self.queued[0])
                    self._complete(Request.Status.Complete, FrameMetadata.Status.Success)

    def _expose(self, request):
        """Each stream with what lies right of its image 255."""
        sensor.exposed += 1
        for stream in self.streams:
            rows = _picture(stream, sensor.exposed % 200)
            os.pwrite(request.buffers[stream.stream].planes[0].fd, rows.tobytes(), 0)
        values = {"SensorTimestamp": sensor.clock(), "ExposureTime": 5000}
        request.metadata = {ControlId(k): v for k, v in values.items() if k not in sensor.metadata_left_out}

    def _complete(self, status, frame_status):
        request = self.queued.popleft()
        request.status = status
        for buffer in request.buffers.values():
            buffer.metadata.status = frame_status
        MANAGER.announce(request)


def _picture(stream, number):
    """RGB888 lies in memory as B, G, R: 1, 2 and `number`. Of YUV420 Y is 50 more than `number`."""
    rows = np.full((stream.frame_size // stream.stride, stream.stride), 255, np.uint8)
    if stream.pixel_format == "RGB888":
        rows[: stream.size.height, : stream.size.width * 3] = np.tile(np.uint8([1, 2, number]), stream.size.width)
    elif stream.pixel_format == "YUV420":
        rows[: stream.size.height, : stream.size.width] = 50 + number
    return rows


class CameraManager:
    def __init__(self):
        self.event_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.ready, self.lock = [], threading.Lock()

    @staticmethod
    def singleton():
        return MANAGER

    @property
    def cameras(self):
        return [CAMERA] if sensor.present else []

    def announce(self, request):
        with self.lock:
            self.ready.append(request)
            os.eventfd_write(self.event_fd, 1)

    def get_ready_requests(self):
        with self.lock:
            if self.ready:
                os.eventfd_read(self.event_fd)
            ready, self.ready = self.ready, []
            return ready


sensor, CAMERA, MANAGER = Sensor(), Camera(), CameraManager()


def reset():
    """A new sensor and camera, as after switching the board on."""
    global sensor, CAMERA
    sensor, CAMERA = Sensor(), Camera()


_libcamera = ModuleType("libcamera._libcamera")
_libcamera.ColorSpace, _libcamera.Transform = ColorSpace, Transform
sys.modules.setdefault("libcamera._libcamera", _libcamera)
