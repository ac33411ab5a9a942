"""What the networks have in common: the way in, and the head."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

ADAPT, CAM, CAM_DROPOUT = "adapt", "cam", "cam_dropout"
"""Names of layers: the preprocessing a network brings along, the head, and the dropout before it."""


def cam_head(features: keras.KerasTensor, classes: int, dropout: float = 0.0) -> keras.KerasTensor:
    """The map (rows, columns, classes) of features (rows, columns, channels): one 1x1 convolution, as in CAM."""
    if dropout:
        features = layers.Dropout(dropout, name=CAM_DROPOUT)(features)
    small = keras.initializers.RandomNormal(stddev=0.01)  # of features of any scale: nothing is sure at the start
    return layers.Conv2D(classes, 1, kernel_initializer=small, name=CAM)(features)


def adapted(x: keras.KerasTensor, kernel: np.ndarray, bias: np.ndarray) -> keras.KerasTensor:
    """Channels mixed by `kernel` (from, to) with `bias` (to) added, as a 1x1 convolution that never learns.

    So a network's own preprocessing is an operator that every accelerator has, with a scale per channel in int8.
    """
    layer = layers.Conv2D(len(bias), 1, name=ADAPT, trainable=False)
    y = layer(x)
    layer.set_weights([kernel[None, None].astype(np.float32), bias.astype(np.float32)])
    return y


def scaled(x: keras.KerasTensor) -> keras.KerasTensor:
    """The centred input from -1 to 1, for networks without batch normalisation."""
    channels = x.shape[-1]
    return adapted(x, np.eye(channels) / 128, np.zeros(channels))
