"""The only import of an inference runtime on the board: LiteRT, or tflite-runtime where LiteRT is not installed."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

try:
    from ai_edge_litert import interpreter as runtime

    RUNTIME = "LiteRT"
except ImportError:
    from tflite_runtime import interpreter as runtime

    RUNTIME = "tflite-runtime"

from edge.contract.card import Tensor
from edge.contract.runtime import Delegate
from edge.contract.types import MapUnits, Pixels
from edge.errors import BundleError, DelegateError
from edge.inference.quiet import quiet

ENTRIES = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")


class Engine:
    """One loaded model: uint8 image in, int8 map out. Belongs to one thread."""

    def __init__(self, model: bytes, threads: int = 1, delegate: Delegate | None = None) -> None:
        """Raises BundleError when the runtime refuses the model, or it has not one input and one output.

        With a delegate, DelegateError when that cannot be loaded or refuses the model.
        """
        self._library = delegate.library if delegate else ""
        delegates = [_load(delegate)] if delegate else None
        try:
            with quiet():
                self._interpreter = runtime.Interpreter(
                    model_content=model, num_threads=threads, experimental_delegates=delegates
                )
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            if delegate:
                raise DelegateError(f"{self._library} refuses the model: {_line(error)}") from None
            raise BundleError(f"{RUNTIME} refuses the model: {_line(error)}") from None
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise BundleError(f"the model has {len(inputs)} inputs and {len(outputs)} outputs; okng needs one of each")
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self.input, self.output = _tensor(inputs[0]), _tensor(outputs[0])

    def invoke(self, image: Pixels) -> MapUnits:
        """The int8 map (rows, columns, classes), a copy of its own, of a model input (height, width, channels).

        Raises DelegateError when there is a delegate and it fails.
        """
        self._interpreter.set_tensor(self._input, image[None])
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            if self._library:
                raise DelegateError(f"{self._library} fails: {_line(error)}") from None
            raise
        return self._interpreter.get_tensor(self._output)[0]


def _load(delegate: Delegate) -> Any:
    """The runtime's own loading raises in its destructor, where no library is; so that is looked at first."""
    try:
        library = ctypes.CDLL(delegate.library)
    except OSError as error:
        raise DelegateError(f"{delegate.library}: cannot be loaded: {_line(error)}") from None
    for entry in ENTRIES:
        if not hasattr(library, entry):
            raise DelegateError(f"{delegate.library}: is no delegate, it has no {entry}")
    try:
        with quiet():
            return runtime.load_delegate(delegate.library, delegate.options)
    except ValueError as error:
        said = " ".join(str(error).splitlines()[1:]).strip()  # the first line has the library alone
        raise DelegateError(f"{delegate.library}: {said or 'finds no device, or not the options it wants'}") from None


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _tensor(details: dict) -> Tensor:
    dtype = np.dtype(details["dtype"]).name
    if dtype not in {"uint8", "int8"}:
        raise BundleError(f"the model's tensor {details['name']} is {dtype}; okng runs int8 models")
    scale, zero_point = details["quantization"]
    return Tensor(tuple(int(size) for size in details["shape"]), dtype, float(scale), int(zero_point))
