"""Fine-tuning through fake quantisation, for any Keras network: it learns to say in int8 what it says in float.

Straight-through estimation (Bengio et al. 2013; Jacob et al. 2018), with the float network's own maps as the target
(distillation), so no labels are needed. tfmot, which does the like, does not take Keras 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from converters.trace import Seen
from edge.contract.preprocess import centred
from trainer.networks.layers import ADAPT
from trainer.networks.rounding import Axes, kernels_of, rounded
from trainer.train import predict_maps

AT_REST = (layers.InputLayer, layers.Dropout, layers.SpatialDropout2D)
"""These do nothing to a value, or are not there after training."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """`steps` of `batch` images at a `rate` that falls to zero along a cosine."""

    rate: float = 5e-5
    steps: int = 600
    batch: int = 8
    seed: int = 0


def fine_tune(
    network: keras.Model, calibration: np.ndarray, percentile: float, tuning: Tuning
) -> None:  # fmt: skip
    """Changes the weights of `network` in place, also those that training left alone; batch normalisation keeps its
    statistics.

    `calibration` are model inputs (n, height, width, channels) uint8; they are shown mirrored too, as what is to be
    said of a mirrored one needs no label. Activations are rounded as `percentile` of their values asks for, as in
    `converters.quantize`; weights per output channel.
    """
    for layer in network.layers:
        layer.trainable = layer.name != ADAPT
    images = np.concatenate([calibration[:, ::down, ::across] for down in (1, -1) for across in (1, -1)])
    targets = predict_maps(network, images)
    student = rounding_twin(network, calibration, percentile)
    kernels = [(kernel, axes) for layer in student.layers for kernel, axes in kernels_of(layer)]
    optimizer = keras.optimizers.Adam(tuning.rate, clipnorm=1.0)
    variables, spread = student.trainable_variables, float(targets.var()) + 1e-6
    optimizer.build(variables)

    @tf.function(reduce_retracing=True)
    def step(images: tf.Tensor, maps: tf.Tensor) -> None:
        with while_rounded(kernels), tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(student(images, training=False) - maps)) / spread
        gradients = tape.gradient(loss, variables)
        optimizer.apply(gradients, variables)

    rng = np.random.default_rng(tuning.seed)
    for number in range(tuning.steps):
        optimizer.learning_rate = tuning.rate * 0.5 * (1 + math.cos(math.pi * number / tuning.steps))
        chosen = rng.choice(len(images), min(tuning.batch, len(images)), replace=False)
        step(tf.constant(centred(images[chosen])), tf.constant(targets[chosen]))


@contextmanager
def while_rounded(kernels: Sequence[tuple[keras.Variable, Axes]]) -> Iterator[None]:
    """Within it the kernels are as int8 holds them; after it as they were."""
    exact = [tf.identity(kernel.value) for kernel, _ in kernels]
    for kernel, axes in kernels:
        kernel.assign(rounded(kernel.value, axes))
    yield
    for (kernel, _), value in zip(kernels, exact, strict=True):
        kernel.assign(value)


def rounding_twin(network: keras.Model, calibration: np.ndarray, percentile: float) -> keras.Model:
    """A network of the same layers, sharing their weights, that rounds each activation as int8 will; not its weights.

    Ranges are those that `calibration`, model inputs (n, height, width, channels) uint8, asks for.
    """
    points = _Points()
    plain = _rebuilt(network, points)
    probe = keras.Model(plain.inputs, points.tensors)
    seen, rng = [Seen() for _ in points.tensors], np.random.default_rng(0)
    for image in calibration:
        for found, values in zip(seen, _as_list(probe.predict_on_batch(centred(image[None]))), strict=True):
            found.add(values, rng)
    return _rebuilt(network, _Points([found.range(percentile) for found in seen]))


class _Points:
    """The places where TFLite rounds, in the order of the graph: first noted, then rounded to the ranges found."""

    def __init__(self, ranges: list[tuple[float, float]] | None = None) -> None:
        self.tensors: list[keras.KerasTensor] = []
        self._ranges = ranges

    def pass_through(self, tensor: keras.KerasTensor) -> keras.KerasTensor:
        self.tensors.append(tensor)
        if self._ranges is None:
            return tensor
        return _Rounding(*self._ranges[len(self.tensors) - 1])(tensor)


class _Rounding(layers.Layer):
    """Its input in 256 steps between `low` and `high`; within them the gradient passes as if nothing were done."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = min(low, 0.0), max(high, 1e-6, 0.0)

    def call(self, values: tf.Tensor) -> tf.Tensor:
        return tf.quantization.fake_quant_with_min_max_args(values, self.low, self.high)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape


def _rebuilt(network: keras.Model, points: _Points) -> keras.Model:
    """The network from its own layers, nested ones laid open, with each point passed through; not its last one."""
    inputs = keras.Input(network.input_shape[1:])
    return keras.Model(inputs, _walk(network, inputs, points, last=True))


def _walk(network: keras.Model, inputs: keras.KerasTensor, points: _Points, *, last: bool) -> keras.KerasTensor:
    final = network.layers[-1]

    def call(layer: layers.Layer, *arguments: Any, **options: Any) -> Any:
        ends = last and layer is final
        if isinstance(layer, keras.Model):
            return _walk(layer, arguments[0], points, last=ends)
        found = layer(*arguments, **options)
        return found if ends or isinstance(layer, AT_REST) or _is_folded(layer) else points.pass_through(found)

    if isinstance(network, keras.Sequential):
        tensor = inputs
        for layer in network.layers:
            tensor = call(layer, tensor)
        return tensor
    twin = keras.models.clone_model(network, inputs, clone_function=lambda layer: layer, call_function=call)
    return twin.output


def _is_folded(layer: layers.Layer) -> bool:
    """Whether TFLite computes the one layer that takes its output within its own operator: then nothing is rounded
    between the two."""
    takers = {id(node.operation): node.operation for node in layer._outbound_nodes}
    if len(takers) != 1:
        return False
    (taker,) = takers.values()
    if isinstance(taker, layers.BatchNormalization):
        return bool(kernels_of(layer))
    activation = getattr(getattr(taker, "activation", None), "__name__", "")
    return isinstance(taker, layers.ReLU) or (isinstance(taker, layers.Activation) and activation in ("relu", "relu6"))


def _as_list(found: Any) -> list[np.ndarray]:
    return [np.asarray(each) for each in (found if isinstance(found, list) else [found])]
