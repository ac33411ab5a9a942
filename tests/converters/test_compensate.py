"""Kernels rounded so that what a layer gives changes least."""

import keras
import numpy as np
import pytest
from keras import layers

from converters.compensate import round_with_care
from edge.contract.preprocess import centred
from trainer.networks.rounding import is_rounded, kernels_of, rounded

SHAPE = (24, 24, 1)


@pytest.fixture(scope="module")
def images():
    """Smooth ones, so that neighbours tell of each other, as in photos."""
    coarse = np.random.default_rng(0).integers(0, 256, (12, 6, 6, 1), np.uint8)
    return np.repeat(np.repeat(coarse, 4, axis=1), 4, axis=2)


def network_of(*middle: layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input(SHAPE)
    x = layers.Conv2D(32, 5, padding="same", activation="relu", name="first")(x)
    for layer in middle:
        x = layer(x)
    return keras.Model(inputs, layers.Conv2D(1, 1, name="cam")(x))


def rounded_plainly(network: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    for layer in copy.layers:
        for kernel, axes in kernels_of(layer):
            kernel.assign(rounded(kernel.value, axes))
    return copy


def before_the_head(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Many channels, so that luck with one of them counts little."""
    return keras.Model(network.input, network.get_layer("cam").input).predict_on_batch(centred(images))


MIDDLES = {
    "a depthwise one": lambda: [layers.DepthwiseConv2D(5, 2, padding="same"), layers.ReLU()],
    "a wide one with a norm": lambda: [
        layers.Conv2D(48, 3, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
    ],
    "one without a bias": lambda: [layers.Conv2D(48, 1, use_bias=False), layers.ReLU()],
}


@pytest.mark.parametrize("middle", MIDDLES.values(), ids=MIDDLES.keys())
def test_features_change_less_than_by_plain_rounding(middle, images):
    network = network_of(*middle())
    exact, plain = before_the_head(network, images), before_the_head(rounded_plainly(network), images)
    assert round_with_care(network, images) == 3
    careful = before_the_head(network, images)
    assert np.square(careful - exact).mean() < 0.6 * np.square(plain - exact).mean()
    for layer in network.layers:
        for kernel, axes in kernels_of(layer):
            assert is_rounded(kernel.value, axes), layer.name


def test_the_mean_of_what_a_layer_gives_stays(images):
    network = network_of(layers.ReLU())
    probe = keras.Model(network.input, network.get_layer("first").output)
    network.get_layer("first").activation = keras.activations.linear
    before = probe.predict_on_batch(centred(images)).mean(axis=(0, 1, 2))
    round_with_care(network, images)
    after = probe.predict_on_batch(centred(images)).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(after, before, atol=0.02 * np.abs(before).max())


def test_what_is_rounded_already_stays(images):
    network = rounded_plainly(network_of(layers.ReLU()))
    before = network.get_weights()
    assert round_with_care(network, images) == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True))


@pytest.mark.parametrize("middle", [layers.Conv2D(8, 3, groups=2), layers.Conv2D(8, 3, dilation_rate=2)])
def test_other_convolutions_are_left_to_the_quantiser(middle, images):
    network = network_of(middle)
    before = middle.kernel.numpy()
    assert round_with_care(network, images) == 2
    np.testing.assert_array_equal(middle.kernel, before)


def test_an_input_that_is_always_nought_harms_nothing(images):
    network = network_of(layers.Conv2D(4, 1))
    network.get_layer("first").bias.assign([-1e6, *[0.0] * 31])
    round_with_care(network, images)
    assert all(np.isfinite(values).all() for values in network.get_weights())
