"""Start weights: surfaces, what is learned of them, and the way into a network."""

import json

import keras
import msgspec
import numpy as np
import pytest

from edge.errors import UsageError
from trainer.networks.pretrained import put_weights, shipped_weights
from trainer.networks.registry import build
from trainer.pretrain.learn import PLAN, Surfaces, draw_bank, pretrain
from trainer.pretrain.surfaces import draw_surface


def test_a_surface_is_a_standardised_model_input():
    for seed in range(8):
        surface = draw_surface(96, np.random.default_rng(seed))
        assert surface.shape == (96, 96, 1)
        assert surface.dtype == np.uint8
        assert abs(float(surface.mean()) - 128) < 4
        assert 20 < float(surface.std()) < 40


def test_the_seed_draws_the_surface():
    first, again, other = (draw_surface(64, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_other_surface_of_a_batch_has_a_fault_whose_place_is_known():
    plan = msgspec.structs.replace(PLAN, batch=4)
    source = Surfaces(draw_bank(4, 0), (28, 28), plan)
    inputs, targets = source.batch(3)
    assert inputs.shape == (4, 224, 224, 1)
    assert targets[:, 0, 0, 0].tolist() == [0, 1, 0, 1]
    assert targets[..., 1].any(axis=(1, 2)).tolist() == [False, True, False, True]
    assert (targets[..., 2] == 1).all()
    assert np.array_equal(inputs, source.batch(3)[0])


@pytest.fixture(scope="module")
def shipped():
    file = shipped_weights("house-m")
    assert file is not None
    return file


def test_the_shipped_weights_fit_in_grey_and_in_colour(shipped):
    grey, colour = (build("house-m", (64, 64, channels)) for channels in (1, 3))
    for model in (grey, colour):
        put_weights(model, shipped)
    image = np.random.default_rng(0).normal(0, 32, (1, 64, 64, 1)).astype(np.float32)
    maps = grey.predict_on_batch(image), colour.predict_on_batch(np.repeat(image, 3, axis=3))
    np.testing.assert_allclose(*maps, atol=1e-3)
    assert np.std(maps[0]) > 0


def test_the_shipped_weights_say_how_they_came_to_be(shipped):
    with np.load(shipped) as file:
        facts = json.loads(file["facts"].tobytes())
    assert facts["network"] == "house-m"
    assert facts["figures"]["validation_auroc"] > 0.6


def test_weights_of_another_network_are_refused(shipped, tmp_path):
    with pytest.raises(UsageError, match="of another network"):
        put_weights(build("house-s", (64, 64, 1)), shipped)
    (tmp_path / "harmed.npz").write_bytes(shipped.read_bytes()[:1000])
    with pytest.raises(UsageError, match="cannot be read"):
        put_weights(build("house-s", (64, 64, 1)), tmp_path / "harmed.npz")


@pytest.mark.slow
def test_pretraining_leaves_weights_that_a_network_takes(tmp_path):
    plan = msgspec.structs.replace(PLAN, steps=2, batch=4, validations=1)
    out = tmp_path / "start.npz"
    found = pretrain("house-s", out, plan, 8, lambda _done, _total: None, lambda _progress: None)
    assert 0 <= found["validation_ap"] <= 1
    model = build("house-s", (64, 64, 1))
    before = [w.copy() for w in model.get_weights()]
    put_weights(model, out)
    assert isinstance(model, keras.Model)
    assert any(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    with pytest.raises(UsageError, match="already there"):
        pretrain("house-s", out, plan, 8, lambda _done, _total: None, lambda _progress: None)
