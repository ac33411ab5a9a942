from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.cam import (
    Pooling,
    Thresholds,
    dequantise,
    heatmap,
    ng_probability,
    overlay,
    peak,
    pool,
    probability,
    score,
)
from edge.contract.preprocess import PreprocessSpec, Region
from edge.contract.types import Verdict

POOLINGS = [
    Pooling(),
    Pooling("topk", share=1.0),
    Pooling("topk", share=1e-6),
    Pooling("lse", sharpness=0.5),
    Pooling("lse", sharpness=50.0),
    Pooling("average"),
]


def logits(*shape: int, seed: int = 0):
    return np.random.default_rng(seed).normal(0, 3, shape).astype(np.float32)


def direct(logit_map, pooling: Pooling) -> list[float]:
    """The formulas, written out for one map."""
    rows, columns, classes = logit_map.shape
    pooled = []
    for values in logit_map.reshape(rows * columns, classes).astype(np.float64).T:
        if pooling.kind == "topk":
            count = max(1, round(pooling.share * len(values)))
            pooled.append(sum(sorted(values)[-count:]) / count)
        elif pooling.kind == "lse":
            mean = sum(math.exp(pooling.sharpness * value) for value in values) / len(values)
            pooled.append(math.log(mean) / pooling.sharpness)
        else:
            pooled.append(sum(values) / len(values))
    return pooled


@pytest.mark.parametrize("pooling", POOLINGS, ids=str)
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 1), (16, 16, 3)])
def test_pooling_is_its_formula(pooling, shape) -> None:
    assert pool(logits(*shape), pooling) == pytest.approx(direct(logits(*shape), pooling), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("pooling", POOLINGS, ids=str)
def test_a_batch_is_pooled_as_its_maps_are(pooling) -> None:
    batch = logits(4, 6, 5, 2)
    assert np.array_equal(pool(batch, pooling), np.stack([pool(each, pooling) for each in batch]))
    assert pool(batch.reshape(2, 2, 6, 5, 2), pooling).shape == (2, 2, 2)


@pytest.mark.parametrize("pooling", POOLINGS, ids=str)
def test_pooling_knows_no_place_and_lies_within_the_map(pooling) -> None:
    one = logits(8, 8, 1)
    shuffled = np.random.default_rng(1).permutation(one.reshape(-1)).reshape(one.shape)
    pooled = float(pool(one, pooling)[0])
    assert float(pool(shuffled, pooling)[0]) == pytest.approx(pooled, rel=1e-5)
    assert one.min() <= pooled <= one.max() + 1e-5


def test_log_mean_exp_bears_extreme_logits() -> None:
    extreme = np.array([[[-1e4], [1e4]]], np.float32)
    assert float(pool(extreme, Pooling("lse", sharpness=100.0))[0]) == pytest.approx(1e4, rel=1e-3)


def test_dequantising_is_the_cards_formula() -> None:
    units = np.array([[[-128], [0], [127]]], np.int8)
    assert dequantise(units, 0.5, -8).ravel().tolist() == [-60.0, 4.0, 67.5]
    assert dequantise(units, 0.5, -8).dtype == np.float32


@given(st.floats(-80, 80, width=32))
def test_the_score_is_the_probability_of_the_pooled_logit(logit) -> None:
    value = score(np.full((3, 3, 1), logit, np.float32), Pooling())
    assert 0 <= value <= 1
    assert value == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-4)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_the_temperature_divides_what_was_pooled(temperature) -> None:
    batch = logits(5, 4, 4, 1)
    pooling = Pooling(temperature=temperature)
    expected = [1 / (1 + math.exp(-float(each) / temperature)) for each in pool(batch, Pooling())[:, 0]]
    assert ng_probability(pool(batch, pooling), temperature) == pytest.approx(expected)
    assert [score(each, pooling) for each in batch] == pytest.approx(expected)


@given(st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted), st.floats(0, 1))
def test_thresholds_part_ok_review_and_ng(limits, value) -> None:
    verdict = Thresholds(*limits).verdict(value)
    assert verdict is (Verdict.OK if value < limits[0] else Verdict.NG if value >= limits[1] else Verdict.REVIEW)


