import numpy as np
import pytest

from edge.camera.health import FrameCheck
from edge.contract.types import Frame

RNG = np.random.default_rng(0)


def frame(at, pixels=None):
    """At `at` ns; by default like no other."""
    return Frame(RNG.integers(0, 256, (40, 60), np.uint8) if pixels is None else pixels, at, at, at)


def noise(level, spread=3, shape=(40, 60, 3)):
    return np.clip(RNG.normal(level, spread, shape), 0, 255).astype(np.uint8)


def test_frames_that_differ_and_come_later_are_fit():
    check = FrameCheck()
    assert [check.fault(frame(at)) for at in (1, 2, 3)] == ["", "", ""]


@pytest.mark.parametrize("at", [5, 4])
def test_a_frame_that_is_not_newer_is_unfit(at):
    check = FrameCheck()
    check.fault(frame(5))
    assert "not newer" in check.fault(frame(at))
    assert check.fault(frame(6)) == ""


def test_an_image_that_comes_again_is_frozen_until_another_comes():
    check, pixels = FrameCheck(), frame(0).pixels
    assert [bool(check.fault(frame(at, pixels.copy()))) for at in (1, 2, 3)] == [False, True, True]
    assert check.fault(frame(4)) == ""


def test_one_pixel_tells_a_still_scene_from_a_frozen_image():
    check, pixels = FrameCheck(), frame(0).pixels
    check.fault(frame(1, pixels.copy()))
    pixels[3, 3] ^= 1
    assert check.fault(frame(2, pixels)) == ""


def test_a_source_that_may_repeat_itself_is_not_frozen():
    check, pixels = FrameCheck(repeats=True), frame(0).pixels
    assert [check.fault(frame(at, pixels)) for at in (1, 2)] == ["", ""]
    assert "not newer" in check.fault(frame(2, pixels))


@pytest.mark.parametrize(("level", "said"), [(3, "black"), (260, "saturated")])
def test_a_frame_without_light_or_with_too_much_is_unfit(level, said):
    assert said in FrameCheck().fault(frame(1, noise(level)))


@pytest.mark.parametrize(("level", "other"), [(3, 60), (260, 100)])
def test_a_small_part_before_a_dark_or_a_bright_ground_is_fit(level, other):
    pixels = noise(level)
    pixels[10:14, 20:24] = other
    assert FrameCheck().fault(frame(1, pixels)) == ""


def test_a_hot_pixel_is_no_picture():
    pixels = noise(3, shape=(960, 1280))
    pixels[RNG.integers(0, 960, 50), RNG.integers(0, 1280, 50)] = 255
    assert "black" in FrameCheck().fault(frame(1, pixels))


def test_a_frame_of_another_size_or_kind_than_the_first_is_unfit():
    check = FrameCheck()
    check.fault(frame(1))
    assert "30 x 20 pixels in grey; the first was 60 x 40 pixels in grey" in check.fault(
        frame(2, noise(99, shape=(20, 30)))
    )
    assert "in colour" in check.fault(frame(3, noise(99)))
    assert check.fault(frame(4)) == ""


def test_the_size_wanted_counts_from_the_first_frame_on():
    check = FrameCheck((640, 480))
    assert "60 x 40 pixels, not 640 x 480" in check.fault(frame(1))


def test_the_smallest_frame_is_no_crash():
    assert "black" in FrameCheck().fault(frame(1, np.zeros((1, 1), np.uint8)))
