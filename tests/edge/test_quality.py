import cv2
import numpy as np
import pytest

from edge.contract.preprocess import Region
from edge.contract.quality import Quality, QualityReference
from edge.contract.recipe import Recipe, RecipeSettings
from edge.daemon.quality import FRAMES, QualityWatch, measure_quality
from trainer.synthesize.passing import metal, plastic

WHOLE = Region()
REFERENCE = QualityReference(brightness=100, focus=0.2, clipped=0.01, tolerance=0.2)
GOOD = Quality(100, 0.2, 0.01)


@pytest.fixture(params=[metal, plastic], scope="module")
def part(request):
    return request.param(1)


def test_brightness_is_the_mean_grey_level(part):
    assert measure_quality(part, WHOLE).brightness == pytest.approx(part.mean(), abs=1.5)


def test_blur_takes_focus_away_and_nothing_else(part):
    sharp, soft = measure_quality(part, WHOLE), measure_quality(cv2.GaussianBlur(part, (0, 0), 1.0), WHOLE)
    assert soft.focus < 0.6 * sharp.focus
    assert soft.brightness == pytest.approx(sharp.brightness, abs=1)


@pytest.mark.parametrize("gain", [0.6, 0.8])
def test_less_light_is_not_less_focus(part, gain):
    dim = (part * gain).astype(np.uint8)
    assert measure_quality(dim, WHOLE).focus == pytest.approx(measure_quality(part, WHOLE).focus, rel=0.05)


def test_focus_of_nothing_is_0_and_of_noise_20():
    assert measure_quality(np.full((64, 64), 9, np.uint8), WHOLE).focus == 0
    noise = np.random.default_rng(0).integers(90, 110, (400, 400), np.uint8)
    assert measure_quality(noise, WHOLE).focus == pytest.approx(20, rel=0.1)


def test_one_clipped_channel_is_a_clipped_pixel():
    pixels = np.full((100, 100, 3), 90, np.uint8)
    pixels[:25, :, 1] = 252
    assert measure_quality(pixels, WHOLE).clipped == 0.25


def test_only_the_region_counts():
    pixels = np.full((100, 200), 50, np.uint8)
    pixels[:, 100:] = 255
    assert measure_quality(pixels, Region(left=0.5, width=0.5)) == Quality(255, 0, 1)
    assert measure_quality(pixels, Region(width=0.5)) == Quality(50, 0, 0)


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3, 3), (17, 17, 3)])
def test_any_frame_has_a_quality(shape):
    assert measure_quality(np.full(shape, 7, np.uint8), WHOLE).brightness == pytest.approx(7)


def drift(watch, quality, count=4 * FRAMES):
    for _ in range(count):
        watch.add(quality)
    return {*watch.warnings}


def test_before_there_are_enough_frames_nothing_is_said():
    watch = QualityWatch(REFERENCE)
    assert drift(watch, Quality(1, 0, 1), FRAMES - 1) == set()
    assert watch.average is None
    assert drift(watch, Quality(1, 0, 1), 1) == {"brightness", "focus", "clipped"}
    assert watch.average == Quality(1, 0, 1)


@pytest.mark.parametrize(
    ("quality", "warned"),
    [
        (GOOD, set()),
        (Quality(81, 0.17, 0.05), set()),
        (Quality(79, 0.2, 0.01), {"brightness"}),
        (Quality(121, 0.2, 0.01), {"brightness"}),
        (Quality(100, 0.15, 0.01), {"focus"}),
        (Quality(100, 2.0, 0.01), set()),
        (Quality(100, 0.2, 0.07), {"clipped"}),
        (Quality(100, 0.2, 0.0), set()),
    ],
)
def test_a_drift_beyond_the_tolerance_is_a_warning(quality, warned):
    assert drift(QualityWatch(REFERENCE), quality) == warned


def test_a_warning_stays_until_the_drift_is_half_of_what_is_allowed():
    watch = QualityWatch(REFERENCE)
    drift(watch, Quality(79, 0.2, 0.01))
    assert drift(watch, Quality(85, 0.2, 0.01), 200) == {"brightness"}
    assert drift(watch, Quality(91, 0.2, 0.01), 200) == set()
    assert drift(watch, Quality(85, 0.2, 0.01), 200) == set()


def test_one_odd_part_is_no_drift():
    watch = QualityWatch(REFERENCE)
    drift(watch, GOOD)
    assert drift(watch, Quality(20, 0.05, 0.5), 1) == set()


def test_without_a_reference_it_averages_and_never_warns():
    watch = QualityWatch()
    assert drift(watch, Quality(1, 0, 1)) == set()
    assert watch.average == Quality(1, 0, 1)


def test_another_recipe_is_measured_anew_and_against_its_own_reference():
    dark = Recipe("dark", RecipeSettings(quality=QualityReference(brightness=50, focus=0.2, clipped=0.01)))
    plain = Recipe("plain", RecipeSettings())
    watch = QualityWatch(REFERENCE)
    for recipe, warned in ((None, {"brightness"}), (dark, set()), (plain, {"brightness"}), (dark, set())):
        for index in range(2 * FRAMES):
            watch.add(Quality(50, 0.2, 0.01), recipe)
            assert bool(watch.average) is (index >= FRAMES - 1)
        assert set(watch.warnings) == warned
