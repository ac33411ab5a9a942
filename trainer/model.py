"""The house network: inverted residuals (Sandler et al. 2018) with ReLU6, a map at stride 8, a 1x1 CAM head."""

from __future__ import annotations

import keras
from keras import layers

STRIDE = 8
"""Pixels of the input per cell of the map, each way."""


def house_network(shape: tuple[int, int, int]) -> keras.Model:
    """Model from an input of `shape` (height, width, channels) to a map of one logit per place.

    The input is centred: a preprocessed byte less 128, so that padding with zero is padding with mid-grey, and no
    layer is spent on scaling; the batch normalisation after the first convolution sees to that.
    The map is (ceil(height / 8), ceil(width / 8), 1). Some 60,000 weights.
    """
    inputs = keras.Input(shape, name="input")
    x = _convolution(inputs, 16, kernel=3, strides=2)
    x = _inverted_residual(x, 24, expansion=3, strides=2)
    x = _inverted_residual(x, 24, expansion=3)
    x = _inverted_residual(x, 40, expansion=3, strides=2)
    for _ in range(3):
        x = _inverted_residual(x, 40, expansion=4)
    x = _convolution(x, 96, kernel=1)
    x = layers.Dropout(0.1)(x)
    return keras.Model(inputs, layers.Conv2D(1, 1, name="cam")(x), name="house")


def _convolution(x: keras.KerasTensor, filters: int, kernel: int, strides: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False)(x)
    return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.95)(x))


def _inverted_residual(x: keras.KerasTensor, filters: int, expansion: int, strides: int = 1) -> keras.KerasTensor:
    channels = x.shape[-1]
    y = _convolution(x, channels * expansion, kernel=1)
    y = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(y)
    y = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.95)(y))
    y = layers.Conv2D(filters, 1, use_bias=False)(y)
    y = layers.BatchNormalization(momentum=0.95)(y)
    return layers.Add()([x, y]) if strides == 1 and channels == filters else y
