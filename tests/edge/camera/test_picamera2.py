"""Picamera2Camera over the real picamera2, which runs on a double of libcamera (see conftest.py)."""

import gc
import importlib.util
import threading
import time
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from edge.camera import Patience, WatchedCamera, camera_from_uri
from edge.camera.picamera2 import BUFFERS, LENT
from edge.errors import CameraError
from tests.edge.camera.contract import PATIENCE_S, CameraContract

if importlib.util.find_spec("picamera2") is None:
    pytest.skip("needs picamera2's own code: pip install --no-deps picamera2==0.3.38", allow_module_level=True)

URI = "picamera2://0?width=128&height=60&exposure_us=5000&gain=2.0&rate=30"
PADDED = URI.replace("128", "100")
"""The camera pads its rows."""


def wait_until(condition):
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "this never became true"
        time.sleep(0.002)


@pytest.fixture
def sensor(libcamera):
    return libcamera.sensor


@pytest.fixture
def camera(sensor):
    camera = camera_from_uri(URI)
    yield camera
    camera.close()


class TestPicamera2(CameraContract):
    live = True

    @pytest.fixture
    def broken(self, camera, sensor):
        sensor.refuse.add("acquire")
        return camera

    @pytest.fixture
    def blemished(self, camera, sensor):
        reads = iter([False, True, False])
        capture = camera._take_request

        def take(timeout_s):
            sensor.sleep()
            wait_until(lambda: sensor.queued == BUFFERS)
            sensor.metadata_left_out = {"SensorTimestamp"} if next(reads) else set()
            sensor.wake()
            return capture(timeout_s)

        camera._take_request = take
        return camera

    @pytest.fixture
    def sleeping(self, camera, sensor):
        capture = camera._take_request

        def take_once(timeout_s):
            request = capture(timeout_s)
            sensor.sleep()
            camera._take_request = capture
            return request

        camera._take_request = take_once
        return SimpleNamespace(camera=camera, wake=sensor.wake)


class TestPaddedRows(TestPicamera2):
    @pytest.fixture
    def camera(self, sensor):
        camera = camera_from_uri(PADDED)
        yield camera
        camera.close()


@pytest.mark.parametrize(("uri", "width"), [(URI, 128), (PADDED, 100)])
def test_pixels_are_bgr_without_the_padding_of_a_row(sensor, uri, width):
    with camera_from_uri(uri) as camera:
        pixels = camera.read(PATIENCE_S).pixels
    assert pixels.shape == (60, width, 3)
    assert (pixels == [1, 2, pixels[0, 0, 2]]).all()


def test_a_picture_lies_in_the_cameras_buffer(camera):
    with camera:
        pixels = camera.read(PATIENCE_S).pixels
        mapped = camera._device.allocator.mapped_buffers.values()
        assert any(np.shares_memory(pixels, np.frombuffer(each, np.uint8)) for each in mapped)
    assert not pixels.flags.writeable


def test_pictures_in_use_are_not_written_over_and_do_not_starve_the_camera(camera, sensor):
    with camera:
        kept = [camera.read(PATIENCE_S).pixels for _ in range(3 * BUFFERS)]
        seen = [pixels.copy() for pixels in kept]
        for _ in range(3 * BUFFERS):
            camera.read(PATIENCE_S)
        assert all(np.array_equal(*pair) for pair in zip(kept, seen, strict=True))
        assert len({int(pixels[0, 0, 2]) for pixels in kept}) == len(kept)
        sensor.sleep()
        wait_until(lambda: sensor.queued == BUFFERS - LENT)


def test_a_part_of_a_picture_keeps_its_buffer(camera, sensor):
    with camera:
        part = camera.read(PATIENCE_S).pixels[10:20, ::2][1:]
        seen = part.copy()
        for _ in range(3 * BUFFERS):
            camera.read(PATIENCE_S)
        assert np.array_equal(part, seen)


def test_buffers_come_back_once_nobody_has_their_pictures(camera, sensor):
    with camera:
        kept = [camera.read(PATIENCE_S) for _ in range(BUFFERS)]
        threading.Thread(target=kept.clear).start()
        wait_until(lambda: not kept)
        camera.read(PATIENCE_S)
        sensor.sleep()
        wait_until(lambda: sensor.queued == BUFFERS - 1)


