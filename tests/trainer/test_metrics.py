"""The figures, against values found by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from edge.contract.cam import Thresholds
from edge.contract.preprocess import Region
from trainer.intervals import share_interval
from trainer.metrics import (
    SIZE_BINS,
    auroc,
    average_precision,
    best_f1_threshold,
    calibration_error,
    map_correlation,
    mask_cover,
    mean_absolute_error,
    peak_hit,
    pixel_ap,
    reliability,
    size_bin,
    verdict_counts,
)

TRUTH = np.array([False, True, False, True])
SCORES = np.array([0.1, 0.4, 0.35, 0.2])


def test_auroc_counts_pairs_in_the_right_order():
    assert auroc(TRUTH, SCORES) == 0.75
    assert auroc(TRUTH, 1 - SCORES) == 0.25
    assert auroc(TRUTH, np.full(4, 0.3)) == 0.5, "ties count half"
    assert auroc(TRUTH, TRUTH.astype(float)) == 1.0


@pytest.mark.parametrize("label", [True, False])
def test_auroc_of_one_class_says_nothing(label):
    assert auroc(np.full(3, label), SCORES[:3]) == 0.5


def test_average_precision_steps_at_each_ng_image():
    assert average_precision(TRUTH, SCORES) == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert average_precision(np.zeros(4, bool), SCORES) == 0.0


def test_the_best_f1_lies_half_way_to_the_next_score():
    assert best_f1_threshold(np.array([False, False, True, True]), np.array([0.1, 0.3, 0.5, 0.9])) == pytest.approx(0.4)
    assert best_f1_threshold(np.array([True, True]), np.array([0.5, 0.9])) == 0.5, "nothing lies below"


def test_verdicts_are_counted_by_label():
    counts = verdict_counts(TRUTH, SCORES, Thresholds(ok_below=0.2, ng_from=0.4))
    assert counts == {"ok": {"ok": 1, "review": 1, "ng": 0}, "ng": {"ok": 0, "review": 1, "ng": 1}}


@pytest.mark.parametrize(
    ("peak", "reach", "hit"),
    [
        ((4, 2), 0.0, True),
        ((5, 2), 0.0, False),
        ((5, 2), 1.0, True),
        ((7, 2), 2.5, False),
        ((7, 2), 3.0, True),
        ((4, 6), 3.5, True),
        ((40, 60), 3.5, False),
    ],
)
def test_the_peak_meets_the_mask_or_not(peak, reach, hit):
    mask = np.zeros((8, 10), np.uint8)
    mask[2:4, 3:5] = 255
    assert peak_hit(peak, mask, reach) is hit


def test_an_empty_mask_is_never_met():
    assert not peak_hit((1, 1), np.zeros((4, 4), np.uint8), 100.0)


def test_a_mask_covers_cells_by_area():
    mask = np.zeros((5, 4), np.uint8)
    mask[1, :3] = 255
    # Rows of 2.5 pixels: the marked one lies wholly in the first. Columns of 2: the third pixel is half of the second.
    np.testing.assert_allclose(mask_cover(mask, Region(), 2, 2), [[0.4, 0.2], [0, 0]])
    mask[2] = 255  # shared by both rows of cells
    np.testing.assert_allclose(mask_cover(mask, Region(), 2, 2), [[0.6, 0.4], [0.2, 0.2]])


def test_only_the_inspected_region_is_covered():
    mask = np.zeros((10, 20), np.uint8)
    mask[5:, 10:] = 255
    np.testing.assert_array_equal(mask_cover(mask, Region(0.5, 0.5, 0.5, 0.5), 2, 3), np.ones((2, 3)))
    np.testing.assert_array_equal(mask_cover(mask, Region(0, 0, 0.5, 1), 2, 3), np.zeros((2, 3)))


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 1000))
def test_the_area_of_a_mask_is_kept(rows, columns, seed):
    mask = np.random.default_rng(seed).integers(0, 2, (7, 11), np.uint8)
    assert mask_cover(mask, Region(), rows, columns).mean() == pytest.approx(mask.mean())


def test_pixel_ap_is_that_of_the_pixels():
    rng = np.random.default_rng(0)
    maps = [rng.integers(-4, 4, (3, 4)).astype(float) for _ in range(4)]
    masks = [rng.integers(0, 2, (15, 8), np.uint8) for _ in range(3)] + [np.zeros((15, 8), np.uint8)]
    pixels = [np.kron(each, np.ones((5, 2))) for each in maps]
    expected = average_precision_score(np.ravel(masks), np.ravel(pixels))
    covers = [mask_cover(mask, Region(), 3, 4) for mask in masks]
    assert pixel_ap(maps, covers) == pytest.approx(expected)
    fine = [mask_cover(np.kron(mask, np.ones((3, 3), np.uint8)), Region(), 3, 4) for mask in masks[:2]]
    assert pixel_ap(maps, fine + covers[2:]) == pytest.approx(expected), "a larger image weighs no more"


def test_pixel_ap_needs_a_mask():
    assert pixel_ap([], []) is None
    assert pixel_ap([np.ones((2, 2))], [np.zeros((2, 2))]) is None


@pytest.mark.parametrize(
    ("share", "index"), [(0.0, 0), (0.0009, 0), (0.001, 1), (0.02, 3), (0.0999, 4), (0.1, 5), (1.0, 5)]
)
def test_a_fault_belongs_to_one_class_of_sizes(share, index):
    assert size_bin(share) == index
    assert SIZE_BINS[index] <= share <= SIZE_BINS[index + 1]


def test_mean_absolute_error():
    assert mean_absolute_error(TRUTH, SCORES) == pytest.approx((0.1 + 0.6 + 0.35 + 0.8) / 4)


def test_reliability_weighs_ok_and_ng_alike():
    truth = np.array([False, False, False, False, True, True])
    scores = np.array([0.11, 0.12, 0.15, 0.55, 0.58, 1.0])
    low, middle, high = reliability(truth, scores)
    assert (low.images, low.ng, low.share) == (3, 0, 0.0)
    assert low.score == pytest.approx(0.38 / 3)
    assert (middle.images, middle.ng) == (2, 1)
    assert middle.share == pytest.approx(0.25 / (0.25 + 0.125)), "an ng image weighs twice as much as an ok one"
    assert middle.score == pytest.approx((0.55 * 0.125 + 0.58 * 0.25) / 0.375)
    assert (high.images, high.share, high.interval[1]) == (1, 1.0, 1.0), "a score of 1 is in the last bin"
    assert [low.weight, middle.weight, high.weight] == pytest.approx([0.375, 0.375, 0.25])
    gaps = [0.38 / 3, middle.share - middle.score, 0.0]
    assert calibration_error(truth, scores) == pytest.approx(0.375 * gaps[0] + 0.375 * gaps[1])


labelled = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40)


@settings(deadline=None)
@given(labelled)
def test_reliability_of_anything(drawn):
    truth, scores = (np.array(values) for values in zip(*drawn, strict=True))
    bins = reliability(truth, scores)
    assert sum(each.images for each in bins) == len(drawn)
    assert sum(each.ng for each in bins) == truth.sum()
    assert sum(each.weight for each in bins) == pytest.approx(1)
    for each in bins:
        assert 0 <= each.interval[0] <= each.share + 1e-12
        assert each.share - 1e-12 <= each.interval[1] <= 1 + 1e-12
    assert 0 <= calibration_error(truth, scores) <= 1 + 1e-12


def test_the_interval_of_as_many_ok_as_ng_images_is_that_of_their_share():
    truth, scores = np.array([False, True, True, False]), np.array([0.5, 0.5, 0.5, 0.1])
    assert reliability(truth, scores)[-1].interval == pytest.approx(share_interval(2, 3))


def test_map_correlation():
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(3, 4, 1)) for _ in range(5)]
    assert map_correlation(maps, [2 * m + 7 for m in maps]) == pytest.approx(1)
    assert map_correlation(maps, [-m for m in maps]) == pytest.approx(-1)
    other = [rng.normal(size=(3, 4, 1)) for _ in range(5)]
    flat = (np.concatenate([m.ravel() for m in side]) for side in (maps, other))
    assert map_correlation(maps, other) == pytest.approx(np.corrcoef(*flat)[0, 1])


def test_map_correlation_is_over_all_maps_not_each():
    low, high = np.zeros((2, 2, 1)), np.ones((2, 2, 1))
    assert map_correlation([low, high], [low, high]) == pytest.approx(1)
    assert map_correlation([low, high], [high, low]) == pytest.approx(-1)


def test_flat_maps_correlate_only_with_flat_maps():
    flat, other = [np.full((2, 2, 1), 3.0)], [np.arange(4.0).reshape(2, 2, 1)]
    assert map_correlation(flat, flat) == 1.0
    assert map_correlation(flat, other) == 0.0
    assert map_correlation(other, flat) == 0.0
