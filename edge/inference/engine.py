"""The only import of an inference runtime on the board: LiteRT, or tflite-runtime where LiteRT is not installed."""

from __future__ import annotations

import numpy as np

try:
    from ai_edge_litert.interpreter import Interpreter

    RUNTIME = "LiteRT"
except ImportError:
    from tflite_runtime.interpreter import Interpreter

    RUNTIME = "tflite-runtime"

from edge.contract.card import Tensor
from edge.contract.types import MapUnits, Pixels
from edge.errors import BundleError
from edge.inference.quiet import quiet


class Engine:
    """One loaded model: uint8 image in, int8 map out. Belongs to one thread."""

    def __init__(self, model: bytes, threads: int = 1) -> None:
        """Raises BundleError when the runtime refuses the model, or it has not one input and one output."""
        try:
            with quiet():
                self._interpreter = Interpreter(model_content=model, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise BundleError(f"{RUNTIME} refuses the model: {str(error).splitlines()[0]}") from None
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise BundleError(f"the model has {len(inputs)} inputs and {len(outputs)} outputs; okng needs one of each")
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self.input, self.output = _tensor(inputs[0]), _tensor(outputs[0])

    def invoke(self, image: Pixels) -> MapUnits:
        """The int8 map (rows, columns, classes), a copy of its own, of a model input (height, width, channels)."""
        self._interpreter.set_tensor(self._input, image[None])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)[0]


def _tensor(details: dict) -> Tensor:
    dtype = np.dtype(details["dtype"]).name
    if dtype not in {"uint8", "int8"}:
        raise BundleError(f"the model's tensor {details['name']} is {dtype}; okng runs int8 models")
    scale, zero_point = details["quantization"]
    return Tensor(tuple(int(size) for size in details["shape"]), dtype, float(scale), int(zero_point))
