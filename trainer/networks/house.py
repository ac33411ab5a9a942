"""The house network: plain 3x3 convolutions with residual sums and ReLU6, a map at stride 8, a 1x1 CAM head.

No depthwise convolution and no bottleneck: those save multiplications that neither an int8 board nor a training on
two cores is short of, and int8 rounds what comes out of a narrow layer coarsely (docs/decisions/).
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

from trainer.networks.layers import cam_head

STRIDE = 8
"""Pixels of the input per cell of the map, each way."""
DILATIONS = (1, 2, 4, 1)
"""Of the blocks at stride 8: together they see some 170 pixels, so that a cell can tell a fault from its ground."""


@dataclass(frozen=True, slots=True)
class Size:
    """Channels at stride 4, at stride 8, and before the head."""

    stem: int
    deep: int
    top: int


SIZES = {"s": Size(16, 32, 64), "m": Size(32, 64, 128), "l": Size(32, 96, 160)}


def house(shape: tuple[int, int, int], classes: int, size: str) -> keras.Model:
    """Model from an input of `shape` (height, width, channels) to a map of one logit per place and class.

    The input is centred: a preprocessed byte less 128, so that padding with zero is padding with mid-grey, and no
    layer is spent on scaling; the batch normalisation after the first convolution sees to that.
    The map is (ceil(height / 8), ceil(width / 8), classes). Layers are named stem_…, block1_…, down_…, block2_… to
    block5_…, top_….
    """
    of = SIZES[size]
    inputs = keras.Input(shape, name="input")
    x = _activated(_convolution(inputs, "stem", of.stem, kernel=6, strides=4), "stem")
    x = _residual(x, "block1")
    x = _activated(_convolution(x, "down", of.deep, strides=2), "down")
    for number, dilation in enumerate(DILATIONS, 2):
        x = _residual(x, f"block{number}", dilation)
    x = _activated(_convolution(x, "top", of.top, kernel=1), "top")
    return keras.Model(inputs, cam_head(x, classes, dropout=0.1), name=f"house-{size}")


def _residual(x: keras.KerasTensor, name: str, dilation: int = 1) -> keras.KerasTensor:
    added = _convolution(x, name, x.shape[-1], dilation=dilation)
    return _activated(layers.Add(name=f"{name}_add")([x, added]), name)


def _convolution(
    x: keras.KerasTensor, name: str, filters: int, kernel: int = 3, strides: int = 1, dilation: int = 1
) -> keras.KerasTensor:  # fmt: skip
    options = {"padding": "same", "dilation_rate": dilation, "use_bias": False}
    x = layers.Conv2D(filters, kernel, strides, **options, name=f"{name}_conv")(x)
    return layers.BatchNormalization(momentum=0.95, name=f"{name}_bn")(x)


def _activated(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.ReLU(6.0, name=f"{name}_activation")(x)
