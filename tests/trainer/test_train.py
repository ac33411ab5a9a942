"""The loop: that the seed decides, what is kept, when it ends, and that it can be interrupted."""

import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from edge.contract.cam import Classes, Pooling, pool
from edge.errors import DataError
from trainer import train as training
from trainer.augment import GENTLE
from trainer.batches import Batches, Part
from trainer.checkpoint import Checkpoint, identity_of
from trainer.networks.house import STRIDE, house
from trainer.plan import Plan
from trainer.train import Progress, Trained, predict_maps, train


def part(ok: int = 6, ng: int = 4, *, side: int = 32, seed: int = 0) -> Part:
    """Noise, and on the ng images a bright blob."""
    rng = np.random.default_rng(seed)
    inputs = rng.integers(100, 156, (ok + ng, side, side, 1), np.uint8)
    truth = np.arange(ok + ng) >= ok
    inputs[truth, 8:20, 8:20] = 250
    mask = np.zeros((side, side), np.uint8)
    mask[8:20, 8:20] = 255
    return Part(inputs, truth, [mask if is_ng else None for is_ng in truth])


def small_plan(**changes: object) -> Plan:
    return Plan(**{"steps": 4, "batch": 8, "validations": 4, "recipe": GENTLE, **changes})


def small_network(seed: int = 0) -> keras.Model:
    """What the house network is made of, once each: the loop is the same, and TensorFlow builds it in a second."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((32, 32, 1), name="input")
    x = layers.Conv2D(4, 3, strides=8, padding="same", use_bias=False)(inputs)
    x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.95)(x))
    return keras.Model(inputs, layers.Conv2D(1, 1)(layers.Dropout(0.1)(x)))


def run(
    tell: training.Tell = lambda _progress: None, checkpoint: Checkpoint | None = None, **changes: object
) -> Trained:  # fmt: skip
    plan = small_plan(**changes)
    model = small_network(plan.seed)
    return train(model, Batches(part(), model.output_shape[1:3], plan), part(seed=1), plan, tell, checkpoint)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return run()


def cross_entropy(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, np.where(truth, -logits, logits))


def assert_equal_networks(first: Trained, second: Trained) -> None:
    assert len(first.history) == len(second.history)
    for row, other in zip(first.history, second.history, strict=True):
        assert row == pytest.approx(other, abs=1e-6)
    for weights, others in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_allclose(weights, others, atol=1e-6)


def test_the_same_seed_and_data_give_the_same_network(trained):
    assert len(trained.history) == 4
    assert_equal_networks(trained, run())


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_without_a_part_to_choose_by_the_last_weights_are_kept(ema, tmp_path):
    plan = small_plan(ema=ema, patience=0.0)

    def learn(checkpoint: Checkpoint | None = None, tell: training.Tell = lambda _progress: None) -> Trained:
        model = small_network()
        return train(model, Batches(part(), model.output_shape[1:3], plan), None, plan, tell, checkpoint)

    def interrupt(progress: Progress) -> None:
        if progress.step == 3:
            raise KeyboardInterrupt

    whole = learn()
    assert (whole.best_step, whole.history) == (4, [])
    checkpoint = Checkpoint(tmp_path / "state", "this one")
    with pytest.raises(KeyboardInterrupt):
        learn(checkpoint, interrupt)
    assert_equal_networks(whole, learn(checkpoint))


def test_another_seed_gives_another_network(trained):
    assert run(steps=1, seed=1).history[0]["loss"] != pytest.approx(trained.history[0]["loss"], abs=1e-6)


def test_the_weights_kept_are_those_of_the_best_step(trained):
    held = part(seed=1)
    logits = pool(predict_maps(trained.model, held.inputs), Pooling())[:, 0]
    best = next(row for row in trained.history if row["step"] == trained.best_step)
    assert best["validation_ap"] == max(row["validation_ap"] for row in trained.history)
    assert best["validation_loss"] == pytest.approx(cross_entropy(logits, held.truth).mean(), rel=1e-4)


def test_without_an_average_the_moving_weights_are_kept():
    with_average, without = run(steps=1, validations=1), run(steps=1, validations=1, ema=0.0)
    pairs = zip(with_average.model.get_weights(), without.model.get_weights(), strict=True)
    assert any(not np.allclose(a, b, atol=1e-7) for a, b in pairs)


def test_progress_is_told_at_every_step_and_validations_with_theirs():
    told: list[Progress] = []
    run(told.append, steps=4, validations=2)
    assert [(p.step, p.steps) for p in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [p.validation is not None for p in told] == [False, True, False, True]
    assert all(np.isfinite(p.loss) for p in told)


def test_the_clock_ends_it_with_validated_weights():
    found = run(steps=100_000, validations=1, max_seconds=0.2)
    assert len(found.history) == 1
    assert found.best_step == found.history[0]["step"] < 100_000


def test_it_ends_early_when_validation_gets_no_better(monkeypatch):
    falling = count(10, -1)
    monkeypatch.setattr(training, "average_precision", lambda *_: next(falling) / 10)
    found = run(steps=40, validations=40, patience=0.1)
    assert found.best_step == 1
    assert found.history[-1]["step"] == 6


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is left of a training that was interrupted after its second step."""

    def stop(progress: Progress) -> None:
        if progress.step == 2:
            raise KeyboardInterrupt

    checkpoint = Checkpoint(tmp_path_factory.mktemp("interrupted") / "state", identity_of(small_plan(), part()))
    with pytest.raises(KeyboardInterrupt):
        run(stop, checkpoint)
    return checkpoint.path


