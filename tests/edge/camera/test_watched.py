"""A camera that is looked after: each fault of the simulated one, found, told and got over."""

import queue
import threading
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge.camera import Camera, FileCamera, Patience, WatchedCamera, camera_from_uri, watch_camera
from edge.contract.types import Frame
from edge.errors import CameraError, CameraLost
from tests.edge.camera.contract import PATIENCE_S, CameraContract

QUICK = Patience(timeout_s=0.05, reopenings=3, backoff_s=0.01, backoff_max_s=0.02)
EASY = Patience(timeout_s=0.3, reopenings=3, backoff_s=0.01, backoff_max_s=0.02)
"""Three periods of 20 Hz without a frame, on a machine that may be slow, are its camera's doing."""
CALM = Patience(timeout_s=5.0)
REASONS = {
    "error": "damaged",
    "silent": "no frame within",
    "hang": "no frame within",
    "unplug": "the camera is gone",
    "repeat": "not newer",
    "freeze": "frozen",
    "black": "black",
    "white": "saturated",
    "size": "10 x 8 pixels in grey; the first was 20 x 16",
}


@pytest.fixture(autouse=True)
def short_end(monkeypatch):
    """What hangs here hangs for good."""
    monkeypatch.setattr("edge.camera.watched.CLOSE_S", 0.02)


@pytest.fixture
def simulated(noise_frames):
    """Makes a watched simulated camera; what hangs is woken at the end."""
    made = []

    def make(options="", patience=QUICK, rate=100):
        made.append(camera_from_uri(f"sim://{noise_frames}?rate={rate}{options}"))
        return WatchedCamera(made[-1], patience)

    yield make
    for camera in made:
        camera._sensor.awake.set()


class Hand(Camera):
    """Gives what the test puts into `given`: frames, errors."""

    live = True
    opened = 0

    def __init__(self):
        super().__init__("hand")
        self.given = queue.Queue()

    def _do_open(self):
        type(self).opened += 1

    def _do_read(self, timeout_s):
        try:
            given = self.given.get(timeout=timeout_s)
        except queue.Empty:
            raise CameraError("hand: no frame within its limit") from None
        if isinstance(given, Exception):
            raise given
        return given

    def _do_close(self):
        pass


def frame(at):
    return Frame(np.random.default_rng(at).integers(20, 240, (8, 8), np.uint8), at, at, at)


class TestWatched(CameraContract):
    live = True

    @pytest.fixture
    def camera(self, simulated):
        camera = simulated(patience=CALM)
        camera._silence_s = PATIENCE_S  # this machine may be slow
        return camera

    @pytest.fixture
    def broken(self, simulated):
        return simulated("&fault=unplug")

    @pytest.fixture
    def blemished(self):
        """Each read finds what it is meant to find: the next is given only then."""
        hand = Hand()
        camera = WatchedCamera(hand, CALM)
        read, rest = camera._do_read, iter([frame(1), CameraError("hand: torn"), frame(2)])

        def give_and_read(timeout_s):
            hand.given.put(next(rest))
            return read(timeout_s)

        camera._do_read = give_and_read
        return camera

    @pytest.fixture
    def sleeping(self):
        hand = Hand()
        hand.given.put(frame(1))
        return SimpleNamespace(camera=WatchedCamera(hand, CALM), wake=lambda: hand.given.put(frame(2)))


def read_until(camera, wanted):
    """All that is read, frames and errors as text, up to the first that `wanted` likes."""
    found = []
    for _ in range(1000):
        try:
            found.append(camera.read(PATIENCE_S))
        except CameraError as error:
            found.append(str(error))
        if wanted(found[-1]):
            return found
        assert not is_lost(found[-1]), found
    raise AssertionError(found[-10:])


def is_frame(found):
    return isinstance(found, Frame)


def is_trouble(found):
    return isinstance(found, str)


def is_lost(found):
    return is_trouble(found) and "in vain" in found


@pytest.mark.parametrize("fault", REASONS)
def test_a_fault_is_told_and_got_over_and_its_frames_are_never_given(simulated, noise_frames, fault):
    good = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in noise_frames.iterdir()]
    with simulated(f"&fault={fault}&after=3&lasting=3", EASY, rate=20) as camera:
        before = read_until(camera, lambda found: is_trouble(found) and REASONS[fault] in found)
        assert camera.check().startswith(camera.name)
        after = read_until(camera, is_frame)
        assert camera.check() == ""
    for given in filter(is_frame, before + after):
        assert any(np.array_equal(given.pixels, each) for each in good)
    times = [given.monotonic_ns for given in before + after if is_frame(given)]
    assert times == sorted(set(times))


