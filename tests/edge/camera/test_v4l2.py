"""V4l2Camera on a double of OpenCV's capture."""

import time

import cv2
import pytest

from edge.camera import V4l2Camera, camera_from_uri
from edge.errors import CameraError, ConfigError
from tests.doubles.v4l2 import MANUAL, V4l2Capture, V4l2Device
from tests.edge.camera.contract import PATIENCE_S, CameraContract

LOCKED = "v4l2:///dev/video0?width=1280&height=960&rate=30&pixels=MJPG&exposure_us=5000&gain=10&white_balance_k=4600"


@pytest.fixture
def device(monkeypatch):
    found, opened = V4l2Device(), []

    def capture(path, backend):
        opened.append((path, backend))
        assert opened[-1] == ("/dev/video0", cv2.CAP_V4L2)
        return V4l2Capture(found)

    monkeypatch.setattr(cv2, "VideoCapture", capture)
    return found


class TestV4l2(CameraContract):
    live = True

    @pytest.fixture
    def camera(self, device):
        return camera_from_uri(LOCKED)

    @pytest.fixture
    def broken(self, device):
        device.plugged = False
        return camera_from_uri(LOCKED)

    @pytest.fixture
    def blemished(self, device, camera):
        device.damaged = 2
        return camera

    def test_a_frame_that_cannot_be_used_is_counted_and_the_next_one_comes(self, blemished):
        """A read that fails is no frame: it is not counted."""
        with blemished as camera:
            assert camera.read(PATIENCE_S).index == 0
            with pytest.raises(CameraError, match="the stream has broken off"):
                camera.read(PATIENCE_S)
            assert camera.read(PATIENCE_S).index == 1

    # OpenCV waits as long as it likes: a WatchedCamera keeps the time.
    test_a_time_out_is_an_error_and_the_camera_stays_usable = None


def test_what_the_uri_asks_for_is_locked(device):
    with camera_from_uri(LOCKED) as camera:
        frame = camera.read(PATIENCE_S)
    assert frame.pixels.shape == (960, 1280, 3)
    assert device.values == {
        cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),
        cv2.CAP_PROP_FPS: 30,
        cv2.CAP_PROP_AUTO_EXPOSURE: MANUAL,
        cv2.CAP_PROP_EXPOSURE: 50,
        cv2.CAP_PROP_GAIN: 10,
        cv2.CAP_PROP_AUTO_WB: 0,
        cv2.CAP_PROP_WB_TEMPERATURE: 4600,
    }


def test_what_it_does_not_ask_for_stays_as_it_is(device):
    before = dict(device.values)
    with camera_from_uri("v4l2:///dev/video0") as camera:
        assert camera.read(PATIENCE_S).pixels.shape == (480, 640, 3)
    assert device.values == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("width=1920&height=1080", "height=1080: asked for 1080, the driver has 960"),
        ("rate=60", "rate=60: asked for 60, the driver has 30"),
        ("exposure_us=200", "exposure_us=200: asked for 2, the driver has 3"),
        ("gain=300", "gain=300: asked for 300, the driver has 255"),
        ("white_balance_k=9000", "white_balance_k=9000: asked for 9000, the driver has 6500"),
    ],
)
def test_what_the_driver_would_silently_change_is_refused(device, options, said):
    with pytest.raises(CameraError) as caught:
        camera_from_uri(f"v4l2:///dev/video0?{options}").open()
    assert str(caught.value).startswith(f"v4l2:///dev/video0: {said}; `v4l2-ctl -d /dev/video0 --list-ctrls")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("control", "option"),
    [
        (cv2.CAP_PROP_AUTO_EXPOSURE, "exposure_us=5000"),
        (cv2.CAP_PROP_EXPOSURE, "exposure_us=5000"),
        (cv2.CAP_PROP_GAIN, "gain=10"),
        (cv2.CAP_PROP_AUTO_WB, "white_balance_k=4600"),
    ],
)
def test_a_control_that_is_not_there_is_said_to_be_none(device, control, option):
    device.lacks(control)
    with pytest.raises(CameraError, match=f"{option}: the camera has no such control"):
        camera_from_uri(f"v4l2:///dev/video0?{option}").open()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("v4l2://0", "0: a path is absolute, with three slashes"),
        ("v4l2:///dev/video0?exposure_us=150", "exposure_us=150: a multiple of 100: V4L2 counts in these"),
        ("v4l2:///dev/video0?exposure_us=50000&rate=30", "exposure_us: at most 33333 at rate=30"),
        ("v4l2:///dev/video0?width=640", "width: give width and height, or neither"),
        ("v4l2:///dev/video0?pixels=H264", "pixels=H264: one of MJPG, YUYV, GREY"),
        ("v4l2:///dev/video0?exposure=3", "exposure: no such option; v4l2: takes delay_ms, width, height, rate"),
    ],
)
def test_a_wrong_uri_is_named_with_what_is_allowed(uri, said):
    with pytest.raises(ConfigError) as caught:
        camera_from_uri(uri)
    assert said in str(caught.value)


def test_a_frame_has_the_drivers_time_less_its_delay(device):
    device.stamp_ns = lambda: time.monotonic_ns() - 50_000_000
    with V4l2Camera("/dev/video0", delay_s=0.1) as camera:
        frame = camera.read(PATIENCE_S)
    assert time.monotonic_ns() - frame.monotonic_ns >= 150_000_000
    assert time.time_ns() - frame.captured_ns >= 150_000_000


@pytest.mark.parametrize("stamp_ns", [0, time.time_ns(), -1_000_000])
def test_a_time_of_another_clock_is_not_believed(device, stamp_ns):
    """Then it is that of its arrival."""
    device.stamp_ns = lambda: stamp_ns
    with camera_from_uri("v4l2:///dev/video0") as camera:
        before_ns = time.monotonic_ns()
        frame = camera.read(PATIENCE_S)
    assert before_ns <= frame.monotonic_ns <= time.monotonic_ns()


def test_a_device_that_is_not_there_is_one_line(monkeypatch):
    """By the real OpenCV."""
    with pytest.raises(CameraError, match=r"v4l2:///dev/nothing: cannot be opened; check its cable"):
        camera_from_uri("v4l2:///dev/nothing").open()
