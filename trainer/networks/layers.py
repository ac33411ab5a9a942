"""What the networks have in common: the way in, and the head."""

from __future__ import annotations

import re
from collections import Counter

import keras
import numpy as np
from keras import layers

ADAPT, CAM, CAM_DROPOUT = "adapt", "cam", "cam_dropout"
"""Names of layers: the preprocessing a network brings along, the head, and the dropout before it."""
_AUTOMATIC = re.compile(r"(.*?)(?:_(\d+))?")
"""A name as Keras makes it: the kind of layer and, but for the first, how many there were before."""


def sole_taker(layer: layers.Layer) -> layers.Layer | None:
    """The one layer that takes what this one gives; None where there are several, or none."""
    takers = {id(node.operation): node.operation for node in layer._outbound_nodes}
    return next(iter(takers.values())) if len(takers) == 1 else None


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


def numbered_anew(model: keras.Model) -> keras.Model:
    """The same network, its layers counted within it where Keras counted all that it had made before.

    So "conv2d_3" is the same layer each time, whatever was built earlier in the process.
    """
    automatic = [(kind, int(number or 0), layer.name) for layer in model.layers
                 for kind, number in [_AUTOMATIC.fullmatch(layer.name).groups()]  # type: ignore[union-attr]
                 if kind.replace("_", "") == type(layer).__name__.lower()]  # fmt: skip
    names, counts = dict[str, str](), Counter[str]()
    for kind, _, name in sorted(automatic):
        names[name] = f"{kind}_{counts[kind]}" if counts[kind] else kind
        counts[kind] += 1
    if all(old == new for old, new in names.items()):
        return model

    def renamed(layer: layers.Layer) -> layers.Layer:
        return type(layer).from_config({**layer.get_config(), "name": names.get(layer.name, layer.name)})

    anew = keras.models.clone_model(model, clone_function=renamed)
    anew.set_weights(model.get_weights())
    return anew