@pytest.mark.parametrize("fault", REASONS)
def test_a_fault_that_stays_is_the_end_after_so_many_reopenings(simulated, fault):
    with simulated(f"&fault={fault}&after=2") as camera:
        last = read_until(camera, is_lost)[-1]
        assert "opened anew 3 times in vain" in last
        with pytest.raises(CameraLost, match="in vain"):
            camera.check()
        with pytest.raises(CameraError, match="in vain"):
            camera.read(0)


def test_it_can_be_opened_after_it_was_lost(simulated):
    camera = simulated("&fault=unplug&after=2")
    with camera:
        read_until(camera, is_lost)
    camera._camera._sensor.fault = None
    with camera:
        assert camera.check() == ""
        assert is_frame(read_until(camera, is_frame)[-1])


def test_a_black_camera_that_gives_frames_is_not_closed_while_it_waits_to_be_opened_anew():
    """So the first good frame ends it, however long the pause is."""
    hand = Hand()
    Hand.opened = 0
    with WatchedCamera(hand, Patience(backoff_s=3600, backoff_max_s=3600)) as camera:
        for at in range(1, 8):
            hand.given.put(Frame(np.full((8, 8), at, np.uint8), at, at, at))
            with pytest.raises(CameraError, match="black"):
                camera.read(PATIENCE_S)
        hand.given.put(frame(9))
        assert is_frame(camera.read(PATIENCE_S))
    assert Hand.opened == 1


def test_a_camera_that_gives_a_frame_and_fails_again_is_lost_too(monkeypatch):
    hand = Hand()
    given = iter(range(1, 1000))

    def fail_after_one(timeout_s):
        at = next(given)
        if at % 4 == 1:
            return frame(at)
        raise CameraError("hand: torn")

    monkeypatch.setattr(Hand, "_do_read", lambda self, timeout_s: fail_after_one(timeout_s))
    with WatchedCamera(hand, QUICK) as camera:
        assert "torn; it was opened anew 3 times in vain" in read_until(camera, is_lost)[-1]


def test_trouble_that_is_over_is_not_told():
    hand = Hand()
    with WatchedCamera(hand, CALM) as camera:
        hand.given.put(CameraError("hand: torn"))
        hand.given.put(frame(1))
        while camera._frame is None:
            threading.Event().wait(0.001)
        assert (camera.check(), camera.read(PATIENCE_S).monotonic_ns) == ("", 1)


def test_the_newest_frame_is_given_and_none_twice():
    hand = Hand()
    with WatchedCamera(hand, CALM) as camera:
        for at in (1, 2, 3):
            hand.given.put(frame(at))
        while camera._frame is None or camera._frame.monotonic_ns < 3:
            threading.Event().wait(0.001)
        assert camera.read(PATIENCE_S).monotonic_ns == 3
        with pytest.raises(CameraError, match="no frame within 0 s"):
            camera.read(0)


def test_whatever_a_driver_raises_is_told_in_one_line():
    hand = Hand()
    with WatchedCamera(hand, CALM) as camera:
        hand.given.put(RuntimeError("segment\nof a trace"))
        with pytest.raises(CameraError, match=r"^hand: segment of a trace$"):
            camera.read(PATIENCE_S)


def test_a_bug_in_the_watch_ends_the_camera_and_is_not_silent(monkeypatch):
    hand = Hand()
    with WatchedCamera(hand, CALM) as camera:
        monkeypatch.setattr(camera._fitness, "fault", lambda frame: 1 / 0)
        hand.given.put(frame(1))
        with pytest.raises(CameraError, match="ZeroDivisionError"):
            camera.read(PATIENCE_S)
        with pytest.raises(CameraLost):
            camera.check()


def test_a_camera_that_hangs_closes_at_once_and_is_left_to_itself(simulated):
    with simulated("&fault=hang&after=1", CALM) as camera:
        assert is_frame(camera.read(PATIENCE_S))
        thread = camera._thread
    assert not thread.is_alive()


def test_the_pauses_double_up_to_their_limit():
    assert [Patience().pause_s(failed) for failed in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert Patience().pause_s(10**6) == 30


def test_only_live_cameras_are_watched(noise_frames):
    assert isinstance(watch_camera(FileCamera(noise_frames), QUICK), FileCamera)
    assert isinstance(watch_camera(camera_from_uri(f"sim://{noise_frames}"), QUICK), WatchedCamera)
