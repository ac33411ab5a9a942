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
    The map is (ceil(height / 8), ceil(width / 8), classes).
    """
    of = SIZES[size]
    inputs = keras.Input(shape, name="input")
    x = _activated(_convolution(inputs, of.stem, kernel=6, strides=4))
    x = _residual(x)
    x = _activated(_convolution(x, of.deep, strides=2))
    for dilation in DILATIONS:
        x = _residual(x, dilation)
    x = _activated(_convolution(x, of.top, kernel=1))
    return keras.Model(inputs, cam_head(x, classes, dropout=0.1), name=f"house-{size}")


def _residual(x: keras.KerasTensor, dilation: int = 1) -> keras.KerasTensor:
    return _activated(layers.Add()([x, _convolution(x, x.shape[-1], dilation=dilation)]))


def _convolution(
    x: keras.KerasTensor, filters: int, kernel: int = 3, strides: int = 1, dilation: int = 1
) -> keras.KerasTensor:  # fmt: skip
    x = layers.Conv2D(filters, kernel, strides, padding="same", dilation_rate=dilation, use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.95)(x)


def _activated(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU(6.0)(x)
