"""Learning in fewer bits and on several devices: in bfloat16 and float16 on the CPU, and by two logical CPU devices."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import keras
import msgspec
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from edge.contract.cam import pool
from edge.errors import UsageError
from trainer.augment import NONE
from trainer.batches import Batches, Part
from trainer.checkpoint import Checkpoint
from trainer.learner import gpus_for, learner_of
from trainer.networks import NAMES
from trainer.networks.layers import CAM
from trainer.networks.network import assemble
from trainer.plan import Plan
from trainer.train import Progress, Trained, predict_maps, train

SIDE = 32
PLAN = Plan(steps=24, batch=8, validations=4, ema=0.9, learning_rate=0.1, recipe=NONE, places_weight=0.0)


def part(seed: int) -> Part:
    """Noise; on the ng images a bright blob."""
    rng = np.random.default_rng(seed)
    truth = np.arange(16) >= 8
    inputs = rng.integers(100, 156, (16, SIDE, SIDE, 1), np.uint8)
    inputs[truth, 8:20, 8:20] = 250
    return Part(inputs, truth, [None] * 16)


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIDE, SIDE, 1), name="input")
    x = layers.Conv2D(4, 3, strides=8, padding="same", use_bias=False)(inputs)
    x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.8)(x))
    return keras.Model(inputs, layers.Conv2D(1, 1, name=CAM)(x))


def learned(
    tell: Callable[[Progress], None] = lambda _progress: None, checkpoint: Checkpoint | None = None,
    devices: tuple[str, ...] = (), **changes: object,
) -> Trained:  # fmt: skip
    plan = msgspec.structs.replace(PLAN, **changes)
    source = Batches(part(0), (4, 4), plan)
    return train(network(), source, part(1), plan, tell, checkpoint, devices=devices)


@pytest.fixture(scope="module")
def exact() -> Trained:
    """In float32 on one device."""
    return learned()


def figures(trained: Trained) -> list[list[float]]:
    return [[row["loss"], row["validation_loss"]] for row in trained.history]


@pytest.fixture(scope="module")
def mixed() -> Trained:
    return learned(precision="mixed_bfloat16")


def assert_learned_alike(first: Trained, second: Trained, *, atol: float) -> None:
    assert first.history[-1]["validation_loss"] < 0.5 * first.history[0]["validation_loss"], "it does learn"
    np.testing.assert_allclose(figures(first), figures(second), atol=atol)


def test_bfloat16_learns_nearly_what_float32_does(exact, mixed):
    assert_learned_alike(mixed, exact, atol=0.03)
    assert figures(mixed) != figures(exact), "it is not float32 under another name"


def test_nothing_of_mixed_precision_is_in_what_is_kept(exact, mixed, tmp_path):
    file = tmp_path / "model.keras"
    for trained in (exact, mixed):
        trained.model.save(file)
        with zipfile.ZipFile(file) as archive:
            assert not {word for word in ("mixed", "float16", "lambda") if word in archive.read("config.json").decode()}
    kept, inputs = keras.models.load_model(file, compile=False), part(1).inputs
    assert {layer.dtype_policy.name for layer in kept.layers} == {"float32"}
    assert {weight.dtype for weight in kept.get_weights()} == {np.dtype("float32")}
    np.testing.assert_array_equal(predict_maps(kept, inputs), predict_maps(mixed.model, inputs))
    logits = pool(predict_maps(kept, inputs), PLAN.pooling)[:, 0]
    best = next(row for row in mixed.history if row["step"] == mixed.best_step)
    found = np.logaddexp(0, np.where(part(1).truth, -logits, logits)).mean()
    assert best["validation_loss"] == pytest.approx(found, rel=1e-4), "it was chosen by what it says in float32"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.slow
def test_float16_learns_nearly_what_float32_does(exact):
    assert_learned_alike(learned(precision="mixed_float16"), exact, atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_an_interrupted_mixed_training_goes_on_as_if_it_had_not_been(precision, tmp_path):
    def stop(progress: Progress) -> None:
        if progress.step == 12:
            raise KeyboardInterrupt

    checkpoint = Checkpoint(tmp_path / "state", "one")
    with pytest.raises(KeyboardInterrupt):
        learned(stop, checkpoint, precision=precision)
    resumed, whole = learned(checkpoint=checkpoint, precision=precision), learned(precision=precision)
    np.testing.assert_allclose(figures(resumed), figures(whole), rtol=1e-5)
    for one, other in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_network_has_a_twin_that_says_the_same(name):
    keras.utils.set_random_seed(0)
    network = assemble(name, (96, 96, 1))
    features = np.random.default_rng(0).normal(0, 32, (2, 96, 96, 1)).astype(np.float32)
    for model in (network.model, network.head):
        twin = learner_of(model, msgspec.structs.replace(PLAN, precision="mixed_bfloat16"))
        assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
        assert [v.path.split("/")[1:] for v in twin.weights] == [v.path.split("/")[1:] for v in model.weights]
        assert [v.trainable for v in twin.weights] == [v.trainable for v in model.weights]
        inputs = features if model is network.model else network.features.predict_on_batch(features)
        maps = model.predict_on_batch(inputs)
        np.testing.assert_allclose(twin.predict_on_batch(inputs), maps, atol=0.05 * np.abs(maps).max())


def test_the_head_and_the_loss_are_in_float32_between_them_16_bits():
    model = network()
    learner = learner_of(model, msgspec.structs.replace(PLAN, precision="mixed_bfloat16"))
    policies = {layer.name: layer.dtype_policy.name for layer in learner.layers[1:]}
    assert policies.pop(CAM) == "float32"
    assert set(policies.values()) == {"mixed_bfloat16"}
    assert learner(np.zeros((1, SIDE, SIDE, 1), np.float32)).dtype == tf.float32
    assert {variable.dtype for variable in learner.variables} == {"float32"}


def test_float16_scales_its_loss():
    learner = learner_of(network(), msgspec.structs.replace(PLAN, precision="mixed_float16"))
    assert isinstance(learner.optimizer, keras.optimizers.LossScaleOptimizer)


def test_in_float32_on_one_device_the_network_itself_learns():
    model = network()
    assert learner_of(model, PLAN) is model
    assert learner_of(model, PLAN, devices=["GPU:0"]) is model


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    found = [SimpleNamespace(name=f"/device:GPU:{number}") for number in range(count)]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: found if kind == "GPU" else [])


def test_without_a_gpu_there_is_none_to_share_among():
    if not tf.config.list_physical_devices("GPU"):
        assert gpus_for(Plan(batch=7, precision="mixed_float16")) == []


@pytest.mark.parametrize(("count", "batch"), [(1, 7), (2, 16), (4, 16)])
def test_a_batch_is_shared_out_among_all_gpus(monkeypatch, count, batch):
    gpus(monkeypatch, count)
    assert gpus_for(Plan(batch=batch)) == [f"/device:GPU:{number}" for number in range(count)]


def test_a_batch_that_cannot_be_shared_out_stops_it_before_any_image_is_read(monkeypatch, photos, okng, tmp_path):
    gpus(monkeypatch, 3)
    done = okng("train", photos, "--out", tmp_path / "run", "--json")
    assert (done.status, done.out) == (2, "")
    assert done.complaint == (
        "okng: batch: 16 images cannot be shared out equally among 3 GPUs; set batch = 18 in the plan, "
        "or have fewer GPUs seen with CUDA_VISIBLE_DEVICES"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_float16_is_for_one_gpu(monkeypatch):
    plan = Plan(precision="mixed_float16")
    gpus(monkeypatch, 1)
    assert gpus_for(plan)
    gpus(monkeypatch, 2)
    with pytest.raises(UsageError, match="mixed_float16 is for one GPU, here are 2; set precision = "):
        gpus_for(plan)


ON_TWO = """
import json, sys
sys.path.insert(0, sys.argv[1])
from trainer.framework import wake
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
wake()
from test_learner import figures, learned
one, *two = (learned(devices=devices, precision=precision) for devices, precision in (
    ((), "float32"), (("CPU:0", "CPU:1"), "float32"), (("CPU:0", "CPU:1"), "mixed_bfloat16")))
print(json.dumps({"one": figures(one), "two": [figures(other) for other in two]}))
"""


@pytest.mark.slow
def test_two_devices_learn_what_one_does():
    """Each learns from its half of a batch; by batch normalisation over all of it the gradients are those of one."""
    done = subprocess.run(
        [sys.executable, "-c", ON_TWO, Path(__file__).parent], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    exact, mixed = found["two"]
    np.testing.assert_allclose(exact, found["one"], atol=1e-4)
    np.testing.assert_allclose(mixed, found["one"], atol=0.03)
