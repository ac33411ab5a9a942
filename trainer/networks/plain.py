"""Plain networks of three convolutions, each with a pooling after it; dense layers are 1x1 convolutions here.

A dense layer over a flattened map would tie the network to one size and have no map; over each place it is a 1x1
convolution, and the network explains itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from trainer.networks.layers import cam_head, scaled


def plain(shape: tuple[int, int, int], classes: int, dropout: float) -> keras.Model:
    """Convolutions of 32, 32 and 64 filters, then 64 units per place, of whose channels `dropout` are silent.

    The map is at stride 8. Some 33,000 weights.
    """
    inputs = keras.Input(shape, name="input")
    x = _units(_convolutions(inputs, (32, 32, 64)), (64,))
    if dropout:
        x = layers.SpatialDropout2D(dropout, name="units_dropout")(x)
    return keras.Model(inputs, cam_head(x, classes, dropout), name="plain")


def plain_regression(shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Three convolutions of 5 filters, then 100, 30 and 20 units per place, and a linear output.

    Meant for 325 x 325 pixels, mean absolute error and RMSprop. The map is at stride 8. Some 5,000 weights.
    """
    inputs = keras.Input(shape, name="input")
    x = _units(_convolutions(inputs, (5, 5, 5)), (100, 30, 20))
    return keras.Model(inputs, cam_head(x, classes), name="plain-regression")


def gap(shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Five convolutions, each halving the map, to stride 32: meant for average pooling, as classifiers of photos are.

    What the house network is compared with. Some 230,000 weights.
    """
    x = inputs = keras.Input(shape, name="input")
    for number, count in enumerate((16, 32, 64, 96, 160), 1):
        x = layers.Conv2D(count, 3, strides=2, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.95, name=f"conv{number}_bn")(x)
        x = layers.ReLU(6.0, name=f"conv{number}_activation")(x)
    return keras.Model(inputs, cam_head(x, classes, dropout=0.1), name="gap")


def _convolutions(inputs: keras.KerasTensor, filters: Sequence[int]) -> keras.KerasTensor:
    x = scaled(inputs)
    for number, count in enumerate(filters, 1):
        x = layers.Conv2D(count, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"pool{number}")(x)
    return x


def _units(x: keras.KerasTensor, counts: Sequence[int]) -> keras.KerasTensor:
    for number, count in enumerate(counts, 1):
        x = layers.Conv2D(count, 1, activation="relu", name=f"units{number}")(x)
    return x
