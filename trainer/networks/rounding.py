"""Weights as int8 holds them: whole numbers from -127 to 127 times one scale per output channel (TFLite's int8)."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from trainer.networks.layers import ADAPT

LEVELS = 127
NEAR = 1e-3
"""In steps: weights that lie no further from whole ones are rounded already."""

Axes = tuple[int, ...]


def kernels_of(layer: layers.Layer) -> list[tuple[keras.Variable, Axes]]:
    """The weights of a layer that int8 rounds, each with the axes over which one channel's scale is shared."""
    found = []
    for variable in layer.weights:
        if len(variable.shape) < 2:
            continue
        depthwise = isinstance(layer, layers.DepthwiseConv2D) or "depthwise" in variable.name
        own = {2, 3} if depthwise else {2} if isinstance(layer, layers.Conv2DTranspose) else {len(variable.shape) - 1}
        found.append((variable, tuple(axis for axis in range(len(variable.shape)) if axis not in own)))
    return found


def rounded(kernel: keras.KerasTensor, axes: Axes) -> keras.KerasTensor:
    """`kernel` as int8 will hold it."""
    scale = scale_of(kernel, axes)
    return ops.round(kernel / scale) * scale


def is_rounded(kernel: keras.KerasTensor, axes: Axes) -> bool:
    """Whether int8 changes nothing of it."""
    steps = ops.convert_to_numpy(kernel / scale_of(kernel, axes))
    return bool(np.abs(steps - np.rint(steps)).max() < NEAR)


def round_what_stands_still(network: keras.Model) -> None:
    """Rounds the kernels of layers that do not learn: what learns then learns on what a board will compute.

    Preprocessing stays as it is.
    """
    for layer in network.layers:
        if not layer.trainable and layer.name != ADAPT:
            for kernel, axes in kernels_of(layer):
                kernel.assign(rounded(kernel.value, axes))


def scale_of(kernel: keras.KerasTensor, axes: Axes) -> keras.KerasTensor:
    """Between one weight of int8 and the next, by output channel; `axes` are kept, with length 1."""
    return ops.maximum(ops.max(ops.abs(kernel), axes, keepdims=True), 1e-12) / LEVELS
