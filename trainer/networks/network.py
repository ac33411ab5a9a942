"""A network ready to learn: whole, its two halves, and which of its weights move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import keras
import numpy as np
from keras import layers

from edge.contract.preprocess import centred
from edge.errors import UsageError
from trainer.networks.layers import ADAPT, CAM, CAM_DROPOUT
from trainer.networks.registry import build
from trainer.networks.rounded_values import with_values_rounded
from trainer.networks.rounding import round_what_stands_still
from trainer.networks.tuning import Tuning
from trainer.networks.weights import start

CACHE_BYTES = 4 * 2**30
"""Features beyond this are not kept in memory."""


@dataclass(frozen=True, slots=True)
class Network:
    """`model` is whole, to be saved and converted; `features` and `head` are its halves and share its weights.

    `features` goes from the centred input to what the head sees (rows, columns, channels), `head` from there to the
    map. `trainable_from` names the first layer that learns.
    """

    name: str
    model: keras.Model
    features: keras.Model
    head: keras.Model
    tuning: Tuning
    trainable_from: str


def assemble(
    name: str, shape: tuple[int, int, int], classes: int = 1, weights: str = "none", tuning: Tuning | None = None,
    images: np.ndarray | None = None, **options: Any,
) -> Network:  # fmt: skip
    """The network `name` with its first weights, set to learn as `tuning` says; without one, all of it learns.

    Options as for `build`, weights as for `trainer.networks.weights.start`. Kernels that do not learn are rounded as
    int8 will round them, and so are the values between them where `images`, model inputs (n, height, width, channels)
    uint8, show what range they have. Raises UsageError.
    """
    tuning = tuning or Tuning()
    model = build(name, shape, classes, **options)
    learned = start(model, name, weights, **options)
    if not learned and tuning != Tuning():
        raise UsageError(
            f"--tuning {tuning}: {name} starts with random weights, so all of it must learn; give --weights"
        )
    first = _first_learning(model, tuning)
    learns = False
    for layer in model.layers:
        learns = learns or layer.name == first
        layer.trainable = learns and layer.name != ADAPT
    if learned:
        round_what_stands_still(model)
        if images is not None:
            model = with_values_rounded(model, first, images)
    middle = model.get_layer(_head_start(model)).input
    halves = keras.Model(model.input, middle), keras.Model(middle, model.output)
    return Network(name, model, *halves, tuning, first)


def cached_features(
    network: Network, inputs: np.ndarray, progress: Callable[[int, int], None] | None = None, batch: int = 16
) -> np.ndarray:  # fmt: skip
    """What the head sees of model inputs (n, height, width, channels) uint8: (n, rows, columns, channels) float16.

    Computed once, they train `network.head` for as many steps as one likes. Raises UsageError when they would not fit.
    """
    shape = (len(inputs), *network.features.output_shape[1:])
    if (size := 2 * int(np.prod(shape))) > CACHE_BYTES:
        raise UsageError(
            f"--tuning frozen-cached: the features of {len(inputs)} images take {size / 2**30:.1f} GiB, more than "
            f"{CACHE_BYTES / 2**30:.0f}; use --tuning frozen, a stride of 16 or a smaller --size"
        )
    found = np.empty(shape, np.float16)
    largest = np.finfo(np.float16).max
    for done in range(0, len(inputs), batch):
        part = network.features.predict_on_batch(centred(inputs[done : done + batch]))
        found[done : done + batch] = np.clip(part, -largest, largest)
        if progress:
            progress(min(done + batch, len(inputs)), len(inputs))
    return found


def int8_concerns(model: keras.Model) -> list[str]:
    """What in this network is known to lose much when it becomes int8, in words for the user.

    Swish and squeeze-and-excite: EfficientNet-Lite dropped both for that reason (github.com/tensorflow/tpu, lite).
    """
    found = []
    swish = sum(_activation(layer) in {"silu", "swish", "hard_silu", "hard_swish", "gelu"} for layer in model.layers)
    if swish:
        found.append(f"{swish} layers of {model.name} use swish or its like, whose long tail wastes int8's range")
    gates = sum(isinstance(layer, layers.Multiply) and _gates(layer) for layer in model.layers)
    if gates:
        found.append(f"{gates} layers of {model.name} are squeeze-and-excite, whose factors int8 rounds coarsely")
    return found


def _first_learning(model: keras.Model, tuning: Tuning) -> str:
    if tuning.head_only:
        return _head_start(model)
    names = [layer.name for layer in model.layers]
    if tuning.layer is None:
        return names[0]
    if tuning.layer not in names:
        near = ", ".join(get_close_matches(tuning.layer, names, 5, 0.3)) or ", ".join(names[-5:])
        raise UsageError(f"--tuning fine-tune:{tuning.layer}: {model.name} has no such layer; it has {near}, …")
    return tuning.layer


def _head_start(model: keras.Model) -> str:
    names = {layer.name for layer in model.layers}
    return CAM_DROPOUT if CAM_DROPOUT in names else CAM


def _activation(layer: keras.layers.Layer) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")


def _gates(layer: keras.layers.Layer) -> bool:
    return any(tuple(tensor.shape[1:3]) == (1, 1) for tensor in layer.input)
