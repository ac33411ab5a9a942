"""What training makes small, against the formulas written out in numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from edge.contract.cam import Classes, Pooling, kind_logits, ng_map, pool
from trainer.batches import target
from trainer.classes import UNKNOWN
from trainer.losses import loss_of
from trainer.plan import Plan

KINDS_OF_POOLING = ("topk", "lse", "gem", "average", "max")


def cross_entropy(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, np.where(truth, -logits, logits))


@pytest.fixture
def maps() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 3, (6, 4, 4, 1)).astype(np.float32)


TRUTH = np.arange(6) % 2 == 0
UNKNOWN_PLACES = np.stack([target(bool(is_ng), None, (4, 4), places_known=False) for is_ng in TRUTH])


@pytest.mark.parametrize("kind", KINDS_OF_POOLING)
def test_pooling_is_the_same_in_training_and_on_the_board(kind):
    maps = np.random.default_rng(0).normal(0, 6, (5, 7, 9, 2)).astype(np.float32)
    pooling = Pooling(kind, share=0.1)
    on_board = pool(maps, pooling)
    in_training = keras.ops.convert_to_numpy(pool(keras.ops.convert_to_tensor(maps), pooling, keras.ops))
    assert on_board.shape == (5, 2)
    np.testing.assert_allclose(in_training, on_board, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.stack([pool(one, pooling) for one in maps]), on_board, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS_OF_POOLING)
def test_the_loss_of_images_is_cross_entropy_of_the_pooled_logit(kind, maps):
    plan = Plan(pooling=Pooling(kind, share=0.2))
    expected = cross_entropy(pool(maps, plan.pooling)[:, 0], TRUTH).mean()
    assert float(loss_of(plan)(UNKNOWN_PLACES, maps)) == pytest.approx(expected, rel=1e-4)


def test_an_ng_image_may_weigh_more(maps):
    plan = Plan(ng_weight=3.0)
    each = cross_entropy(pool(maps, plan.pooling)[:, 0], TRUTH)
    expected = (each * np.where(TRUTH, 3, 1)).sum() / np.where(TRUTH, 3, 1).sum()
    assert float(loss_of(plan)(UNKNOWN_PLACES, maps)) == pytest.approx(expected, rel=1e-4)


def test_the_focal_loss_forgets_what_is_clear(maps):
    pooled = pool(maps, Pooling())[:, 0]
    right = 1 / (1 + np.exp(np.where(TRUTH, -pooled, pooled)))
    expected = (cross_entropy(pooled, TRUTH) * (1 - right) ** 2).mean()
    assert float(loss_of(Plan(focal=2.0))(UNKNOWN_PLACES, maps)) == pytest.approx(expected, rel=1e-4)


def test_smoothed_labels_are_never_quite_sure(maps):
    pooled = pool(maps, Pooling())[:, 0]
    wanted = np.where(TRUTH, 0.9, 0.1)
    expected = (np.logaddexp(0, pooled) - wanted * pooled).mean()
    assert float(loss_of(Plan(label_smoothing=0.1))(UNKNOWN_PLACES, maps)) == pytest.approx(expected, rel=1e-4)


def test_the_mean_absolute_error_is_of_the_score(maps):
    scores = 1 / (1 + np.exp(-pool(maps, Pooling())[:, 0]))
    assert float(loss_of(Plan(loss="mae"))(UNKNOWN_PLACES, maps)) == pytest.approx(
        np.abs(TRUTH - scores).mean(), rel=1e-4
    )


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


KINDS = Classes(ok=("plain", "ribbed"), ng=("dent", "scratch", "spot"))
SHOWN = [(False, 0), (True, 2), (False, 1), (True, 4), (True, 3), (True, UNKNOWN)]
"""ng or not, and of which class."""


def told(mask: np.ndarray | None = None) -> np.ndarray:
    return np.stack([target(is_ng, mask, (4, 4), mask is not None, kind) for is_ng, kind in SHOWN])


@pytest.fixture
def many() -> np.ndarray:
    return np.random.default_rng(3).normal(0, 3, (6, 4, 4, 5)).astype(np.float32)


def log_shares(logits: np.ndarray, side: slice) -> np.ndarray:
    """Logarithms of the softmax over the classes of one side, by the class; nothing of the others."""
    found = np.full(logits.shape, np.nan)
    found[..., side] = logits[..., side] - np.log(np.exp(logits[..., side]).sum(axis=-1, keepdims=True))
    return found


def surprise(many: np.ndarray, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """-log P of the truth (ng or ok) and of the kind within it, by image."""
    truth = np.array([is_ng for is_ng, _ in SHOWN])
    of_side = cross_entropy(pool(ng_map(many, KINDS), plan.pooling)[:, 0], truth)
    pooled = kind_logits(many, plan.pooling, KINDS).astype(np.float64)
    logs = [log_shares(pooled, slice(2, 5) if is_ng else slice(0, 2)) for is_ng in truth]
    return of_side, np.array([0 if k < 0 else -logs[i][i, k] for i, (_, k) in enumerate(SHOWN)])


@pytest.mark.parametrize("kind", KINDS_OF_POOLING)
def test_with_kinds_the_loss_of_images_is_that_of_their_class(kind, many):
    plan = Plan(pooling=Pooling(kind, share=0.2))
    expected = sum(surprise(many, plan)).mean()
    assert float(loss_of(plan, KINDS)(told(), many)) == pytest.approx(expected, rel=1e-4)


def test_with_an_ok_and_an_ng_kind_the_loss_is_that_of_one_map(maps):
    pair = np.concatenate([np.full_like(maps, 0.7), maps + 0.7], axis=-1)
    targets = np.stack([target(bool(is_ng), None, (4, 4), False, int(is_ng)) for is_ng in TRUTH])
    plan = Plan(focal=1.5, label_smoothing=0.1, ng_weight=2.0)
    expected = float(loss_of(plan)(UNKNOWN_PLACES, maps))
    assert float(loss_of(plan, Classes(ok=("ok",)))(targets, pair)) == pytest.approx(expected, rel=1e-4)


def test_kinds_weigh_and_are_forgotten_as_ng_is(many):
    of_side, of_kind = surprise(many, Plan())
    truth = np.array([is_ng for is_ng, _ in SHOWN])
    weights = np.where(truth, 3, 1) / 2
    found = float(loss_of(Plan(ng_weight=3.0), KINDS)(told(), many))
    assert found == pytest.approx((weights * (of_side + of_kind)).mean(), rel=1e-4)
    focal = of_side * (1 - np.exp(-of_side)) ** 2 + of_kind * (1 - np.exp(-of_kind)) ** 2
    assert float(loss_of(Plan(focal=2.0), KINDS)(told(), many)) == pytest.approx(focal.mean(), rel=1e-4)


def test_smoothed_kinds_leave_a_little_for_the_others(many):
    """As much as the other label gets where there are two."""
    pooled = kind_logits(many, Plan().pooling, KINDS).astype(np.float64)
    of_kind = []
    for place, (is_ng, kind) in enumerate(SHOWN):
        side = slice(2, 5) if is_ng else slice(0, 2)
        logs = log_shares(pooled, side)[place]
        of_kind.append(0 if kind < 0 else -(0.8 * logs[kind] + 0.2 * np.nanmean(logs)))
    plain = Plan(label_smoothing=0.1)
    merged = ng_map(many, KINDS)
    targets = told()
    expected = float(loss_of(plain)(targets, merged)) + np.mean(of_kind)
    assert float(loss_of(plain, KINDS)(targets, many)) == pytest.approx(expected, rel=1e-4)


def test_a_place_of_a_fault_is_named_by_its_kind_and_other_places_are_ok(many):
    mask = np.zeros((32, 32), np.uint8)
    mask[:8, :16] = 255
    targets = told(mask)
    truth = np.array([is_ng for is_ng, _ in SHOWN])
    faulty = targets[..., 1] > 0
    assert faulty.sum() == 2 * truth.sum()
    by_place = cross_entropy(ng_map(many, KINDS)[..., 0], faulty)
    logs = log_shares(many.astype(np.float64), slice(2, 5))
    for place, (_, kind) in enumerate(SHOWN):
        if kind >= 2:
            by_place[place] -= np.where(faulty[place], logs[place, ..., kind], 0)
    weights = faulty / np.sqrt(faulty.sum(axis=(1, 2), keepdims=True) + 1)
    expected = (by_place * weights).sum() / (weights.sum() + 0.1) + by_place[~faulty].sum() / ((~faulty).sum() + 0.1)
    with_places, without = (float(loss_of(Plan(places_weight=w), KINDS)(targets, many)) for w in (0.5, 0.0))
    assert with_places - without == pytest.approx(0.5 * expected, rel=1e-4)


@pytest.mark.parametrize("focal", [0.0, 0.5, 2.0])
def test_gradients_are_numbers_also_where_a_kind_is_alone_or_unknown(focal, many):
    loss = loss_of(Plan(focal=focal), Classes(ok=("plain",), ng=("dent", "scratch", "spot", "rust")))
    with tf.GradientTape() as tape:
        given = tf.constant(many)
        tape.watch(given)
        found = loss(tf.constant(told()), given)
    assert np.isfinite(tape.gradient(found, given).numpy()).all()


def test_naming_is_the_same_in_training_and_on_the_board(many):
    for pooling in (Pooling(kind, share=0.1) for kind in KINDS_OF_POOLING):
        tensor = keras.ops.convert_to_tensor(many)
        for ours, theirs in (
            (ng_map(many, KINDS), ng_map(tensor, KINDS, keras.ops)),
            (kind_logits(many, pooling, KINDS), kind_logits(tensor, pooling, KINDS, keras.ops)),
        ):
            np.testing.assert_allclose(keras.ops.convert_to_numpy(theirs), ours, rtol=1e-4, atol=1e-4)
