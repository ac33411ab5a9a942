"""Channels of linear streams get equal ranges, and the network stays the function that it was."""

import keras
import numpy as np
import pytest
from keras import layers

from converters.equalise import equalise, find_streams
from trainer.networks.registry import build
from trainer.train import predict_maps

SHAPE = (32, 32, 1)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (6, *SHAPE), np.uint8)


def bottleneck(last=None) -> keras.Model:
    """Two narrow ends summed, channels of very different sizes, then what takes them; `last` may be anything."""
    inputs = keras.Input(SHAPE)
    ends = [layers.BatchNormalization(name=f"end{i}")(layers.Conv2D(4, 3, padding="same")(inputs)) for i in (0, 1)]
    x = layers.Add(name="sum")(ends)
    x = layers.ReLU(6.0)(layers.Conv2D(6, 1, name="taker")(x)) if last is None else last(x)
    network = keras.Model(inputs, layers.Conv2D(1, 1, name="cam")(x))
    rng = np.random.default_rng(1)
    for end in (0, 1):
        norm = network.get_layer(f"end{end}")
        norm.set_weights([np.array([1, 0.1, 0.01, 0.001]), 0.01 * rng.normal(size=4), np.zeros(4), np.full(4, 9.0)])
    return network


def channel_sizes(network, images):
    """Over all that holds the stream: summands may be larger than their sum."""
    probe = keras.Model(network.input, [network.get_layer(name).output for name in ("end0", "end1", "sum")])
    found = probe.predict_on_batch(images.astype(np.float32) - 128)
    return np.max([np.abs(values).max(axis=(0, 1, 2)) for values in found], axis=0)


def test_channels_become_equal_and_the_map_stays(images):
    network = bottleneck()
    before, sizes = predict_maps(network, images), channel_sizes(network, images)
    assert equalise(network, images) == 1
    after = channel_sizes(network, images)
    assert sizes.max() > 500 * sizes.min()
    np.testing.assert_allclose(after, np.minimum(sizes.max(), 32 * sizes), rtol=1e-4)
    np.testing.assert_allclose(predict_maps(network, images), before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "last", [layers.ReLU(6.0), layers.DepthwiseConv2D(3), layers.AveragePooling2D(2), layers.Conv2D(4, 1, groups=2)],
)  # fmt: skip
def test_where_anything_else_takes_them_nothing_is_touched(images, last):
    network = bottleneck(last)
    before = network.get_weights()
    assert equalise(network, images) == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True))


def test_which_streams_the_networks_have():
    lite = list(find_streams(build("efficientnet-lite0", (64, 64, 1))))
    assert [[layer.name for layer in stream.sources] for stream in lite] == [
        ["block1a_project_bn"],
        ["block2a_project_bn", "block2b_project_bn"],
        ["block3a_project_bn", "block3b_project_bn"],
        ["block4a_project_bn", "block4b_project_bn", "block4c_project_bn"],
        ["block5a_project_bn", "block5b_project_bn", "block5c_project_bn"],
    ]
    assert [layer.name for layer in lite[-1].takers] == ["block5b_expand_conv", "block5c_expand_conv", "cam"]
    assert list(find_streams(build("house-s", (64, 64, 1)))) == []
