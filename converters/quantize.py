"""A Keras network to a TFLite model that takes the preprocessed image as uint8 and gives an int8 map."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.python.util import modify_model_io_type

from converters.graph import Graph
from converters.trace import Tracer, as_list, observe
from edge.contract.card import Format
from edge.contract.preprocess import CENTRE, centred
from edge.errors import DataError
from edge.inference.quiet import quiet
from trainer.networks.rounded_values import Fixed, without_rounding

HEADROOM = 0.5
"""Of the map's range in calibration, above it: so much stronger a fault than any seen does not clip, and a unit is not
much finer than what the rounding of other kernels changes (docs/decisions/0043)."""

SAME = 1e-3
"""Of the span of its values: nearer than this a tensor of Keras and one of TFLite are the same, but for rounding."""

_Made = TypeVar("_Made")


class Source:
    """A network as a plain float TFLite model, and what its tensors take on over the calibration images.

    `calibration` are model inputs (n, height, width, channels) uint8, of both classes.
    """

    def __init__(self, network: keras.Model, calibration: np.ndarray) -> None:
        """Raises DataError when TFLite has no operator for a layer, or the network gives values that are no numbers."""
        plain, fixed = without_rounding(network)
        self.model = _to_tflite(plain)
        graph = Graph(self.model)
        self._image, self._map = graph.input, graph.output
        floats = [index for index in graph.activations() if graph.type(index) == "float32"]
        self.seen = observe(self.model, floats, centred(calibration))
        for index, seen in self.seen.items():
            if not np.isfinite([seen.low, seen.high]).all():
                raise DataError(f"{graph.name(index)}: takes values that are not numbers; train again")
        self._fixed = _found_in(self.model, floats, plain, fixed, centred(calibration[:1])) if fixed else {}

    def ranges(self, percentile: float) -> dict[int, tuple[float, float]]:
        """The range of each tensor by its index; 100 keeps the extremes, less clips the rarest values.

        The image's range makes its scale exactly 1 and its zero point CENTRE. The map is never clipped. What training
        rounded already keeps the range it had there.
        """
        found = {}
        for index, seen in self.seen.items():
            low, high = seen.range(percentile)
            found[index] = (low, max(high, low + 1e-6))  # a feature that never answers has a range of nothing
        return {
            **found,
            **self._fixed,
            self._image: (-float(CENTRE), 255.0 - CENTRE),
            self._map: self.map_range(),
        }

    def map_range(self) -> tuple[float, float]:
        """What the map takes on, and room above it."""
        low, high = self.seen[self._map].range(100)
        return low, high + max(HEADROOM * (high - low), 1e-3)


def quantize(source: Source, percentile: float = 100.0) -> bytes:
    """The int8 model, weights per channel. Raises DataError when an operator cannot be quantised."""
    graph = Graph(source.model)
    for index, (low, high) in source.ranges(percentile).items():
        tensor = graph.tensors[index]
        tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
        tensor.quantization.min, tensor.quantization.max = [low], [high]
    model = bytes(_attempt(lambda: modify_model_io_type(mlir_quantize(graph.pack()), tf.uint8, tf.int8)))
    _refuse_floats(Graph(model))
    return model


def lighten(network: keras.Model, source: Source, kind: Format) -> bytes:
    """The model of a float format: its ends are those of the int8 model, so a board runs it no differently.

    It rounds nothing between layers, also where training did.
    """
    model = _to_tflite(
        without_rounding(network)[0], [tf.lite.Optimize.DEFAULT], [tf.float16] if kind == "float16" else []
    )
    low, high = source.map_range()
    scale = (high - low) / 255
    return _with_ends(Graph(model), scale, round(-low / scale) - 128)


def _found_in(
    model: bytes, tensors: list[int], plain: keras.Model, fixed: list[Fixed], image: NDArray[np.float32]
) -> dict[int, tuple[float, float]]:  # fmt: skip
    """The fixed ranges by the index of the tensor in `model`: the one that holds the same values for `image`.

    What TFLite has merged into another operator is not there, and needs no range.
    """
    tracer = Tracer(model)
    tracer.run(image[0])
    held = {index: tracer.tensor(index) for index in tensors}
    values = keras.Model(plain.inputs, [each.tensor for each in fixed]).predict_on_batch(image)
    found = {}
    for each, wanted in zip(fixed, as_list(values), strict=True):
        apart = {
            index: float(np.abs(value - wanted).max())
            for index, value in held.items()
            if value.shape == wanted.shape and index not in found
        }
        nearest = min(apart, key=apart.__getitem__, default=None)
        if nearest is not None and apart[nearest] < SAME * max(float(np.ptp(wanted)), 1e-6):
            found[nearest] = (each.low, each.high)
    return found


def _with_ends(graph: Graph, scale: float, zero_point: int) -> bytes:
    """The model between two more operators: the uint8 image to float before it, the float map to int8 after it."""
    image, logits = graph.input, graph.output
    uint8 = _add_tensor(graph, image, b"image", schema.TensorType.UINT8, 1.0, CENTRE)
    int8 = _add_tensor(graph, logits, b"map", schema.TensorType.INT8, scale, zero_point)
    first = _operator(graph, schema.BuiltinOperator.DEQUANTIZE, uint8, image)
    last = _operator(graph, schema.BuiltinOperator.QUANTIZE, logits, int8)
    graph.body.operators = [first, *graph.body.operators, last]
    graph.body.inputs, graph.body.outputs = [uint8], [int8]
    graph.content.signatureDefs = []  # they name the float tensors
    return graph.pack()


def _add_tensor(graph: Graph, like: int, name: bytes, kind: int, scale: float, zero_point: int) -> int:
    tensor = schema.TensorT()
    tensor.shape, tensor.name, tensor.type, tensor.hasRank = list(graph.shape(like)), name, kind, True
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _operator(graph: Graph, code: int, source: int, target: int) -> schema.OperatorT:
    kind = schema.OperatorCodeT()
    kind.builtinCode = kind.deprecatedBuiltinCode = code
    kind.version = 1
    graph.content.operatorCodes.append(kind)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(graph.content.operatorCodes) - 1
    operator.inputs, operator.outputs = [source], [target]
    return operator


def _to_tflite(
    network: keras.Model, optimizations: list[tf.lite.Optimize] | None = None, types: list[tf.DType] | None = None
) -> bytes:  # fmt: skip
    converter = tf.lite.TFLiteConverter.from_keras_model(_with_batch_of_one(network))
    converter.optimizations = optimizations or []
    converter.target_spec.supported_types = types or []
    model = bytes(_attempt(converter.convert))
    _refuse_dynamic(Graph(model))
    return model


def _with_batch_of_one(network: keras.Model) -> keras.Model:
    """The same network with a static shape, which accelerators need."""
    inputs = keras.Input(batch_shape=(1, *network.input_shape[1:]), name="input")
    return keras.Model(inputs, network(inputs, training=False))


def _attempt(work: Callable[[], _Made]) -> _Made:
    """What TensorFlow makes, without its chatter. Raises DataError where it refuses: it raises errors of any kind."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        with quiet(), contextlib.redirect_stdout(io.StringIO()), _interrupt_afterwards():
            return work()
    except Exception as error:
        raise DataError(f"TensorFlow Lite cannot take this network: {_reason(str(error))}") from None


