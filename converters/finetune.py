"""Fine-tuning through fake quantisation, for any Keras network: it learns to say in int8 what it says in float.

Straight-through estimation (Bengio et al. 2013; Jacob et al. 2018), with the float network's own maps as the target
(distillation), so no labels are needed. tfmot, which does the like, does not take Keras 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from converters.trace import Seen, as_list
from edge.contract.preprocess import centred
from trainer.networks.layers import ADAPT
from trainer.networks.rounded_values import RoundedValues, points_of, rebuilt
from trainer.networks.rounding import Axes, kernels_of, rounded
from trainer.train import predict_maps


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
    plain, _, tensors = points_of(network)
    if not tensors:  # all but the head stood still, and is rounded already
        return plain
    probe = keras.Model(plain.inputs, tensors)
    seen, rng = [Seen() for _ in tensors], np.random.default_rng(0)
    for image in calibration:
        for found, values in zip(seen, as_list(probe.predict_on_batch(centred(image[None]))), strict=True):
            found.add(values, rng)
    ranges = iter([found.range(percentile) for found in seen])
    return rebuilt(network, lambda _, tensor: RoundedValues(*next(ranges))(tensor))
