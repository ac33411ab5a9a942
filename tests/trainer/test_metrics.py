"""The figures, against values found by hand."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.cam import Thresholds
from edge.contract.types import Verdict
from trainer import metrics
from trainer.metrics import (
    REVIEW_LIMIT,
    auroc,
    average_precision,
    best_f1_threshold,
    choose_thresholds,
    map_correlation,
    peak_hit,
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


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def test_thresholds_of_cleanly_parted_classes_lie_about_the_middle_of_the_gap():
    found = choose_thresholds(np.array([False, False, True, True]), np.array([0.05, 0.2, 0.8, 0.9]))
    assert logit(found.ok_below) == pytest.approx(-1)
    assert logit(found.ng_from) == pytest.approx(1)


def overlapping(ok: float, ng: float, clear: int) -> tuple[np.ndarray, np.ndarray]:
    """One image of each class on the wrong side, and `clear` of each far out on the right one."""
    scores = [*np.linspace(0.01, 0.05, clear), ok, ng, *np.linspace(0.95, 0.99, clear)]
    return np.repeat([False, True], clear + 1), np.array(scores)


def test_thresholds_of_overlapping_classes_enclose_the_overlap():
    found = choose_thresholds(*overlapping(ok=0.7, ng=0.3, clear=9))
    assert logit(found.ok_below) == pytest.approx(logit(0.3) - 1)
    assert logit(found.ng_from) == pytest.approx(logit(0.7) + 1)


def test_a_tolerated_share_may_lie_outside():
    truth, scores = overlapping(ok=0.995, ng=0.005, clear=99)
    strict, lenient = (choose_thresholds(truth, scores, tolerated) for tolerated in (0.0, 0.02))
    assert lenient.ok_below > 0.05
    assert lenient.ng_from < 0.95
    assert strict.ok_below < 0.05, "as far towards the one escape as an operator can bear"
    assert strict.ng_from > 0.95


def test_no_more_is_reviewed_than_an_operator_can_bear():
    truth, scores = np.repeat([False, True], 100), np.linspace(0.01, 0.99, 200)
    scores[95:105] = scores[95:105][::-1]
    scores[0], scores[-1] = 0.9, 0.1
    found = choose_thresholds(truth, scores, tolerated=0.0)
    reviewed = sum(row["review"] for row in verdict_counts(truth, scores, found).values())
    assert 0.1 * 200 < reviewed <= REVIEW_LIMIT * 200
    assert found.ok_below < 0.5 < found.ng_from


probabilities = st.lists(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=40)


@pytest.mark.parametrize("ok", [0.0, 1.0])
@pytest.mark.parametrize("ng", [0.0, 1.0])
def test_thresholds_of_saturated_scores_are_in_order_too(ok, ng):
    found = choose_thresholds(np.array([False, True]), np.array([ok, ng]))
    assert 0 <= found.ok_below <= found.ng_from <= 1


@given(probabilities, probabilities, st.sampled_from([0.0, 0.02, 0.2]))
def test_thresholds_are_always_in_order(ok, ng, tolerated):
    truth = np.repeat([False, True], [len(ok), len(ng)])
    scores = np.array(ok + ng)
    found = choose_thresholds(truth, scores, tolerated)
    assert 0 <= found.ok_below <= found.ng_from <= 1
    for score in scores:
        verdict = found.verdict(score)
        assert verdict is not Verdict.FAULT
        assert (verdict is Verdict.REVIEW) == (found.ok_below <= score < found.ng_from)
    counts = verdict_counts(truth, scores, found)
    assert {label: sum(row.values()) for label, row in counts.items()} == {"ok": len(ok), "ng": len(ng)}
    assert counts["ok"]["review"] + counts["ng"]["review"] <= REVIEW_LIMIT * len(scores)


@given(probabilities, probabilities, st.sampled_from([0.0, 0.02, 0.2]))
def test_where_reviewing_costs_nothing_no_more_escapes_than_tolerated(ok, ng, tolerated):
    truth = np.repeat([False, True], [len(ok), len(ng)])
    scores = np.array(ok + ng)
    with mock.patch.object(metrics, "REVIEW_LIMIT", 1.0):
        counts = verdict_counts(truth, scores, choose_thresholds(truth, scores, tolerated))
    assert counts["ng"]["ok"] <= tolerated * len(ng)
    assert counts["ok"]["ng"] <= tolerated * len(ok)


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
