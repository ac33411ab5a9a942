import subprocess
import sys
from pathlib import Path

import pytest

from edge.camera import FileCamera, Picamera2Camera, camera_from_uri
from edge.camera.sensor_settings import SensorSettings
from edge.camera.uri import CameraUri
from edge.errors import ConfigError


def test_a_uri_names_its_camera():
    assert isinstance(camera_from_uri("file:///srv/capture?rate=2.5&loop=true"), FileCamera)
    assert isinstance(camera_from_uri("picamera2://1"), Picamera2Camera)


def test_sensor_settings_are_read_with_their_units():
    uri = CameraUri("picamera2://0?width=640&height=480&exposure_us=5000&gain=2.5&rate=60&lores=160x120")
    assert SensorSettings.from_uri(uri) == SensorSettings(640, 480, 5000, 2.5, 60.0, (160, 120))
    assert SensorSettings.from_uri(CameraUri("picamera2://0")) == SensorSettings()


@pytest.mark.parametrize(
    ("uri", "part", "allowed"),
    [
        ("", "no scheme", "file://, picamera2://"),
        ("/srv/capture", "no scheme", "file://, picamera2://"),
        ("video://10.0.0.1/1", "video", "file://, picamera2://"),
        ("file://srv/capture", "srv", "three slashes"),
        ("file://", "no path", "three slashes"),
        ("file:capture", "capture", "three slashes"),
        ("file:///srv/%00", "%00", "zero byte"),
        ("file:///srv/a#b", "#b", "%23"),
        ("file:///srv?rate=fast", "rate=fast", "0.01 to 1000"),
        ("file:///srv?rate=0", "rate=0", "0.01 to 1000"),
        ("file:///srv?rate=nan", "rate=nan", "0.01 to 1000"),
        ("file:///srv?rate=-1", "rate=-1", "0.01 to 1000"),
        ("file:///srv?rate=", "rate=", "0.01 to 1000"),
        ("file:///srv?rate=1&rate=2", "rate", "once"),
        ("file:///srv?loop=yes", "loop=yes", "true or false"),
        ("file:///srv?loop", "loop", "option=value"),
        ("file:///srv?exposure_us=100", "exposure_us", "rate, loop"),
        ("picamera2://", "no number", "0 to 15"),
        ("picamera2://front", "front", "0 to 15"),
        ("picamera2://16", "16", "0 to 15"),
        ("picamera2://0/main", "/main", "no path"),
        ("picamera2://0?width=641", "width=641", "even"),
        ("picamera2://0?width=0", "width=0", "16 to 16384"),
        ("picamera2://0?width=640.5", "width=640.5", "whole number"),
        ("picamera2://0?lores=160", "lores=160", "as 160x120"),
        ("picamera2://0?lores=8x120", "lores=8x120", "16 to 16384"),
        ("picamera2://0?lores=161x120", "lores=161x120", "even, and 1280x960 at most"),
        ("picamera2://0?width=640&lores=642x480", "lores=642x480", "even, and 640x960 at most"),
        ("picamera2://0?gain=2", "gain", "exposure_us"),
        ("picamera2://0?exposure_us=0", "exposure_us=0", "1 to 10000000"),
        ("picamera2://0?exposure_us=40000", "exposure_us", "at most 33333"),
        ("picamera2://0?exposure=5000", "exposure", "exposure_us, gain, rate"),
    ],
)
def test_a_bad_uri_names_the_part_and_what_is_allowed(uri, part, allowed):
    with pytest.raises(ConfigError) as caught:
        camera_from_uri(uri)
    message = str(caught.value)
    assert message.startswith(f'camera uri "{uri}": ')
    assert part in message
    assert allowed in message
    assert len(message.splitlines()) == 1


def test_importing_cameras_imports_no_driver():
    code = "import sys, edge.camera; print([m for m in ('picamera2', 'libcamera', 'gpiozero') if m in sys.modules])"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
