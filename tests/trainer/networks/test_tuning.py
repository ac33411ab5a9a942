"""Which weights learn, and from what."""

import numpy as np
import pytest

from edge.contract.preprocess import centred
from edge.errors import UsageError
from tests.trainer.networks.shared import SMALL, images, moved, two_steps
from trainer.augment import NONE
from trainer.batches import Batches, Part
from trainer.feature_batches import FeatureBatches
from trainer.networks import Tuning, read_tuning
from trainer.networks import network as module
from trainer.networks.layers import CAM
from trainer.networks.network import assemble, cached_features
from trainer.networks.rounding import round_what_stands_still
from trainer.plan import Plan
from trainer.run import read_run


@pytest.mark.parametrize("tuning", ["frozen", "frozen-cached", "fine-tune:cam"])
def test_with_random_weights_everything_must_learn(tuning):
    with pytest.raises(
        UsageError, match=f"^--tuning {tuning}: plain starts with random weights, so all of it must learn"
    ):
        assemble("plain", SMALL, tuning=read_tuning(tuning))


def test_a_layer_to_tune_from_that_is_not_there(saved):
    with pytest.raises(UsageError, match=r"fine-tune:convl: plain has no such layer; it has .*conv1"):
        assemble("plain-dropout", SMALL, 2, weights=str(saved), tuning=read_tuning("fine-tune:convl"))


def test_frozen_moves_the_head_alone_and_the_halves_are_the_whole(saved):
    network = assemble("plain-dropout", SMALL, 2, weights=str(saved), tuning=Tuning("frozen"))
    inputs = images(4, SMALL)
    before, after = two_steps(network, inputs)
    assert moved(network, before, after) == {CAM}
    assert network.trainable_from == "cam_dropout"
    halves = network.head.predict_on_batch(network.features.predict_on_batch(centred(inputs)))
    np.testing.assert_allclose(halves, network.model.predict_on_batch(centred(inputs)), rtol=1e-5, atol=1e-6)


def test_cached_features_train_the_whole_network(saved):
    network = assemble("plain-dropout", SMALL, 2, weights=str(saved), tuning=Tuning("frozen-cached"))
    inputs, seen = images(5, SMALL), []
    features = cached_features(network, inputs, lambda done, total: seen.append((done, total)), batch=2)
    assert features.shape == (5, 4, 5, 64)
    assert features.dtype == np.float16
    assert seen == [(2, 5), (4, 5), (5, 5)]
    maps = network.model.predict_on_batch(centred(inputs))
    np.testing.assert_allclose(network.head.predict_on_batch(features.astype(np.float32)), maps, rtol=5e-3, atol=5e-3)
    network.head.compile("sgd", "mse", jit_compile=False)
    network.head.train_on_batch(features.astype(np.float32), np.ones_like(maps))
    assert np.abs(network.model.predict_on_batch(centred(inputs)) - maps).max() > 1e-4, "one and the same head"


def test_features_too_many_for_memory(saved, monkeypatch):
    network = assemble("plain-dropout", SMALL, 2, weights=str(saved), tuning=Tuning("frozen-cached"))
    monkeypatch.setattr(module, "CACHE_BYTES", 2 * 4 * 5 * 64 * 3)
    assert len(cached_features(network, images(3, SMALL))) == 3
    with pytest.raises(UsageError, match="--tuning frozen-cached: the features of 4 images take"):
        cached_features(network, images(4, SMALL))


def test_fine_tuning_from_a_layer(saved):
    later = assemble("plain-dropout", SMALL, 2, weights=str(saved), tuning=Tuning("fine-tune", "conv3"))
    before, after = two_steps(later, images(4, SMALL))
    assert moved(later, before, after) == {"conv3", "units1", CAM}


def test_features_come_in_the_order_that_images_would():
    rng, plan = np.random.default_rng(0), Plan(batch=4, recipe=NONE)
    mask = np.zeros((32, 40), np.uint8)
    mask[:8, :8] = 255
    part = Part(images(7, SMALL), np.arange(7) > 4, [None] * 5 + [mask] * 2)
    features = Part(rng.normal(size=(7, 4, 5, 3)).astype(np.float16), part.truth, part.masks)
    features.inputs[:, 0, 0, 0] = np.arange(7)
    for step in range(5):
        shown, told = FeatureBatches(features, plan).batch(step)
        pictures, wanted = Batches(part, (4, 5), plan).batch(step)
        chosen = shown[:, 0, 0, 0].astype(int)
        np.testing.assert_array_equal(pictures, centred(part.inputs[chosen]))
        np.testing.assert_array_equal(shown, features.inputs[chosen].astype(np.float32))
        np.testing.assert_array_equal(told, wanted)
        assert shown.dtype == np.float32


def kernels_differ(old, new) -> bool:
    """Biases of what stands still may have moved, by less than a step of int8."""
    pairs = zip(old.get_weights(), new.get_weights(), strict=True)
    return any(a.ndim > 1 and not np.array_equal(a, b) for a, b in pairs)


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["frozen-cached", "frozen", "fine-tune"])
def test_train_goes_on_from_an_earlier_run(tiny_run, okng, tmp_path, tuning):
    start = tiny_run.run / "model.keras"
    done = okng("train", tiny_run.parts, "--out", tmp_path / "run", "--network", "house-m", "--size", 64, "--steps", 3,
                "--weights", start, "--tuning", tuning, "--json")  # fmt: skip
    assert done.status == 0, done.err
    record = read_run(tmp_path / "run").record
    assert record.training["network"] == {"name": "house-m", "start": "model.keras", "tuning": tuning}
    before, after = (read_run(path).model() for path in (tiny_run.run, tmp_path / "run"))
    if tuning != "fine-tune":  # what stands still is rounded for int8, and no more
        for layer in before.layers:
            layer.trainable = layer.name == CAM
        round_what_stands_still(before)
    pairs = zip(*([layer for layer in model.layers if layer.weights] for model in (before, after)), strict=True)
    changed = [old.name for old, new in pairs if kernels_differ(old, new)]
    assert (changed == [CAM]) == (tuning != "fine-tune")
    assert CAM in changed
    assert okng("convert", tmp_path / "run", "--out", tmp_path / "bundle", "--json").status == 0
