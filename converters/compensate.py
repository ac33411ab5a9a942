"""Kernels rounded for int8 one weight after the other, while those still to come make up for what that changed.

What counts is not how far each weight moves but how far a layer's sums do on the values it is given (Frantar et al.
2022, GPTQ, after Hassibi and Stork 1993). What is left of the mean goes into the layer's bias (Nagel et al. 2019).
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from numpy.typing import NDArray

from converters.trace import as_list
from edge.contract.preprocess import centred
from trainer.networks.layers import ADAPT, sole_taker
from trainer.networks.rounding import LEVELS, is_rounded, kernels_of, scale_of

BATCH, IMAGES = 16, 128
PLACES = 64
"""Of each image and layer: so many places of the layer's output, drawn at random, show what it sums."""
DAMPING = 0.01
"""Of the mean power of the inputs, added to each: no weight takes over more than is sure."""

Array = NDArray[np.float64]


def round_with_care(network: keras.Model, images: np.ndarray) -> int:
    """Rounds the kernels of `network` in place, but for those that are rounded already; how many layers it rounded.

    `images` are model inputs (n, height, width, channels) uint8 that show what values the layers are given. Layers
    other than plain and depthwise convolutions are left to the quantiser.
    """
    chosen = [layer for layer in network.layers if _can_round(layer)]
    if not chosen:
        return 0
    spread = images[np.linspace(0, len(images) - 1, min(IMAGES, len(images))).astype(int)]
    for layer, given in zip(chosen, _given(network, chosen, spread), strict=True):
        ((kernel, axes),) = kernels_of(layer)
        before = ops.convert_to_numpy(kernel.value).astype(np.float64)
        step = ops.convert_to_numpy(scale_of(kernel.value, axes)).astype(np.float64)
        after = _whole(before / step, given) * step
        kernel.assign(after)
        add_to_sums(layer, -_sums(given.mean(axis=1), after - before))
    return len(chosen)


def _can_round(layer: layers.Layer) -> bool:
    """Whether it is a convolution whose windows lie without gaps, and int8 would change it."""
    if type(layer) not in (layers.Conv2D, layers.DepthwiseConv2D) or layer.name == ADAPT:
        return False
    one_set = layer.groups == 1 if type(layer) is layers.Conv2D else layer.depth_multiplier == 1
    return (
        one_set
        and tuple(layer.dilation_rate) == (1, 1)
        and not all(is_rounded(kernel.value, axes) for kernel, axes in kernels_of(layer))
    )


def _given(network: keras.Model, chosen: list[layers.Layer], images: np.ndarray) -> list[Array]:
    """What each layer sums, by (set of weights, place, weight): a depthwise one has a set for each channel, any other
    one set."""
    probe = keras.Model(network.inputs, [layer.input for layer in chosen])
    rng, found = np.random.default_rng(0), [list[NDArray[np.float32]]() for _ in chosen]
    for start in range(0, len(images), BATCH):
        given = probe.predict_on_batch(centred(images[start : start + BATCH]))
        for layer, values, seen in zip(chosen, as_list(given), found, strict=True):
            seen.append(_windows(layer, values, rng))
    return [_sets(layer, np.concatenate(seen)) for layer, seen in zip(chosen, found, strict=True)]


def _windows(layer: layers.Conv2D | layers.DepthwiseConv2D, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(places, window, channels) of one batch."""
    height, width = layer.kernel_size
    patches = tf.image.extract_patches(
        values, (1, height, width, 1), (1, *layer.strides, 1), (1, 1, 1, 1), layer.padding.upper()
    ).numpy()
    each = patches.reshape(len(values), -1, height * width, values.shape[-1])
    places = rng.integers(0, each.shape[1], (len(values), PLACES))
    return np.take_along_axis(each, places[:, :, None, None], axis=1).reshape(-1, *each.shape[2:])


def _sets(layer: layers.Layer, windows: np.ndarray) -> Array:
    if isinstance(layer, layers.DepthwiseConv2D):
        return windows.transpose(2, 0, 1).astype(np.float64)
    return windows.reshape(1, len(windows), -1).astype(np.float64)


def _as_rows(kernel: Array, sets: int) -> Array:
    """(sets, weights, outputs)."""
    if sets == 1:
        return kernel.reshape(1, -1, kernel.shape[-1])
    return kernel.reshape(-1, sets).T[..., None]


def _from_rows(rows: Array, shape: tuple[int, ...]) -> Array:
    return (rows[0] if len(rows) == 1 else rows[..., 0].T).reshape(shape)


def _whole(steps: Array, given: Array) -> Array:
    """A kernel in steps, as whole ones. The largest weight of each output stays: the scale is made of it."""
    rows = _as_rows(steps, len(given)).copy()
    largest = np.abs(rows) >= np.abs(rows).max(axis=1, keepdims=True) * (1 - 1e-6)
    power = given.transpose(0, 2, 1) @ given / given.shape[1]
    strength = np.trace(power, axis1=1, axis2=2) / power.shape[1]
    power += (DAMPING * strength + 1e-9)[:, None, None] * np.eye(power.shape[1])
    share = np.linalg.cholesky(np.linalg.inv(power)).transpose(0, 2, 1)
    for place in range(rows.shape[1]):
        whole = np.clip(np.rint(rows[:, place]), -LEVELS, LEVELS)
        missing = (rows[:, place] - whole) / share[:, place, place][:, None]
        rows[:, place] = whole
        rest = share[:, place, place + 1 :, None] * missing[:, None]
        rows[:, place + 1 :] -= np.where(largest[:, place + 1 :], 0.0, rest)
    return _from_rows(rows, steps.shape)


def _sums(mean: Array, change: Array) -> Array:
    """By output channel, what a change of the kernel adds to the mean of its sums."""
    found = np.einsum("sw,swo->so", mean, _as_rows(change, len(mean)))
    return found.ravel()


def can_add(layer: layers.Layer) -> bool:
    """Whether a constant can be added to the sums of a layer."""
    return isinstance(sole_taker(layer), layers.BatchNormalization) or layer.use_bias


def add_to_sums(layer: layers.Layer, constant: Array) -> None:
    """Adds a constant to each output channel's sums, in the batch normalisation that takes them or in the bias.

    Where there is neither, nothing.
    """
    after = sole_taker(layer)
    if isinstance(after, layers.BatchNormalization):
        after.moving_mean.assign(after.moving_mean - constant)
    elif layer.use_bias:
        layer.bias.assign(layer.bias + constant)
