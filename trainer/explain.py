"""Grad-CAM and its kin, as a reference for what the board shows: where a network looked, by its gradients.

The board shows the CAM: the map itself (Zhou et al. 2016). At the layer before a 1x1 head Grad-CAM is that map, up to
a factor and the head's bias: with features A, weights w and places P, the map is sum_k w_k A_k + b. Every pooling that
follows a shift of the map (average, top-k, log-sum-exp, max) has gradients that sum to 1 over the places, so Grad-CAM's
weight of channel k is w_k / P.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf

from edge.contract.cam import BINARY, Classes, Pooling, ng_map, overlay, pool
from edge.contract.preprocess import PreprocessSpec
from edge.contract.types import Pixels
from edge.errors import UsageError


def grad_cam(features: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Selvaraju et al. 2017: each channel weighs as its gradient on average over the places."""
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    return (weights * features).sum(axis=-1)


def grad_cam_plus_plus(features: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Chattopadhay et al. 2018, of the class score exp(logit).

    Its derivatives are then powers of the logit's gradient, all times exp(logit); that factor is left out, as it only
    scales the whole.
    """
    squared, cubed = gradients**2, gradients**3
    below = 2 * squared + features.sum(axis=(1, 2), keepdims=True) * cubed
    alpha = np.divide(squared, below, out=np.zeros_like(squared), where=below != 0)
    weights = (alpha * np.maximum(gradients, 0)).sum(axis=(1, 2), keepdims=True)
    return (weights * features).sum(axis=-1)


def layer_cam(features: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Jiang et al. 2021: each place of each channel weighs as its own gradient, where that is positive."""
    return (np.maximum(gradients, 0) * features).sum(axis=-1)


AVERAGE = Pooling("average")

METHODS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "layer-cam": layer_cam,
}
"""From features and gradients (n, rows, columns, channels) to maps (n, rows, columns), before the ReLU."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Maps (n, rows, columns) float32 of the features of `layer`; positive where they speak for the class."""

    maps: np.ndarray
    layer: str


def explain(
    model: keras.Model, inputs: np.ndarray, method: str = "grad-cam", layer: str | None = None,
    pooling: Pooling = AVERAGE, class_index: int | None = None, rectify: bool = True, classes: Classes = BINARY,
) -> Explanation:  # fmt: skip
    """Where `model` looked in `inputs` (n, height, width, channels), which are as the model takes them.

    The model gives a map (n, rows, columns, classes), which `pooling` makes a logit of, or one number per class
    (n, classes), best taken before the softmax. Explained is the class `class_index`, or without it the score, P(NG),
    of the first class where no kinds are told apart. Where they are, by `classes`, a kind is explained against the
    other side: an ng kind against ok, an ok kind against ng. `layer` names any layer with places; without it, the last
    before the output. `rectify` cuts off what speaks against the class, as the papers do.
    Raises UsageError when there is no such layer or method, or the output does not depend on the layer.
    """
    if method not in METHODS:
        raise UsageError(f"--method {method}: is none of {', '.join(METHODS)}")
    chosen, known = _layer(model, layer), model.output_shape[-1]
    if class_index is not None and not 0 <= class_index < known:
        raise UsageError(f"class {class_index}: {model.name} knows {known}, counted from 0")
    features, gradients = _look(model, chosen, inputs, lambda outputs: _logit(outputs, pooling, class_index, classes))
    maps = METHODS[method](features, gradients)
    return Explanation(np.maximum(maps, 0) if rectify else maps, chosen.name)


def shown(pixels: Pixels, heat: np.ndarray, spec: PreprocessSpec) -> Pixels:
    """A map (rows, columns) over the frame it was made of, in BGR: its scale means nothing, so its peak is hottest."""
    height, width = pixels.shape[:2]
    x, y, w, h = spec.region.pixels(height, width)
    top = float(heat.max())
    relative = np.clip(heat / top, 0, 1).astype(np.float32) if top > 0 else np.zeros_like(heat, np.float32)
    over = np.zeros((height, width), np.float32)
    over[y : y + h, x : x + w] = cv2.resize(relative, (w, h), interpolation=cv2.INTER_LINEAR)
    return overlay(pixels, over)


def _look(
    model: keras.Model, layer: keras.layers.Layer, inputs: np.ndarray, logit: Callable[[Any], Any]
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Features of `layer`, and the gradient with respect to them of the `logit` (n) that is made of the outputs."""
    probe = keras.Model(model.inputs, [layer.output, model.output])
    given = tf.convert_to_tensor(inputs, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(given)  # else nothing is recorded of layers whose weights are frozen
        features, outputs = probe(given, training=False)
        total = tf.reduce_sum(logit(outputs))  # of independent images: each has its own gradient
    gradients = tape.gradient(total, features)
    if gradients is None:
        raise UsageError(f"--layer {layer.name}: the output of {model.name} does not depend on it")
    return features.numpy(), tf.convert_to_tensor(gradients).numpy()


def _logit(outputs: Any, pooling: Pooling, class_index: int | None, classes: Classes) -> Any:
    """The logit (n) to explain, of maps or of one number per class."""
    if len(outputs.shape) == 4:
        if class_index is None or not classes.many:
            return pool(ng_map(outputs, classes, keras.ops), pooling, keras.ops)[:, class_index or 0]
        ok = len(classes.ok)
        against = outputs[..., ok:] if class_index < ok else outputs[..., :ok]
        apart = outputs[..., class_index] - keras.ops.logsumexp(against, axis=-1)
        return pool(apart[..., None], pooling, keras.ops)[:, 0]
    if len(outputs.shape) == 2:
        return outputs[:, class_index or 0]
    raise UsageError(f"an output of shape {tuple(outputs.shape)} is neither a map nor one number per class")


def _layer(model: keras.Model, name: str | None) -> keras.layers.Layer:
    """The layer of this name, or the last before the output that has places."""
    having = [layer for layer in model.layers if _has_places(layer)]
    if name is None:
        idle = (keras.layers.Dropout, keras.layers.InputLayer)
        ends = {id(tensor) for tensor in model.outputs}
        before = [layer for layer in having if not isinstance(layer, idle) and id(layer.output) not in ends]
        if not before:
            raise UsageError(f"{model.name} has no layer with places before its output")
        return before[-1]
    for layer in having:
        if layer.name == name:
            return layer
    names = [layer.name for layer in having]
    near = ", ".join(get_close_matches(name, names, 5, 0.3)) or ", ".join(names[-5:])
    raise UsageError(f"--layer {name}: {model.name} has no such layer with places; it has {near}, …")


def _has_places(layer: keras.layers.Layer) -> bool:
    try:
        return len(layer.output.shape) == 4
    except AttributeError:  # several outputs, or used in several places
        return False
