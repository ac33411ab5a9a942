"""Looking inside a .tflite model: every tensor of every operator, and what ranges they take on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from edge.inference.quiet import quiet

SAMPLE = 4096
"""Values that are kept of each tensor and image, to take percentiles of."""


class Tracer:
    """Runs a model operator by operator and keeps every tensor. For looking, not for speed: no delegate takes part."""

    def __init__(self, model: bytes) -> None:
        with quiet():
            self._interpreter = Interpreter(
                model_content=model,
                experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]

    def run(self, image: NDArray) -> None:
        """Runs a model input without its batch axis, of the type that the model takes."""
        self._interpreter.set_tensor(self._input, image[None])
        self._interpreter.invoke()

    def tensor(self, index: int) -> NDArray:
        """What the tensor held in the last run."""
        return self._interpreter.get_tensor(index)


@dataclass(slots=True)
class Seen:
    """What one tensor took on over some images: its extremes, and a sample of its values."""

    low: float = np.inf
    high: float = -np.inf
    samples: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, values: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Takes note of one image's values."""
        flat = values.ravel()
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        self.samples.append(flat if flat.size <= SAMPLE else flat[rng.integers(0, flat.size, SAMPLE)])

    def range(self, percentile: float) -> tuple[float, float]:
        """From the lowest to the highest value, or at 99.9 without the 0.1 % beyond on either side."""
        if percentile >= 100:
            return self.low, self.high
        low, high = np.percentile(np.concatenate(self.samples), [100 - percentile, percentile])
        return float(low), float(high)


def observe(model: bytes, tensors: list[int], images: NDArray[np.float32]) -> dict[int, Seen]:
    """What these tensors of a float model take on over `images` (n, height, width, channels), centred.

    TensorFlow's own calibration is not used: where an operator writes its output over its input, as ADD may, it takes
    the output's range for the input's (tensorflow/tensorflow#127842).
    """
    tracer, rng = Tracer(model), np.random.default_rng(0)
    seen = {index: Seen() for index in tensors}
    for image in images:
        tracer.run(image)
        for index, found in seen.items():
            found.add(tracer.tensor(index), rng)
    return seen


def as_list(found: Any) -> list[NDArray]:
    """What Keras predicts for one output or for several, by output."""
    return [np.asarray(each) for each in (found if isinstance(found, list) else [found])]
