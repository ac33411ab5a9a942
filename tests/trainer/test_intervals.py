"""How far a figure may lie from the truth: against values found by hand, and by drawing copies one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from trainer.intervals import (
    DRAWS,
    bootstrap_interval,
    resampled_ap,
    resampled_auroc,
    resampled_share,
    share_bound,
    share_interval,
)
from trainer.metrics import auroc, average_precision


def test_none_of_many_is_the_rule_of_three():
    assert share_bound(0, 74) == pytest.approx(1 - 0.05 ** (1 / 74))
    assert share_bound(0, 300) == pytest.approx(3 / 300, rel=0.01)


@pytest.mark.parametrize(("count", "of"), [(0, 0), (5, 5)])
def test_nothing_bounds_a_share_of_all_or_of_none(count, of):
    assert share_bound(count, of) == 1.0
    assert share_interval(count, of)[1] == 1.0


counted = st.integers(1, 300).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@settings(deadline=None)
@given(counted)
def test_a_share_at_the_end_of_its_interval_just_makes_the_count_unlikely(found):
    count, of = found
    lower, upper = share_interval(count, of)
    assert 0 <= lower <= count / of <= upper <= 1
    if count:
        assert binom.sf(count - 1, of, lower) == pytest.approx(0.025)
    if count < of:
        assert binom.cdf(count, of, upper) == pytest.approx(0.025)
        assert binom.cdf(count, of, share_bound(count, of)) == pytest.approx(0.05)


copies = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.2, 0.2, 0.5, 0.9]), st.integers(0, 3)), min_size=1, max_size=12
)


@settings(deadline=None)
@given(copies)
def test_a_weight_is_a_number_of_copies(drawn):
    truth, scores, weights = (np.array(values) for values in zip(*drawn, strict=True))
    high = scores > 0.3
    statistics = resampled_auroc(truth, scores), resampled_ap(truth, scores), resampled_share(truth, high)
    found = [statistic(weights[None].astype(float))[0] for statistic in statistics]
    truth, scores = np.repeat(truth, weights), np.repeat(scores, weights)
    both = truth.any() and not truth.all()
    among = truth[scores > 0.3]
    expected = [
        auroc(truth, scores) if both else np.nan,
        average_precision(truth, scores) if truth.any() else np.nan,
        among.mean() if among.size else np.nan,
    ]
    np.testing.assert_allclose(found, expected)


def scattered(images: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.arange(images) % 2 == 0
    return truth, rng.normal(truth.astype(float), 0.8)


def test_an_interval_lies_about_the_figure_and_is_the_same_each_time():
    truth, scores = scattered(80)
    names = [str(i) for i in range(80)]
    lower, upper = bootstrap_interval(names, resampled_auroc(truth, scores))
    assert lower < auroc(truth, scores) < upper
    assert upper - lower == pytest.approx(0.19, abs=0.05), "as the spread of AUROC by Hanley and McNeil 1982"
    assert bootstrap_interval(names, resampled_auroc(truth, scores)) == (lower, upper)
    assert bootstrap_interval(names, resampled_auroc(truth, scores), seed=1) != (lower, upper)


def test_copies_of_a_part_are_no_evidence():
    truth, scores = (np.repeat(values, 9) for values in scattered(20))
    parts = np.repeat(np.arange(20), 9).astype(str).tolist()
    images = [str(i) for i in range(180)]
    by_part, by_image = (np.ptp(bootstrap_interval(names, resampled_ap(truth, scores))) for names in (parts, images))
    assert by_part > 2 * by_image


def test_many_images_are_drawn_in_pieces_to_the_same_end(monkeypatch):
    truth, scores = scattered(40)
    names = [str(i) for i in range(40)]
    whole = bootstrap_interval(names, resampled_auroc(truth, scores))
    monkeypatch.setattr("trainer.intervals.CHUNK", 40 * 7)
    seen = []
    statistic = resampled_auroc(truth, scores)
    assert bootstrap_interval(names, lambda weights: seen.append(len(weights)) or statistic(weights)) == whole
    assert sum(seen) == DRAWS
    assert max(seen) == 7


def test_resampling_has_nothing_to_say():
    parted = np.array([False] * 9 + [True] * 9)
    names = [str(i) for i in range(18)]
    assert bootstrap_interval(names, resampled_auroc(parted, parted.astype(float))) is None, "every draw says 1"
    scores = np.linspace(0, 1, 18)
    for ng in (1, 3):
        few = np.arange(18) % 5 == 3
        few[np.flatnonzero(few)[ng:]] = False
        assert bootstrap_interval(names, resampled_auroc(few, scores)) is None, "too many draws lack an ng image"
    assert bootstrap_interval(names, resampled_auroc(np.arange(18) % 3 == 1, scores)) is not None
