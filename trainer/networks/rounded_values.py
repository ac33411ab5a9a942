"""Values as int8 holds them between layers: where TFLite rounds, to what ranges, and networks with that in them.

What stands still while a network learns gives the same values from beginning to end, so they can be rounded from the
start: what learns then learns on what a board will compute (docs/decisions/0037).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from edge.contract.preprocess import centred
from trainer.networks.layers import sole_taker
from trainer.networks.rounding import kernels_of, scale_of

BATCH = 16
LEVELS = 255
AT_REST = (layers.InputLayer, layers.Dropout, layers.SpatialDropout2D)
"""These do nothing to a value, or are not there after training."""

Change = Callable[[layers.Layer, keras.KerasTensor], keras.KerasTensor]


@keras.saving.register_keras_serializable("okng")
class RoundedValues(layers.Layer):
    """Its input in 256 steps between `low` and `high`; within them the gradient passes as if nothing were done."""

    def __init__(self, low: float, high: float, **options: Any) -> None:
        super().__init__(trainable=False, **{key: value for key, value in options.items() if key != "trainable"})
        self.low, self.high = min(float(low), 0.0), max(float(high), 1e-6)

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """In float32 whatever the layers around it compute in."""
        exact = tf.cast(values, tf.float32)
        return tf.cast(tf.quantization.fake_quant_with_min_max_args(exact, self.low, self.high), values.dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """As its input's."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """What it is made again from."""
        return {**super().get_config(), "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Fixed:
    """A range that training fixed: `tensor` of the network without rounding is held between `low` and `high`."""

    tensor: keras.KerasTensor
    low: float
    high: float


def points_of(network: keras.Model) -> tuple[keras.Model, list[str], list[keras.KerasTensor]]:
    """The network from its own layers, nested ones laid open, and where TFLite rounds in the order of the graph.

    Of each such place the name of the layer that gives it, and its tensor. The map itself is none of them, nor is what
    is rounded already.
    """
    names, tensors = list[str](), list[keras.KerasTensor]()

    def note(layer: layers.Layer, tensor: keras.KerasTensor) -> keras.KerasTensor:
        names.append(layer.name)
        tensors.append(tensor)
        return tensor

    return rebuilt(network, note), names, tensors


def rebuilt(network: keras.Model, change: Change) -> keras.Model:
    """The network from its own layers, each place where TFLite rounds passed through `change`."""
    inputs = keras.Input(network.input_shape[1:])
    return keras.Model(inputs, _walk(network, inputs, change, last=True))


def ranges_of(inputs: list[Any], tensors: list[keras.KerasTensor], images: np.ndarray) -> np.ndarray:
    """(tensors, 2): the lowest and the highest value of each over model inputs (n, height, width, channels) uint8."""
    ends = keras.Model(inputs, ops.stack([ops.stack([ops.min(each), ops.max(each)]) for each in tensors]))
    found = [ends.predict_on_batch(centred(images[start : start + BATCH])) for start in range(0, len(images), BATCH)]
    return np.stack([np.min(found, axis=0)[:, 0], np.max(found, axis=0)[:, 1]], axis=1)


def with_values_rounded(network: keras.Model, first: str, images: np.ndarray) -> keras.Model:
    """A network with the same weights that rounds the values of all layers before the one named `first`.

    Ranges are those that `images`, model inputs (n, height, width, channels) uint8, ask for.
    """
    learning = [layer.name for layer in network.layers].index(first)
    still = {layer.name for layer in network.layers[:learning]}
    plain, names, tensors = points_of(network)
    chosen = [(name, tensor) for name, tensor in zip(names, tensors, strict=True) if name in still]
    if not chosen:
        return network
    found = ranges_of(plain.inputs, [tensor for _, tensor in chosen], images)
    ranges = dict(zip((name for name, _ in chosen), found.tolist(), strict=True))

    def round_still(layer: layers.Layer, tensor: keras.KerasTensor) -> keras.KerasTensor:
        if layer.name not in ranges:
            return tensor
        return RoundedValues(*ranges[layer.name], name=f"{layer.name}_rounded")(tensor)

    rounding = _fresh(rebuilt(network, round_still), network)
    for layer in rounding.layers:
        if layer.name in still:
            _round_bias(layer)
    return rounding


def without_rounding(network: keras.Model) -> tuple[keras.Model, list[Fixed]]:
    """The network with the same weights that rounds nothing, and the ranges it rounded to."""
    fixed = list[Fixed]()

    def call(layer: layers.Layer, *arguments: Any, **options: Any) -> Any:
        if isinstance(layer, RoundedValues):
            fixed.append(Fixed(arguments[0], layer.low, layer.high))
            return arguments[0]
        return layer(*arguments, **options)

    if not any(isinstance(layer, RoundedValues) for layer in network.layers):
        return network, []
    plain = keras.models.clone_model(network, call_function=call)
    plain.set_weights(network.get_weights())
    return plain, fixed


def _round_bias(layer: layers.Layer) -> None:
    """What a convolution adds, to whole steps of its sums: those of its input times those of its weights."""
    given = layer._inbound_nodes[0].input_tensors
    step = _step(given[0]._keras_history.operation) if given else None
    if step is None or not isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
        return
    ((kernel, axes),) = kernels_of(layer)
    steps = step * np.ravel(ops.convert_to_numpy(scale_of(kernel.value, axes)))
    norm = sole_taker(layer)
    if not isinstance(norm, layers.BatchNormalization):
        if layer.use_bias:
            layer.bias.assign(np.rint(layer.bias / steps) * steps)
        return
    factor = (norm.gamma if norm.scale else 1.0) / np.sqrt(norm.moving_variance + norm.epsilon)
    bias = (norm.beta if norm.center else 0.0) + ((layer.bias if layer.use_bias else 0.0) - norm.moving_mean) * factor
    rounded = np.rint(bias / (steps * np.abs(factor))) * steps * np.abs(factor)
    norm.moving_mean.assign(norm.moving_mean - (rounded - bias) / factor)


def _step(giver: Any) -> float | None:
    """Between one value and the next of what a layer gives; None where it is not rounded."""
    if isinstance(giver, layers.InputLayer):
        return 1.0  # a byte
    return (giver.high - giver.low) / LEVELS if isinstance(giver, RoundedValues) else None


def _fresh(made: keras.Model, network: keras.Model) -> keras.Model:
    """A copy whose layers are its own, named as the network."""
    copy = keras.models.clone_model(made)
    copy.set_weights(made.get_weights())
    for ours, theirs in ((copy.get_layer(layer.name), layer) for layer in network.layers if layer.weights):
        ours.trainable = theirs.trainable
    return keras.Model(copy.input, copy.output, name=network.name)


def _walk(network: keras.Model, inputs: keras.KerasTensor, change: Change, *, last: bool) -> keras.KerasTensor:
    final = network.layers[-1]

    def call(layer: layers.Layer, *arguments: Any, **options: Any) -> Any:
        ends = last and layer is final
        if isinstance(layer, keras.Model):
            return _walk(layer, arguments[0], change, last=ends)
        found = layer(*arguments, **options)
        done = ends or isinstance(layer, (*AT_REST, RoundedValues)) or _is_folded(layer)
        return found if done else change(layer, found)

    if isinstance(network, keras.Sequential):
        tensor = inputs
        for layer in network.layers:
            tensor = call(layer, tensor)
        return tensor
    twin = keras.models.clone_model(network, inputs, clone_function=lambda layer: layer, call_function=call)
    return twin.output


def _is_folded(layer: layers.Layer) -> bool:
    """Whether the one layer that takes its output rounds it, or TFLite computes that one within its own operator: then
    nothing more is rounded between the two."""
    taker = sole_taker(layer)
    if isinstance(taker, RoundedValues):
        return True
    if isinstance(taker, layers.BatchNormalization):
        return bool(kernels_of(layer))
    activation = getattr(getattr(taker, "activation", None), "__name__", "")
    return isinstance(taker, layers.ReLU) or (isinstance(taker, layers.Activation) and activation in ("relu", "relu6"))