def test_a_buffer_that_is_not_taken_back_is_an_error_and_the_camera_opens_again(camera, sensor):
    with camera:
        camera.read(PATIENCE_S)
        sensor.refuse.add("queue_request")
        with pytest.raises(CameraError, match="does not take its buffer back"):
            camera.read(PATIENCE_S)
        sensor.refuse.clear()
    with camera:
        assert camera.read(PATIENCE_S).index == 0


def test_the_memory_of_pictures_goes_with_the_last_of_them(camera):
    with camera:
        kept = [camera.read(PATIENCE_S) for _ in range(LENT)]
        memory = [weakref.ref(each) for each in camera._device.allocator.mapped_buffers.values()]
    assert sum(each() is not None for each in memory) >= LENT
    kept.clear()
    gc.collect()
    assert not any(each() for each in memory)


def test_a_small_picture_of_the_same_moment_comes_with_each_frame(sensor):
    with camera_from_uri(f"{URI}&lores=36x24") as camera:
        frames = [camera.read(PATIENCE_S) for _ in range(2 * BUFFERS)]
    assert {frame.small.shape for frame in frames} == {(24, 36)}
    assert all((frame.small == 50 + frame.pixels[0, 0, 2]).all() for frame in frames)


def test_without_lores_there_is_no_small_picture(camera):
    with camera:
        assert camera.read(PATIENCE_S).small is None


def test_exposure_gain_white_balance_and_rate_are_locked(camera, sensor):
    with camera:
        camera.read(PATIENCE_S)
    asked = {"AeEnable": False, "AwbEnable": False, "ExposureTime": 5000, "AnalogueGain": 2.0}
    assert asked.items() <= sensor.controls_seen.items()
    assert sensor.controls_seen["FrameDurationLimits"] == (33333, 33333)


def test_without_exposure_the_automatics_stay_on(sensor):
    with camera_from_uri("picamera2://0?width=100&height=60"):
        assert not {"AeEnable", "AwbEnable", "ExposureTime", "AnalogueGain"} & sensor.controls_seen.keys()


def test_the_gain_to_lock_is_the_least_of_the_sensor(sensor):
    with camera_from_uri("picamera2://0?width=100&height=60&exposure_us=5000"):
        assert sensor.controls_seen["AnalogueGain"] == 1.0


def test_a_monochrome_sensor_has_no_white_balance_to_lock(camera, libcamera):
    libcamera.CAMERA.controls = {k: v for k, v in libcamera.CAMERA.controls.items() if k.name != "AwbEnable"}
    with camera:
        assert camera.read(PATIENCE_S)
    assert libcamera.sensor.controls_seen["AeEnable"] is False


def test_reading_does_not_starve_the_camera(camera, sensor):
    with camera:
        indices = [camera.read(PATIENCE_S).index for _ in range(5 * BUFFERS)]
        sensor.sleep()
        wait_until(lambda: sensor.queued == BUFFERS - 1)  # the last one's comes back with the next read
    assert indices == list(range(5 * BUFFERS))


def test_unusable_frames_do_not_starve_the_camera(camera, sensor):
    sensor.metadata_left_out = {"SensorTimestamp"}
    with camera:
        for _ in range(3 * BUFFERS):
            with pytest.raises(CameraError, match="SensorTimestamp"):
                camera.read(PATIENCE_S)
        sensor.sleep()
        wait_until(lambda: sensor.queued == BUFFERS)
        sensor.metadata_left_out = set()
        sensor.wake()
        assert camera.read(PATIENCE_S).index >= 3 * BUFFERS


def test_captures_given_up_do_not_starve_the_camera_when_it_wakes(camera, sensor):
    with camera:
        sensor.sleep()
        for _ in range(3 * BUFFERS):
            with pytest.raises(CameraError, match="no frame within"):
                camera.read(0.001)
        sensor.wake()
        for _ in range(3 * BUFFERS):
            assert camera.read(PATIENCE_S)
        sensor.sleep()
        wait_until(lambda: sensor.queued == BUFFERS - 1)


def test_a_frame_that_came_after_its_read_gave_up_is_not_handed_out_later(camera, sensor):
    with camera:
        sensor.sleep()
        with pytest.raises(CameraError, match="no frame within"):
            camera.read(0.001)
        sensor.wake()
        wait_until(lambda: camera._waiting._future.done())
        sensor.sleep()
        wait_until(lambda: sensor.queued == BUFFERS - 1)
        asked_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        sensor.wake()
        camera.read(PATIENCE_S)
        assert camera._last_sensor_ns > asked_ns