def test_the_limits_themselves_are_review_and_ng() -> None:
    thresholds = Thresholds(0.25, 0.75)
    assert [thresholds.verdict(value) for value in (0.25, 0.75)] == [Verdict.REVIEW, Verdict.NG]
    assert Thresholds(0.5, 0.5).verdict(0.5) is Verdict.NG


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("thresholds", [Thresholds(0.0, 0.0), Thresholds(0.2, 0.8), Thresholds(1.0, 1.0)], ids=str)
def test_no_number_is_a_fault(thresholds, value) -> None:
    assert thresholds.verdict(value) is Verdict.FAULT


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ({"ok_below": 0.8, "ng_from": 0.2}, Thresholds),
        ({"ok_below": -0.1, "ng_from": 0.2}, Thresholds),
        ({"ok_below": 0.1, "ng_from": 1.1}, Thresholds),
        ({"ok_below": 0.1}, Thresholds),
        ({"kind": "median"}, Pooling),
        ({"share": 0}, Pooling),
        ({"sharpness": 101}, Pooling),
        ({"power": 2}, Pooling),
        ({"temperature": 0}, Pooling),
    ],
    ids=str,
)
def test_bad_values_are_refused(bad, kind) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(bad), type=kind)


SPECS = [PreprocessSpec(), PreprocessSpec(region=Region(0.5, 0.25, 0.5, 0.5))]


def one_hot(row: int, column: int, rows: int = 8, columns: int = 10):
    found = np.full((rows, columns, 1), -6, np.float32)
    found[row, column] = 6
    return found


@pytest.mark.parametrize("spec", SPECS, ids=["whole", "region"])
@pytest.mark.parametrize("place", [(0, 0), (3, 7), (7, 9)])
def test_the_heat_is_where_the_map_says(spec, place) -> None:
    height, width = 240, 400
    x, y, w, h = spec.region.pixels(height, width)
    heat = heatmap(one_hot(*place), spec, height, width)
    assert heat.shape == (height, width)
    assert heat.dtype == np.float32
    hottest = np.unravel_index(np.argmax(heat), heat.shape)
    top, left = y + place[0] * h / 8, x + place[1] * w / 10
    assert top <= hottest[0] < top + h / 8
    assert left <= hottest[1] < left + w / 10
    assert 0.9 < heat.max() < 1
    inside = np.zeros_like(heat, bool)
    inside[y : y + h, x : x + w] = True
    assert not heat[~inside].any()
    assert heat[inside].min() > 0


@pytest.mark.parametrize("spec", SPECS, ids=["whole", "region"])
@pytest.mark.parametrize("place", [(0, 0), (3, 7), (7, 9)])
def test_the_peak_is_the_middle_of_the_hottest_cell(spec, place) -> None:
    x, y, w, h = spec.region.pixels(240, 400)
    expected = x + (place[1] + 0.5) * w / 10, y + (place[0] + 0.5) * h / 8
    assert peak(one_hot(*place), spec, 240, 400) == pytest.approx(expected, abs=1)


@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 7), st.integers(0, 9), st.sampled_from(SPECS))
def test_peak_and_heat_fit_a_frame_of_any_size(height, width, row, column, spec) -> None:
    x, y = peak(one_hot(row, column), spec, height, width)
    assert 0 <= x < width
    assert 0 <= y < height
    assert heatmap(one_hot(row, column), spec, height, width).shape == (height, width)


@pytest.mark.parametrize("shape", [(24, 40), (24, 40, 3)])
def test_the_overlay_is_in_colour_and_leaves_cold_places_alone(shape) -> None:
    frame = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    before = frame.copy()
    heat = np.zeros((24, 40), np.float32)
    heat[:, 20:] = 1
    shown = overlay(frame, heat)
    assert shown.shape == (24, 40, 3)
    assert shown.dtype == np.uint8
    assert np.array_equal(frame, before)
    grey = frame if frame.ndim == 3 else np.dstack([frame] * 3)
    assert np.array_equal(shown[:, :20], grey[:, :20])
    assert not np.array_equal(shown[:, 20:], grey[:, 20:])
    assert np.array_equal(overlay(frame, heat, opacity=0), grey)


@pytest.mark.filterwarnings("error")
def test_the_surest_logits_are_probabilities_without_a_warning() -> None:
    found = probability(np.array([-1000, -100, 0, 100, 1000], np.float32))
    np.testing.assert_allclose(found, [0, 0, 0.5, 1, 1], atol=1e-6)
