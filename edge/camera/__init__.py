"""Sources of frames. Drivers of hardware are imported when a camera is opened, never before."""

from __future__ import annotations

from collections.abc import Callable

from edge.camera.camera import Camera
from edge.camera.file import FileCamera
from edge.camera.picamera2 import Picamera2Camera
from edge.camera.simulated import SimulatedCamera
from edge.camera.stream import StreamCamera
from edge.camera.uri import STREAMS, CameraUri
from edge.camera.v4l2 import V4l2Camera
from edge.camera.watched import Patience, WatchedCamera

__all__ = [
    "Camera", "FileCamera", "Patience", "Picamera2Camera", "SimulatedCamera", "V4l2Camera", "WatchedCamera",
    "camera_from_uri", "watch_camera",
]  # fmt: skip

_CAMERAS: dict[str, Callable[[CameraUri], Camera]] = {
    "file": FileCamera.from_uri,
    "picamera2": Picamera2Camera.from_uri,
    "sim": SimulatedCamera.from_uri,
    "v4l2": V4l2Camera.from_uri,
    **dict.fromkeys(STREAMS, StreamCamera.from_uri),
}


def _beginning(scheme: str) -> str:
    return f"{scheme}:" if scheme == "gst" else f"{scheme}://"


def camera_from_uri(text: str) -> Camera:
    """The camera that a URI names, not yet open; raises ConfigError naming the part of the URI that is wrong.

    `file:///srv/capture?rate=30&loop=true` reads a folder of images, one image or a video;
    `picamera2://0?width=1280&height=960&exposure_us=5000&gain=1.0&rate=30` is a camera module of a Raspberry Pi;
    `v4l2:///dev/video0?width=1280&height=960&exposure_us=5000` is a USB camera;
    `rtsp://10.0.0.9/1#rate=25` or `gst:v4l2src ! video/x-raw,width=1280#rate=30` is a stream that OpenCV reads;
    `sim://metal?rate=10&fault=freeze&after=20` draws parts, and fails as it is asked to.
    """
    uri = CameraUri(text)
    make = _CAMERAS.get(uri.scheme)
    if make is None:
        raise uri.error(uri.scheme or "no scheme", f"a camera is one of {', '.join(map(_beginning, _CAMERAS))}")
    camera = make(uri)
    uri.finish()
    return camera


def watch_camera(camera: Camera, patience: Patience, *, repeats: bool = False) -> Camera:
    """The camera itself where each of its frames waits to be read; a live one looked after."""
    return WatchedCamera(camera, patience, repeats=repeats) if camera.live else camera
