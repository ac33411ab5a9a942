"""Where a network's first weights come from: none, a download, or a file."""

from __future__ import annotations

import contextlib
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge.errors import UsageError
from trainer.networks.backbones import BACKBONES, bare_backbone
from trainer.networks.layers import CAM
from trainer.networks.pretrained import body, put_weights, shipped_weights
from trainer.networks.registry import entry_of


def start(model: keras.Model, name: str, weights: str, **options: Any) -> bool:
    """Puts `weights` into `model`, which `build(name, …, **options)` has made; whether it has learned before now.

    "none" leaves it as drawn, "start" takes the weights that okng brings for `name`, if any, "imagenet" downloads.
    A `.keras` file is a network of the same name, as a run holds it; its head is taken where it has as many classes.
    An `.npz` is what pretraining leaves. Any other is a file of weights (`.weights.h5`, `.h5`): of the backbone
    without its classifier, as `keras.applications` publishes it ("…notop"), or of the whole network where it stands
    on none.
    Raises UsageError when they cannot be had or belong to another network.
    """
    if weights == "none":
        return False
    if weights == "start":
        if (shipped := shipped_weights(name)) is not None:
            put_weights(model, shipped)
        return shipped is not None
    if weights == "imagenet":
        _transplant(_downloaded(name, options), model, name, "imagenet")
        return True
    file = Path(weights)
    if not file.is_file():
        raise UsageError(f"--weights {weights}: is neither none, start, imagenet, nor a file")
    _take_file(model, file, name, options)
    return True


def _take_file(model: keras.Model, file: Path, name: str, options: dict[str, Any]) -> None:
    if file.suffix == ".npz":
        put_weights(model, file)
    elif file.suffix == ".keras":
        _transplant(_opened(file), model, name, str(file))
    elif entry_of(name).backbone:
        bare = bare_backbone(name, None, **options)
        _load(bare, file, name)
        _transplant(bare, model, name, str(file))
    else:
        _load(model, file, name)


def _downloaded(name: str, options: dict[str, Any]) -> keras.Model:
    if name not in BACKBONES or not BACKBONES[name].published:
        having = ", ".join(known for known, backbone in BACKBONES.items() if backbone.published)
        raise UsageError(f"--weights imagenet: there are none for {name}; there are for {having}")
    try:
        with contextlib.redirect_stdout(sys.stderr):  # where Keras says what it downloads
            return bare_backbone(name, "imagenet", **options)
    except Exception as error:  # Keras raises a plain Exception, and urllib and h5py their own
        raise UsageError(
            f"--weights imagenet: cannot be downloaded: {_first_line(error)}; download that file where there is a "
            f"network, and give it as --weights FILE"
        ) from None


def _opened(file: Path) -> keras.Model:
    try:
        with zipfile.ZipFile(file) as archive:
            if damaged := archive.testzip():  # Keras reads past a wrong checksum
                raise ValueError(f"{damaged} is damaged")
        return keras.models.load_model(file, compile=False)
    except Exception as error:  # zip, HDF5 and Keras each raise their own
        raise UsageError(f"--weights {file}: is no network that can be read: {_first_line(error)}") from None


def _load(model: keras.Model, file: Path, name: str) -> None:
    """All weights of `model` from `file`; Keras leaves what it does not find, so nothing stays to be left."""
    model.set_weights([np.full_like(value, np.nan) for value in model.get_weights()])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of layers that have no weights
            model.load_weights(file)
        if any(np.isnan(value).any() for value in model.get_weights()):
            raise ValueError("some of its weights are missing")
    except Exception as error:  # HDF5 and Keras each raise their own
        raise UsageError(f"--weights {file}: are no weights of {name}: {_first_line(error)}") from None


def _transplant(source: keras.Model, target: keras.Model, name: str, origin: str) -> None:
    """The source's weights, layer by layer in their order, into the target; a bare backbone goes on beyond its cut."""
    given, wanted = body(source), body(target)
    shapes = [[[value.shape for value in layer.get_weights()] for layer in part] for part in (given, wanted)]
    if shapes[0][: len(wanted)] != shapes[1]:
        raise UsageError(f"--weights {origin}: are of another network than {name}, or of another size or colour")
    for layer, taken in zip(wanted, given, strict=False):
        layer.set_weights(taken.get_weights())
    heads = [_named(part, CAM) for part in (source, target)]
    if all(heads) and heads[0].kernel.shape == heads[1].kernel.shape:
        heads[1].set_weights(heads[0].get_weights())


def _named(model: keras.Model, name: str) -> Any:
    return next((layer for layer in model.layers if layer.name == name), None)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
