"""Start weights as `okng pretrain` writes them: where they lie, and how they get into a network."""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras
import numpy as np

from edge.errors import UsageError
from edge.shipped import shipped


def shipped_weights(name: str) -> Path | None:
    """The file that comes with okng for this network, if one does."""
    file = shipped("models") / "start" / f"{name}.npz"
    return file if file.is_file() else None


def put_weights(model: keras.Model, file: Path) -> None:
    """Sets all weights of `model` from a file of `okng pretrain`, but the head's where that has more classes.

    A network in colour starts with each channel seen as grey is: so its first kernel is shared out among them.
    Raises UsageError when the file cannot be read or is of another network.
    """
    try:
        with np.load(file) as arrays:
            given = [arrays[name].astype(np.float32) for name in sorted(arrays.files) if name.startswith("w")]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"--weights {file}: cannot be read: {error}") from None
    own = model.get_weights()
    if given and given[0].ndim == 4 and model.input_shape[-1] == 3 != given[0].shape[2]:
        given[0] = np.repeat(given[0], 3, axis=2) / 3
    heads = len(own) - 2  # kernel and bias of the CAM head
    if len(given) != len(own) or any(a.shape != b.shape for a, b in zip(given[:heads], own[:heads], strict=True)):
        raise UsageError(f"--weights {file}: are of another network than {model.name}")
    fitting = [a if a.shape == b.shape else b for a, b in zip(given, own, strict=True)]
    model.set_weights(fitting)
