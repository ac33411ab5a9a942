"""A .tflite file as objects: tensors, operators with their names, and back to bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge.errors import BundleError

IDENTIFIER = b"TFL3"
TYPES = {code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
"""Names of the schema's element types: "float32", "int8" and so on."""
_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a graph: its name in the schema, such as CONV_2D, its version, and its tensors by index.

    An input that is left out has no index. `options` are those of the schema for this operator, None where it has none.
    """

    name: str
    version: int
    inputs: list[int]
    outputs: list[int]
    options: Any


class Graph:
    """The one subgraph of a model. `content` is the schema's object, to change before `pack`."""

    def __init__(self, model: bytes) -> None:
        """Raises BundleError when `model` is no .tflite file, or has not one subgraph with one input and output."""
        if model[4:8] != IDENTIFIER:
            raise BundleError("this is no TensorFlow Lite model")
        try:
            self.content = schema.ModelT.InitFromPackedBuf(model, 0)
            (graph,) = self.content.subgraphs
            (self.input,), (self.output,) = graph.inputs.tolist(), graph.outputs.tolist()
        except Exception as error:  # flatbuffers has no verifier: a damaged file raises whatever it runs into
            raise BundleError(f"the TensorFlow Lite model is damaged or of another form: {error}") from None
        self.body, self.tensors = graph, graph.tensors

    def operators(self) -> Iterator[Operator]:
        """In the order in which they run."""
        for node in self.body.operators:
            code = self.content.operatorCodes[node.opcodeIndex]
            number = max(code.builtinCode, code.deprecatedBuiltinCode)  # either, by the age of what wrote it
            name = code.customCode.decode() if code.customCode else _NAMES.get(number, str(number))
            inputs = [int(index) for index in node.inputs if index >= 0]
            yield Operator(name, code.version, inputs, node.outputs.tolist(), node.builtinOptions)

    def activations(self) -> list[int]:
        """Indices of the tensors that hold what an image makes: the input and what operators write."""
        return [self.input, *(index for operator in self.operators() for index in operator.outputs)]

    def name(self, index: int) -> str:
        """The tensor's name."""
        return self.tensors[index].name.decode()

    def type(self, index: int) -> str:
        """The tensor's element type, such as "int8"."""
        return TYPES[self.tensors[index].type]

    def shape(self, index: int) -> tuple[int, ...]:
        """The tensor's shape, -1 where it is not fixed."""
        tensor = self.tensors[index]
        shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
        return () if shape is None else tuple(int(size) for size in shape)

    def constant(self, index: int) -> np.ndarray | None:
        """The tensor's fixed content as a flat array, None where an operator or the caller writes it."""
        data = self.content.buffers[self.tensors[index].buffer].data
        return None if data is None else np.asarray(data, np.uint8).view(self.type(index))

    def pack(self) -> bytes:
        """The model file."""
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.content.Pack(builder), IDENTIFIER)
        return bytes(builder.Output())