@pytest.fixture
def interrupted(state: Path, tmp_path: Path) -> Checkpoint:
    """The same, to go on from or to spoil."""
    return Checkpoint(Path(shutil.copy(state, tmp_path)), identity_of(small_plan(), part()))


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(interrupted, trained):
    told: list[Progress] = []
    resumed = run(told.append, interrupted)
    assert [p.step for p in told] == [3, 4]
    assert_equal_networks(trained, resumed)
    assert resumed.best_step == trained.best_step


def test_a_training_that_had_ended_is_not_gone_on_with(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state", "one")
    ended, told = run(checkpoint=checkpoint, steps=1), []
    again = run(told.append, checkpoint, steps=1)
    assert told == []
    assert_equal_networks(ended, again)
    assert again.best_step == 1


def test_a_checkpoint_of_another_plan_is_refused(interrupted):
    other = Checkpoint(interrupted.path, identity_of(small_plan(learning_rate=1.0), part()))
    with pytest.raises(DataError, match="other images or settings"):
        run(checkpoint=other)


def test_other_images_are_another_identity():
    assert identity_of(small_plan(), part()) != identity_of(small_plan(), part(seed=1))


@pytest.mark.parametrize("harm", [lambda data: data[: len(data) // 2], lambda _data: b"", lambda _data: b"PK nothing"])
def test_a_damaged_checkpoint_says_so(interrupted, harm):
    interrupted.path.write_bytes(harm(interrupted.path.read_bytes()))
    with pytest.raises(DataError, match="remove it to begin anew"):
        run(checkpoint=interrupted)


def test_the_learning_rate_warms_up_then_falls():
    plan = Plan()
    rates = [training._rate(done, plan) for done in np.linspace(0.001, 1, 200)]
    top = int(np.argmax(rates))
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(plan.learning_rate, rel=0.01)
    assert rates[-1] < 0.02 * plan.learning_rate
    assert rates[0] > 0


def test_the_share_that_is_named_rightly_is_of_ng_images_by_their_ng_kinds():
    classes = Classes(ok=("plain", "ribbed"), ng=("dent", "spot"))
    held = replace(part(ok=2, ng=4), kinds=np.array([0, 1, 2, 2, 3, 3]))
    found = np.array([[0, 9, 1, 2], [9, 0, 2, 1], [9, 9, 2, 1], [0, 0, 1, 2], [5, 0, 1, 2], [0, 5, -2, -1]])
    assert training._named(found, held, classes) == 0.75


@pytest.mark.slow
def test_the_house_network_is_the_same_each_time_too():
    def once() -> Trained:
        keras.utils.set_random_seed(0)
        model = house((32, 32, 1), 1, "s")
        return train(model, Batches(part(), (4, 4), small_plan()), part(seed=1), small_plan(), lambda _progress: None)

    assert STRIDE == 8
    assert_equal_networks(once(), once())