def test_a_frame_that_was_complete_before_the_read_is_not_handed_out(camera, sensor):
    with camera:
        wait_until(lambda: camera._device.frames >= 3)
        sensor.sleep()
        with pytest.raises(CameraError, match="no frame within"):
            camera.read(0.05)


def test_a_frame_lies_as_far_back_as_the_sensor_says(camera, sensor):
    clock = sensor.clock
    sensor.clock = lambda: clock() - 5_000_000_000
    with camera:
        frame = camera.read(PATIENCE_S)
    assert time.monotonic_ns() - frame.monotonic_ns >= 5_000_000_000
    assert time.time_ns() - frame.captured_ns >= 5_000_000_000


@pytest.mark.parametrize("step_ns", [0, -1])
def test_a_frame_not_newer_than_the_last_is_an_error(camera, sensor, step_ns):
    with camera:
        camera.read(PATIENCE_S)
        last_ns = camera._last_sensor_ns
        clock, sensor.clock = sensor.clock, lambda: last_ns + step_ns
        wait_until_error(camera, "not newer")
        sensor.clock = clock
        wait_until_frame(camera)


def test_a_frame_from_the_future_is_an_error_and_spoils_none_after_it(camera, sensor):
    with camera:
        clock, sensor.clock = sensor.clock, lambda: clock() + 10**15
        wait_until_error(camera, "future")
        sensor.clock = clock
        wait_until_frame(camera)


def wait_until_error(camera, reason):
    """The next frames may have been exposed before the sensor was changed."""
    with pytest.raises(CameraError, match=reason):
        [camera.read(PATIENCE_S) for _ in range(3 * BUFFERS)]


def wait_until_frame(camera):
    for _ in range(3 * BUFFERS):
        try:
            return camera.read(PATIENCE_S)
        except CameraError:
            continue
    raise AssertionError("no usable frame any more")


@pytest.mark.parametrize("method", ["acquire", "configure", "start"])
def test_a_failure_while_opening_leaves_nothing_held(camera, sensor, method):
    sensor.refuse.add(method)
    with pytest.raises(CameraError, match=r"^picamera2://0: cannot be .*"):
        camera.open()
    sensor.refuse.clear()
    with camera:
        assert camera.read(PATIENCE_S).index == 0


def test_no_camera_is_an_error_with_advice(camera, sensor):
    sensor.present = False
    with pytest.raises(CameraError, match="--list-cameras"):
        camera.open()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("width=2000&height=1500", "change width, height"),
        ("width=100&height=60&rate=90", "rate is 60.4 at most"),
        ("width=100&height=60&exposure_us=20&gain=1", "exposure_us is 29 to"),
        ("width=100&height=60&exposure_us=5000&gain=20", "gain is 1 to 16"),
    ],
)
def test_what_the_sensor_would_silently_change_is_refused(sensor, options, reason):
    with pytest.raises(CameraError, match=reason):
        camera_from_uri(f"picamera2://0?{options}").open()


def test_a_hanging_camera_closes_and_opens_again(camera, sensor):
    with camera:
        sensor.sleep()
        with pytest.raises(CameraError):
            camera.read(0.001)
    sensor.wake()
    with camera:
        assert camera.read(PATIENCE_S).index == 0


def test_looked_after_it_is_opened_anew(camera, sensor):
    with WatchedCamera(camera, Patience(timeout_s=0.2, backoff_s=0.01, backoff_max_s=0.01)) as watched:
        watched._fitness = SimpleNamespace(fault=lambda frame: "")  # the double's frames are dark, and all alike
        assert watched.read(PATIENCE_S).pixels.shape == (60, 128, 3)
        sensor.sleep()
        wait_until_error(watched, "no frame within")
        sensor.wake()
        assert wait_until_frame(watched)


def test_closing_ends_its_threads(camera, sensor):
    before = threading.active_count()
    with camera:
        camera.read(PATIENCE_S)
    assert threading.active_count() == before


def test_a_failure_while_closing_is_an_error_and_the_camera_is_closed(camera, sensor):
    camera.open()
    device = camera._device
    sensor.refuse.add("release")
    with pytest.raises(CameraError, match="cannot be closed: release refused: Invalid argument"):
        camera.close()
    camera.close()
    sensor.refuse.clear()
    device.close()
