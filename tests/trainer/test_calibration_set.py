"""What sets the ranges of int8 reaches from end to end, in both classes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.calibration_set import choose_calibration, traits


def images(count: int, seed: int) -> np.ndarray:
    """Noise about different greys, with different contrast."""
    rng = np.random.default_rng(seed)
    grey, contrast = rng.uniform(20, 230, (count, 1, 1, 1)), rng.uniform(1, 40, (count, 1, 1, 1))
    return np.clip(grey + contrast * rng.normal(size=(count, 12, 12, 1)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("label", [False, True])
def test_both_ends_of_each_trait_are_chosen_in_each_class(label):
    inputs = images(400, 0)
    truth = np.arange(400) % 4 == 0
    chosen = choose_calibration(inputs, truth, 100, seed=1)
    found = traits(inputs)
    of_class, of_chosen = found[truth == label], found[chosen[truth[chosen] == label]]
    np.testing.assert_array_equal(of_chosen.min(axis=0), of_class.min(axis=0))
    np.testing.assert_array_equal(of_chosen.max(axis=0), of_class.max(axis=0))
    drawn = np.random.default_rng(1).choice(np.flatnonzero(truth == label), 50, replace=False)
    assert (found[drawn].max(axis=0) < of_class.max(axis=0)).any(), "by chance alone some end would be missed"


def test_the_traits_tell_what_they_say():
    dark, bright, flat = (np.full((8, 8, 1), grey, np.uint8) for grey in (10, 240, 128))
    stripes = np.tile(np.array([100, 156], np.uint8), (8, 4))[..., None]
    mean, spread, low, high, steps = traits(np.stack([dark, bright, flat, stripes])).T
    assert mean.tolist() == [10, 240, 128, 128]
    assert spread.tolist() == [0, 0, 0, 28]
    assert low.tolist() == [10, 240, 128, 100]
    assert high.tolist() == [10, 240, 128, 156]
    assert steps.tolist() == [0, 0, 0, 56]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(2, 40), st.integers(0, 9))
def test_none_twice_and_as_equal_in_number_as_there_are(ok, ng, count, seed):
    inputs, truth = images(ok + ng, seed), np.array([False] * ok + [True] * ng, bool)
    chosen = choose_calibration(inputs, truth, count, seed)
    assert len(set(chosen.tolist())) == len(chosen)
    assert truth[chosen].sum() == min(ng, count // 2)
    assert (~truth[chosen]).sum() == min(ok, count // 2)
    assert chosen.tolist() == choose_calibration(inputs, truth, count, seed).tolist()
