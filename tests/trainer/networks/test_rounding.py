"""Kernels as int8 holds them."""

import keras
import numpy as np
import pytest
from keras import layers

from trainer.networks.rounding import is_rounded, kernels_of, round_what_stands_still, rounded


@pytest.mark.parametrize(
    ("layer", "channels"),
    [
        (layers.Conv2D(5, 3), lambda kernel: np.moveaxis(kernel, 3, 0)),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), lambda kernel: kernel.reshape(9, -1).T),
        (layers.Conv2DTranspose(5, 3), lambda kernel: np.moveaxis(kernel, 2, 0)),
        (layers.Dense(5), lambda kernel: kernel.T),
    ],
)
def test_each_output_channel_has_255_levels_of_its_own(layer, channels):
    layer.build((1, 8, 8, 4))
    ((kernel, axes),) = kernels_of(layer)
    kernel.assign(kernel * np.geomspace(1, 1000, kernel.shape[-1]))
    assert not is_rounded(kernel.value, axes)
    found = keras.ops.convert_to_numpy(rounded(kernel.value, axes))
    for before, after in zip(channels(kernel.numpy()), channels(found), strict=True):
        step = np.abs(before).max() / 127
        np.testing.assert_allclose(after / step, np.rint(before / step), atol=1e-3)
    kernel.assign(found)
    assert is_rounded(kernel.value, axes)


def test_biases_and_norms_have_nothing_to_round():
    norm = layers.BatchNormalization()
    norm.build((1, 4))
    assert kernels_of(norm) == []


def test_what_learns_and_the_preprocessing_keep_their_weights():
    names = ("adapt", "still", "learns")
    network = keras.Sequential([keras.Input((8, 8, 3)), *(layers.Conv2D(3, 3, name=name) for name in names)])
    for name in names[:2]:
        network.get_layer(name).trainable = False
    before = {name: network.get_layer(name).kernel.numpy() for name in names}
    round_what_stands_still(network)
    changed = {name for name in names if not np.array_equal(before[name], network.get_layer(name).kernel.numpy())}
    assert changed == {"still"}
    ((kernel, axes),) = kernels_of(network.get_layer("still"))
    assert is_rounded(kernel.value, axes)
    np.testing.assert_allclose(before["still"], kernel.numpy(), atol=np.abs(before["still"]).max() / 127)


def test_a_channel_of_nothing_stays_nothing():
    layer = layers.Conv2D(2, 1)
    layer.build((1, 4, 4, 3))
    layer.kernel.assign(np.zeros((1, 1, 3, 2)))
    ((kernel, axes),) = kernels_of(layer)
    assert np.array_equal(rounded(kernel.value, axes), np.zeros((1, 1, 3, 2)))
    assert is_rounded(kernel.value, axes)