@contextlib.contextmanager
def _interrupt_afterwards() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until TensorFlow is done: raised within its callbacks they come out as other errors."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda given, _frame: waiting.append(given)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        if waiting:
            raise KeyboardInterrupt


def _reason(text: str) -> str:
    """What is wrong, of TensorFlow's many lines: the operators it names as foreign, or else the first line."""
    if foreign := re.search(r"(?:Custom|Flex) ops: (.+)", text):
        return f"it has no operator for {foreign[1].strip()}"
    return next(iter(text.strip().splitlines()), "no reason given")[:300]


def _refuse_dynamic(graph: Graph) -> None:
    for index in graph.activations():
        if any(size < 0 for size in graph.shape(index)):
            raise DataError(f"{graph.name(index)}: its shape {graph.shape(index)} is not fixed; a board needs it to be")


def _refuse_floats(graph: Graph) -> None:
    """What the quantiser cannot do in int8 it leaves in float32, between two conversions, and says nothing."""
    for operator in graph.operators():
        types = {graph.type(index) for index in (*operator.inputs, *operator.outputs)}
        if "float32" in types and operator.name not in {"QUANTIZE", "DEQUANTIZE"}:
            where = graph.name(operator.outputs[0])
            raise DataError(
                f"{operator.name} ({where}) cannot be quantised to int8; take another layer there, or --format float16"
            )
