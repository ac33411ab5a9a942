"""What training makes small, against the formulas written out in numpy."""

import keras
import numpy as np
import pytest

from edge.contract.cam import Pooling, pool
from trainer.batches import target
from trainer.losses import loss_of
from trainer.plan import Plan

KINDS = ("topk", "lse", "gem", "average", "max")


def cross_entropy(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, np.where(truth, -logits, logits))


@pytest.fixture
def maps() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 3, (6, 4, 4, 1)).astype(np.float32)


TRUTH = np.arange(6) % 2 == 0
UNKNOWN = np.stack([target(bool(is_ng), None, (4, 4), places_known=False) for is_ng in TRUTH])


@pytest.mark.parametrize("kind", KINDS)
def test_pooling_is_the_same_in_training_and_on_the_board(kind):
    maps = np.random.default_rng(0).normal(0, 6, (5, 7, 9, 2)).astype(np.float32)
    pooling = Pooling(kind, share=0.1)
    on_board = pool(maps, pooling)
    in_training = keras.ops.convert_to_numpy(pool(keras.ops.convert_to_tensor(maps), pooling, keras.ops))
    assert on_board.shape == (5, 2)
    np.testing.assert_allclose(in_training, on_board, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.stack([pool(one, pooling) for one in maps]), on_board, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_of_images_is_cross_entropy_of_the_pooled_logit(kind, maps):
    plan = Plan(pooling=Pooling(kind, share=0.2))
    expected = cross_entropy(pool(maps, plan.pooling)[:, 0], TRUTH).mean()
    assert float(loss_of(plan)(UNKNOWN, maps)) == pytest.approx(expected, rel=1e-4)


def test_an_ng_image_may_weigh_more(maps):
    plan = Plan(ng_weight=3.0)
    each = cross_entropy(pool(maps, plan.pooling)[:, 0], TRUTH)
    expected = (each * np.where(TRUTH, 3, 1)).sum() / np.where(TRUTH, 3, 1).sum()
    assert float(loss_of(plan)(UNKNOWN, maps)) == pytest.approx(expected, rel=1e-4)


def test_the_focal_loss_forgets_what_is_clear(maps):
    pooled = pool(maps, Pooling())[:, 0]
    right = 1 / (1 + np.exp(np.where(TRUTH, -pooled, pooled)))
    expected = (cross_entropy(pooled, TRUTH) * (1 - right) ** 2).mean()
    assert float(loss_of(Plan(focal=2.0))(UNKNOWN, maps)) == pytest.approx(expected, rel=1e-4)


def test_smoothed_labels_are_never_quite_sure(maps):
    pooled = pool(maps, Pooling())[:, 0]
    wanted = np.where(TRUTH, 0.9, 0.1)
    expected = (np.logaddexp(0, pooled) - wanted * pooled).mean()
    assert float(loss_of(Plan(label_smoothing=0.1))(UNKNOWN, maps)) == pytest.approx(expected, rel=1e-4)


def test_the_mean_absolute_error_is_of_the_score(maps):
    scores = 1 / (1 + np.exp(-pool(maps, Pooling())[:, 0]))
    assert float(loss_of(Plan(loss="mae"))(UNKNOWN, maps)) == pytest.approx(np.abs(TRUTH - scores).mean(), rel=1e-4)


def test_the_loss_of_places_weighs_a_fault_by_the_root_of_its_size():
    maps = np.random.default_rng(2).normal(0, 3, (3, 4, 4, 1)).astype(np.float32)
    large, tiny = np.zeros((2, 32, 32), np.uint8)
    large[:24, :24], tiny[:8, :8] = 255, 255
    shown = ((True, large), (True, tiny), (False, None))
    targets = np.stack([target(is_ng, mask, (4, 4), True) for is_ng, mask in shown])
    faulty = targets[..., 1] > 0
    by_place = cross_entropy(maps[..., 0], faulty)
    weights = faulty / np.sqrt(faulty.sum(axis=(1, 2), keepdims=True) + 1)
    expected = (by_place * weights).sum() / (weights.sum() + 0.1) + by_place[~faulty].sum() / ((~faulty).sum() + 0.1)
    with_places, without = (float(loss_of(Plan(places_weight=w))(targets, maps)) for w in (0.5, 0.0))
    assert with_places - without == pytest.approx(0.5 * expected, rel=1e-4)
