"""The loop: what the network is shown, what it is told, and that the seed decides."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import keras
import numpy as np
import pytest
from keras import layers

from edge.contract.cam import Pooling, pool
from edge.contract.preprocess import CENTRE
from trainer import train as training
from trainer.augment import Recipe
from trainer.model import STRIDE, house_network
from trainer.train import Part, Plan, predict_maps, train

KINDS = ("topk", "lse", "average")
STILL = Recipe(False, False, 0, 0, 0, 0, 0)


def part(ok: int = 6, ng: int = 4, *, side: int = 32, masks: bool = True, seed: int = 0) -> Part:
    """Noise, and on the ng images a bright blob. The first pixel tells which image it is."""
    rng = np.random.default_rng(seed)
    inputs = rng.integers(100, 156, (ok + ng, side, side, 1), np.uint8)
    truth = np.arange(ok + ng) >= ok
    inputs[truth, 8:20, 8:20] = 250
    inputs[:, 0, 0, 0] = np.arange(ok + ng)
    mask = np.zeros((side, side), np.uint8)
    mask[8:20, 8:20] = 255
    return Part(inputs, truth, [mask if is_ng and masks else None for is_ng in truth])


def small_plan(**changes: object) -> Plan:
    return Plan(**{"steps": 3, "batch": 8, "validate_every": 1, **changes})


def small_network(shape: tuple[int, int, int]) -> keras.Model:
    """What the house network is made of, once each: the loop is the same, and TensorFlow builds it in a second."""
    inputs = keras.Input(shape, name="input")
    x = layers.Rescaling(1 / 32)(inputs)
    x = layers.Conv2D(4, 3, strides=8, padding="same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.95)(x))
    x = layers.Dropout(0.1)(layers.DepthwiseConv2D(3, padding="same")(x))
    return keras.Model(inputs, layers.Conv2D(1, 1)(x))


@pytest.fixture(scope="module")
def loop() -> Iterator[Callable[..., training.Trained]]:
    """The training loop with the small network, on the same data each time."""

    def run(tell: training.Tell = lambda _progress: None, **changes: object) -> training.Trained:
        return train(part(), part(seed=1), small_plan(**changes), tell)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "house_network", small_network)
        yield run


@pytest.fixture(scope="module")
def trained(loop) -> training.Trained:
    return loop()


def first_batches(learning: Part, count: int, **changes: object) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(islice(training._balanced_batches(learning, (4, 4), small_plan(**changes)), count))


def test_half_of_each_batch_is_ng():
    for inputs, targets in first_batches(part(ok=20, ng=3), 10):
        assert inputs.shape == (8, 32, 32, 1)
        assert inputs.dtype == np.float32
        assert targets.shape == (8, 4, 4, 3)
        assert targets[:, 0, 0, 0].sum() == 4


def test_every_image_of_a_class_is_shown_equally_often():
    batches = first_batches(part(ok=8, ng=4), 6, recipe=STILL)
    shown = Counter(int(image[0, 0, 0]) + CENTRE for inputs, _ in batches for image in inputs)
    assert shown == {**dict.fromkeys(range(8), 3), **dict.fromkeys(range(8, 12), 6)}


def test_batches_follow_the_seed():
    first, again, other = (first_batches(part(), 2, seed=seed)[1][0] for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_image_and_target_stay_together():
    for inputs, targets in first_batches(part(), 8, recipe=Recipe(contrast=0, brightness=0)):
        for image, target in zip(inputs, targets, strict=True):
            cells = image[..., 0].reshape(4, 8, 4, 8).mean(axis=(1, 3))
            if target[0, 0, 0]:
                assert target[np.unravel_index(cells.argmax(), cells.shape)][1] == 1


def test_a_target_says_image_place_and_whether_the_place_is_known():
    mask = np.zeros((32, 32), np.uint8)
    mask[0:8, 0:8] = 255
    mask[8:12, 8:12] = 255
    mask[31, 31] = 255
    target = training._target(True, mask, (4, 4), any_masks=True)
    assert target.dtype == np.float32
    assert (target[..., 0] == 1).all()
    assert (target[..., 2] == 1).all()
    assert np.argwhere(target[..., 1]).tolist() == [[0, 0], [1, 1]], "one pixel of 64 does not touch a cell"


@pytest.mark.parametrize(
    ("is_ng", "any_masks", "known"), [(True, True, 0), (True, False, 0), (False, True, 1), (False, False, 0)]
)
def test_without_a_mask_only_ok_places_are_known(is_ng, any_masks, known):
    target = training._target(is_ng, None, (2, 3), any_masks)
    assert (target[..., 0] == is_ng).all()
    assert not target[..., 1].any()
    assert (target[..., 2] == known).all()


@pytest.mark.parametrize("kind", KINDS)
def test_pooling_is_the_same_in_training_and_on_the_board(kind):
    maps = np.random.default_rng(0).normal(0, 6, (5, 7, 9, 2)).astype(np.float32)
    pooling = Pooling(kind, share=0.1)
    on_board = pool(maps, pooling)
    in_training = keras.ops.convert_to_numpy(pool(keras.ops.convert_to_tensor(maps), pooling, keras.ops))
    assert on_board.shape == (5, 2)
    np.testing.assert_allclose(in_training, on_board, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(np.stack([pool(one, pooling) for one in maps]), on_board, rtol=1e-5, atol=1e-5)


def cross_entropy(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, np.where(truth, -logits, logits))


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_of_images_is_cross_entropy_of_the_pooled_logit(kind):
    rng = np.random.default_rng(1)
    maps, truth = rng.normal(0, 3, (6, 4, 4, 1)).astype(np.float32), np.arange(6) % 2 == 0
    targets = np.stack([training._target(bool(is_ng), None, (4, 4), any_masks=False) for is_ng in truth])
    plan = Plan(pooling=Pooling(kind, share=0.2))
    expected = cross_entropy(pool(maps, plan.pooling)[:, 0], truth).mean()
    assert float(training._loss(plan)(targets, maps)) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_places_weighs_faulty_and_sound_places_alike():
    maps = np.random.default_rng(2).normal(0, 3, (2, 4, 4, 1)).astype(np.float32)
    mask = np.zeros((32, 32), np.uint8)
    mask[:8, :16] = 255
    targets = np.stack([training._target(is_ng, m, (4, 4), True) for is_ng, m in ((True, mask), (False, None))])
    faulty = targets[..., 1] > 0
    by_place = cross_entropy(maps[..., 0], faulty)
    expected = by_place[faulty].sum() / (faulty.sum() + 1) + by_place[~faulty].sum() / ((~faulty).sum() + 1)
    with_places, without = (float(training._loss(Plan(mask_weight=w))(targets, maps)) for w in (0.5, 0.0))
    assert with_places - without == pytest.approx(0.5 * expected, rel=1e-4)


def test_the_map_has_a_place_for_every_eight_pixels():
    for shape in ((64, 40, 3), (71, 33, 1)):
        network = house_network(shape)
        rows, columns = -(-shape[0] // STRIDE), -(-shape[1] // STRIDE)
        assert network.output_shape == (None, rows, columns, 1)
    maps = predict_maps(network, np.zeros((3, *shape), np.uint8), batch=2)
    assert maps.shape == (3, rows, columns, 1)
    assert maps.dtype == np.float32


def assert_equal_networks(first: training.Trained, second: training.Trained) -> None:
    for row, other in zip(first.history, second.history, strict=True):
        assert row == pytest.approx(other, abs=1e-6)
    for weights, others in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_allclose(weights, others, atol=1e-6)


def test_the_same_seed_and_data_give_the_same_network(loop, trained):
    assert len(trained.history) == 3
    assert_equal_networks(trained, loop())


@pytest.mark.slow
def test_the_same_seed_and_data_give_the_same_house_network():
    assert_equal_networks(*(train(part(), part(seed=1), small_plan(), lambda _progress: None) for _ in range(2)))


def test_another_seed_gives_another_network(loop, trained):
    assert loop(steps=1, seed=1).history[0]["loss"] != pytest.approx(trained.history[0]["loss"], abs=1e-6)


def test_the_weights_kept_are_those_of_the_best_step(trained):
    held = part(seed=1)
    scores = pool(predict_maps(trained.model, held.inputs), Pooling())[:, 0]
    best = trained.history[trained.best_step - 1]
    assert best["validation_ap"] == max(row["validation_ap"] for row in trained.history)
    assert best["validation_loss"] == pytest.approx(cross_entropy(scores, held.truth).mean(), rel=1e-4)


def test_progress_is_told_at_every_step(loop):
    told = []
    loop(told.append, steps=2, validate_every=2)
    assert [(p.step, p.steps) for p in told] == [(1, 2), (2, 2)]
    assert told[0].validation_ap is None
    assert 0 <= told[1].validation_ap <= 1
    assert all(np.isfinite(p.loss) for p in told)


def test_the_clock_ends_it_with_validated_weights(loop):
    found = loop(steps=100_000, validate_every=100_000, max_seconds=0.2)
    assert len(found.history) == 1
    assert found.best_step == found.history[0]["step"] < 100_000


def test_the_learning_rate_warms_up_then_falls():
    plan = Plan()
    rates = [training._rate(done, plan) for done in np.linspace(0.001, 1, 200)]
    top = int(np.argmax(rates))
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(plan.learning_rate, rel=0.01)
    assert rates[-1] < 0.02 * plan.learning_rate
    assert rates[0] > 0
