"""Where int8 loses: each operator's output in the float model against the int8 one."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from converters.graph import Graph
from converters.trace import Tracer
from edge.contract.cam import dequantise
from edge.contract.preprocess import centred

IMAGES = 32
"""So many are enough for a figure, and a large network takes its time to trace."""
CEILING_DB = 99.0
"""Shown where there is no error at all."""


class LayerError(msgspec.Struct, frozen=True):
    """One operator's output, int8 against float, over all places and channels of some images.

    Signal to noise is 20 lg(rms of the float values / rms of the error), in dB.
    """

    name: str
    operator: str
    shape: tuple[int, ...]
    scale: float
    """Of one int8 unit."""
    rmse_units: float
    """The error's rms in these units; 0.29 is rounding alone."""
    snr_db: float
    """With all that the operators before it have added."""
    own_snr_db: float
    """What would be left if only this tensor were rounded and clipped: low means that its range does not suit it."""
    clipped: float
    """Share of the float values outside its range."""


def layer_errors(source: bytes, model: bytes, images: NDArray[np.uint8]) -> list[LayerError]:
    """The operators of `model`, worst first; `source` is the float model that it was quantised from.

    `images` are model inputs (n, height, width, channels). Tensors of the two are matched by name; an operator that
    only one of them has, such as QUANTIZE, is left out.
    """
    before, after = Graph(source), Graph(model)
    pairs = _pairs(before, after)
    tracers = Tracer(source), Tracer(model)
    sums = {index: np.zeros(4) for index in pairs}
    for image in images[:IMAGES]:
        tracers[0].run(centred(image))
        tracers[1].run(image)
        for index, (partner, _) in pairs.items():
            sums[index] += _squares(after, index, tracers[0].tensor(partner), tracers[1].tensor(index))
    rows = [_row(after, index, operator, sums[index], len(images[:IMAGES])) for index, (_, operator) in pairs.items()]
    return sorted(rows, key=lambda row: row.snr_db)


def _pairs(before: Graph, after: Graph) -> dict[int, tuple[int, str]]:
    """Tensors of the int8 model by index, each with its partner in the float model and the operator that writes it."""
    known = {before.name(index): index for index in before.activations()}
    found = {}
    for operator in after.operators():
        for index in operator.outputs:
            partner = before.output if index == after.output else known.get(after.name(index))
            if partner is not None and after.type(index) == "int8" and before.shape(partner) == after.shape(index):
                found[index] = (partner, operator.name)
    return found


def _scale(graph: Graph, index: int) -> tuple[float, int]:
    found = graph.tensors[index].quantization
    return float(found.scale[0]), int(found.zeroPoint[0])


def _squares(graph: Graph, index: int, wanted: NDArray[np.float32], units: NDArray[np.int8]) -> NDArray[np.float64]:
    """Mean squares of the values, of the error and of the rounding alone, and the share that is clipped."""
    scale, zero_point = _scale(graph, index)
    exact = np.rint(wanted / scale) + zero_point
    rounded = dequantise(np.clip(exact, -128, 127), scale, zero_point)
    errors = (wanted, dequantise(units, scale, zero_point) - wanted, rounded - wanted)
    return np.array([*(float(np.square(e, dtype=np.float64).mean()) for e in errors), np.mean(abs(exact + 0.5) > 128)])


def _row(graph: Graph, index: int, operator: str, sums: NDArray[np.float64], images: int) -> LayerError:
    values, error, rounding, clipped = (sums / images).tolist()
    scale = _scale(graph, index)[0]
    return LayerError(
        graph.name(index).split(";")[-1], operator, graph.shape(index), scale, error**0.5 / scale,
        _decibels(values, error), _decibels(values, rounding), clipped,
    )  # fmt: skip


def _decibels(signal: float, noise: float) -> float:
    return min(CEILING_DB, 10 * float(np.log10(max(signal, 1e-30) / max(noise, 1e-30))))
