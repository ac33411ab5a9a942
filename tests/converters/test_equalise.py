"""Channels get equal ranges, and the network stays the function that it was."""

import keras
import numpy as np
import pytest
from keras import layers

from converters.equalise import ROOM, equalise, find_streams
from trainer.networks.registry import build
from trainer.networks.rounding import kernels_of, rounded
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


def wide(x):
    """A taker that sees beyond the edge of the image, where there is nothing: channels must stay about zero."""
    return layers.ReLU(6.0)(layers.Conv2D(6, 3, padding="same", name="taker")(x))


def channels(network, images, names=("end0", "end1", "sum")):
    """The lowest and the highest value of each channel in each of these, (name, 2, channel)."""
    probe = keras.Model(network.input, [network.get_layer(name).output for name in names])
    found = probe.predict_on_batch(images.astype(np.float32) - 128)
    return np.stack([[each.min(axis=(0, 1, 2)), each.max(axis=(0, 1, 2))] for each in found])


def test_channels_become_equal_and_the_map_stays(images):
    network = bottleneck(wide)
    before, sizes = predict_maps(network, images), np.abs(channels(network, images)).max(axis=(0, 1))
    assert equalise(network, images) == 1
    after = np.abs(channels(network, images)).max(axis=(0, 1))
    assert sizes.max() > 500 * sizes.min()
    np.testing.assert_allclose(after, np.minimum(sizes.max(), 32 * sizes), rtol=1e-4)
    np.testing.assert_allclose(predict_maps(network, images), before, rtol=1e-4, atol=1e-5)


def one_sided(last=None):
    """The bottleneck with channels that lie far to one side of zero."""
    network = bottleneck(last)
    for end, side in ((0, 9.0), (1, -2.0)):
        norm = network.get_layer(f"end{end}")
        norm.beta.assign(side * norm.gamma)
    return network


def test_channels_to_one_side_of_zero_come_to_lie_about_it_and_the_map_stays(images):
    network = one_sided()
    before, were = predict_maps(network, images), channels(network, images)
    assert equalise(network, images) == 1
    now = channels(network, images)
    aside, left = (np.abs(each.mean(axis=1)) / np.ptp(each, axis=1) for each in (were, now))
    assert left.max() < 0.1 < aside.max()
    np.testing.assert_allclose(predict_maps(network, images), before, rtol=1e-4, atol=1e-5)


def plain(x):
    """A taker whose sums nothing can be added to."""
    return layers.ReLU(6.0)(layers.Conv2D(6, 1, use_bias=False, name="taker")(x))


@pytest.mark.parametrize("last", [wide, plain])
def test_they_stay_where_they_are_when_the_takers_cannot_make_up_for_it(images, last):
    network = one_sided(last)
    before, norm = predict_maps(network, images), network.get_layer("end0")
    share = norm.beta / norm.gamma
    assert equalise(network, images) == 1
    np.testing.assert_allclose(norm.beta / norm.gamma, share, rtol=1e-5)
    np.testing.assert_allclose(predict_maps(network, images), before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "last", [layers.ReLU(6.0), layers.DepthwiseConv2D(3), layers.AveragePooling2D(2), layers.Conv2D(4, 1, groups=2)],
)  # fmt: skip
def test_where_anything_else_takes_them_nothing_is_touched(images, last):
    network = bottleneck(last)
    before = network.get_weights()
    assert equalise(network, images) == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True))


def bounded(taker=None, limit=None, branch=False) -> keras.Model:
    """Four channels of very different sizes behind a ReLU6, then one taker; or anything else in their places."""
    inputs = keras.Input(SHAPE)
    norm = layers.BatchNormalization(name="norm")
    x = (limit or layers.ReLU(6.0))(norm(layers.Conv2D(4, 3, padding="same", name="first")(inputs)))
    y = (taker or layers.Conv2D(4, 1, name="taker"))(x)
    network = keras.Model(inputs, layers.Conv2D(1, 1, name="cam")(layers.Add()([x, y]) if branch else y))
    sizes = np.array([6, 1, 0.01, 0])
    norm.set_weights([sizes / 100, np.array([1, 0.1, 0.001, -1]), np.zeros(4), np.ones(4)])
    return network


@pytest.mark.parametrize("taker", [None, layers.DepthwiseConv2D(3)])
def test_below_a_bound_channels_grow_with_room_for_what_was_not_seen(images, taker):
    network = bounded(taker)
    before, gamma = predict_maps(network, images), network.get_layer("norm").gamma.numpy()
    limited = keras.Model(network.input, network.layers[3].output)
    reach = limited.predict_on_batch(images.astype(np.float32) - 128).max(axis=(0, 1, 2))
    assert equalise(network, images) == 1
    grown = network.get_layer("norm").gamma.numpy()[:3] / gamma[:3]
    np.testing.assert_allclose(grown, np.clip(6 / ROOM / reach[:3], 1, 32), rtol=1e-4)
    assert grown.max() > 2
    assert network.get_layer("norm").beta[3] == -1, "a channel that never answered stays as it is"
    np.testing.assert_allclose(predict_maps(network, images), before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "made", [{"limit": layers.ReLU()}, {"limit": layers.ReLU(6.0, negative_slope=0.1)}, {"branch": True},
             {"taker": layers.AveragePooling2D(2)}, {"taker": layers.Conv2D(4, 1, groups=2)}],
)  # fmt: skip
def test_a_bound_with_anything_else_about_it_is_left_alone(images, made):
    network = bounded(**made)
    before = network.get_weights()
    assert equalise(network, images) == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True))


@pytest.mark.parametrize("make", [bottleneck, bounded])
def test_takers_that_are_rounded_stay_rounded(images, make):
    network = make()
    ((kernel, axes),) = kernels_of(network.get_layer("taker"))
    kernel.assign(rounded(kernel.value, axes))
    before = network.get_weights()
    assert equalise(network, images) == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True))


@pytest.mark.slow
def test_which_streams_the_networks_have():
    found = list(find_streams(build("efficientnet-lite0", (64, 64, 1))))
    lite = [stream for stream in found if stream.bound is None]
    assert [[layer.name for layer in stream.sources] for stream in lite] == [
        ["block1a_project_bn"],
        ["block2a_project_bn", "block2b_project_bn"],
        ["block3a_project_bn", "block3b_project_bn"],
        ["block4a_project_bn", "block4b_project_bn", "block4c_project_bn"],
        ["block5a_project_bn", "block5b_project_bn", "block5c_project_bn"],
    ]
    assert [layer.name for layer in lite[-1].takers] == ["block5b_expand_conv", "block5c_expand_conv", "cam"]
    bounded = [(stream.members[0].name, stream.takers[0].name) for stream in found if stream.bound == 6]
    assert bounded[:2] == [("stem_activation", "block1a_dwconv"), ("block1a_activation", "block1a_project_conv")]
    assert len(bounded) == 1 + 1 + 2 * 10
    assert list(find_streams(build("house-s", (64, 64, 1)))) == []
