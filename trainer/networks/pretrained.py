"""Start weights: where they lie, what of a network they are, and how they get into one."""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras
import numpy as np

from edge.errors import UsageError
from edge.shipped import shipped
from trainer.networks.layers import ADAPT, CAM


def shipped_weights(name: str) -> Path | None:
    """The file that comes with okng for this network, if one does."""
    file = shipped("models") / "start" / f"{name}.npz"
    return file if file.is_file() else None


def put_weights(model: keras.Model, file: Path) -> None:
    """Sets the weights of `model` from a .npz file: of its body, and of its head where that has as many classes.

    Its arrays w000, w001, … are those of the body's layers in their order, then the head's if it has learned; a file
    may go on where the network is cut off. A network in colour whose weights have learned from grey starts with each
    channel seen as grey is: so its first kernel is shared out among them.
    Raises UsageError when the file cannot be read or is of another network.
    """
    try:
        with np.load(file) as arrays:
            given = [arrays[name].astype(np.float32) for name in sorted(arrays.files) if name.startswith("w")]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"--weights {file}: cannot be read: {error}") from None
    own = [value for layer in body(model) for value in layer.get_weights()]
    if given and given[0].ndim == 4 and given[0].shape[2] == 1 and model.input_shape[-1] == 3:
        given[0] = np.repeat(given[0], 3, axis=2) / 3
    if [value.shape for value in given[: len(own)]] != [value.shape for value in own]:
        raise UsageError(f"--weights {file}: are of another network than {model.name}")
    for layer in body(model):
        count = len(layer.get_weights())
        layer.set_weights(given[:count])
        del given[:count]
    head = model.get_layer(CAM)
    if [value.shape for value in given] == [value.shape for value in head.get_weights()]:
        head.set_weights(given)


def body(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers that learn, in their order: all but the head. Preprocessing is each network's own."""
    skipped = keras.layers.Normalization
    return [
        layer
        for layer in model.layers
        if layer.get_weights() and layer.name not in (ADAPT, CAM) and not isinstance(layer, skipped)
    ]
