"""Several maps: made one of ng against ok for the verdict, and the kind named within it."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract.cam import BINARY, Classes, Pooling, kind_logits, name_kind, ng_map, pool, score
from edge.contract.types import Verdict

KINDS = Classes(ok=("plain", "ribbed"), ng=("dent", "scratch", "spot"))
POOLINGS = [Pooling(kind, share=0.1) for kind in ("topk", "lse", "gem", "average", "max")]
seeds = st.integers(0, 2**32 - 1)


def maps(seed: int = 0, classes: int = 5, shape: tuple[int, ...] = (6, 7)) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (*shape, classes)).astype(np.float32)


@pytest.mark.parametrize("pooling", POOLINGS, ids=lambda pooling: pooling.kind)
def test_a_single_map_is_judged_as_it_always_was_to_the_last_bit(pooling) -> None:
    batch = maps(classes=1, shape=(4, 6, 7))
    assert ng_map(batch, BINARY) is batch
    for one in batch:
        before = 1.0 / (1.0 + np.exp(-pool(one, pooling)[..., 0].astype(np.float64) / pooling.temperature))
        assert score(ng_map(one, BINARY), pooling) == float(before)
        assert name_kind(one, pooling, BINARY, Verdict.NG) is None


@given(seeds, st.sampled_from(POOLINGS))
def test_ok_and_one_kind_of_ng_are_a_single_map_of_their_difference(seed, pooling) -> None:
    two = maps(seed, 2)
    classes = Classes(ok=("ok",), ng=("ng",))
    assert score(ng_map(two, classes), pooling) == score(two[..., 1:] - two[..., :1], pooling)


@given(seeds)
def test_each_place_is_the_softmax_over_all_classes(seed) -> None:
    some = maps(seed).astype(np.float64)
    shares = np.exp(some) / np.exp(some).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(1 / (1 + np.exp(-ng_map(some, KINDS)[..., 0])), shares[..., 2:].sum(axis=-1), rtol=1e-9)


@given(seeds, st.sampled_from(POOLINGS))
def test_what_all_maps_share_means_nothing(seed, pooling) -> None:
    """So a score cannot be moved by what says nothing of ng against ok."""
    some = maps(seed).astype(np.float64)
    shifted = some + np.random.default_rng(seed).normal(0, 5, (6, 7, 1))
    np.testing.assert_allclose(ng_map(shifted, KINDS), ng_map(some, KINDS), atol=1e-9)
    np.testing.assert_allclose(
        kind_logits(shifted, pooling, KINDS), kind_logits(some, pooling, KINDS), rtol=1e-6, atol=1e-6
    )


@given(seeds, st.permutations(range(3)))
def test_the_order_of_the_kinds_means_nothing(seed, order) -> None:
    some, turned = maps(seed), [0, 1, *(2 + place for place in order)]
    other = Classes(ok=KINDS.ok, ng=tuple(KINDS.ng[place] for place in order))
    np.testing.assert_allclose(ng_map(some[..., turned], other), ng_map(some, KINDS), rtol=1e-5, atol=1e-5)
    for verdict in (Verdict.OK, Verdict.NG):
        assert name_kind(some[..., turned], Pooling(), other, verdict) == name_kind(some, Pooling(), KINDS, verdict)


@given(seeds, st.sampled_from(POOLINGS), st.floats(0, 20))
def test_more_of_a_kind_of_ng_is_never_less_ng(seed, pooling, more) -> None:
    some = maps(seed)
    stronger = some.copy()
    stronger[2:4, 3:5, 3] += np.float32(more)
    before, after = (score(ng_map(each, KINDS), pooling) for each in (some, stronger))
    assert after >= before - 1e-6
    stronger[..., :2] += np.float32(more)
    assert score(ng_map(stronger, KINDS), pooling) <= after + 1e-6


@pytest.mark.parametrize(("verdict", "side"), [(Verdict.OK, "ok"), (Verdict.REVIEW, "ng"), (Verdict.NG, "ng")])
@given(seed=seeds)
@settings(max_examples=20)
def test_the_kind_is_one_of_the_verdicts_side(verdict, side, seed) -> None:
    assert name_kind(maps(seed), Pooling(), KINDS, verdict) in getattr(KINDS, side)


def test_a_fault_has_no_kind() -> None:
    assert name_kind(maps(), Pooling(), KINDS, Verdict.FAULT) is None


@pytest.mark.parametrize("pooling", POOLINGS[:1] + POOLINGS[-1:], ids=lambda pooling: pooling.kind)
def test_the_kind_is_named_by_its_spot_and_the_ok_kind_by_the_ground(pooling) -> None:
    some = np.zeros((8, 8, 5), np.float32)
    some[..., 0], some[..., 1] = 4, 8
    assert name_kind(some, pooling, KINDS, Verdict.OK) == "ribbed"
    some[2:4, 2:4, 3] = 20
    some[5, 5, 2] = 9
    assert score(ng_map(some, KINDS), pooling) > 0.99
    assert name_kind(some, pooling, KINDS, Verdict.NG) == "scratch"
    assert np.argmax(ng_map(some, KINDS)) in (18, 19, 26, 27)


def test_extreme_logits_are_borne() -> None:
    some = np.array([[[1e4, -1e4, 1e4, -1e4, 0]]], np.float32)
    assert np.isfinite(ng_map(some, KINDS)).all()
    assert np.isfinite(kind_logits(some, Pooling(), KINDS)).all()
    assert score(ng_map(some, KINDS), Pooling()) == pytest.approx(0.5)


def test_no_number_anywhere_is_no_number_in_the_score() -> None:
    some = maps()
    some[0, 0, 0] = np.nan
    assert math.isnan(score(ng_map(some, KINDS), Pooling("average")))


def test_a_single_map_has_no_kinds_and_ok_kinds_come_first() -> None:
    assert (BINARY.names, BINARY.many) == (("ng",), False)
    assert (KINDS.names, KINDS.many) == (("plain", "ribbed", "dent", "scratch", "spot"), True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ng": []}, "several maps need"), ({"ok": ["ok"], "ng": []}, "several maps need"),
        ({"ng": ["dent", "spot"]}, "several maps need"), ({"ok": ["a"], "ng": ["a"]}, "named once"),
        ({"ok": ["a"], "ng": ["b", "b"]}, "named once"), ({"ok": [""], "ng": ["b"]}, "printable"),
        ({"ok": ["a\n"], "ng": ["b"]}, "printable"), ({"ok": ["a" * 101], "ng": ["b"]}, "printable"),
        ({"ok": ["a"], "ng": ["b"], "maybe": []}, "maybe"), ({"ok": "a", "ng": ["b"]}, "array"),
    ],
    ids=str,
)  # fmt: skip
def test_classes_that_cannot_be_are_refused(wrong, said) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(wrong, Classes)
