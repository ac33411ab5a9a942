"""Which operators of a model a Coral Edge TPU takes, and why not the others.

After coral.ai/docs/edgetpu/models-intro, "Model requirements" and "Supported operations" (runtime 14); Axis repeats the
table for its ARTPEC-7.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from converters.graph import Graph, Operator

SOFTMAX_LIMIT = 16_000
Z_MULTIPLE = 4
NEWEST = {"CONV_2D": 5, "FULLY_CONNECTED": 8}
"""Versions beyond these the compiler does not know, by its own messages; newer converters may write them."""


class Mapping(msgspec.Struct, frozen=True):
    """Operators of one kind that share a fate. `shapes` are those of their outputs; `reason` is "" where they map."""

    operator: str
    type: str
    count: int
    shapes: tuple[tuple[int, ...], ...]
    reason: str


def map_operators(graph: Graph) -> list[Mapping]:
    """The operators by kind and fate, in the order in which they first run.

    The compiler cuts a model once: what comes after the first operator that does not map runs on the CPU too.
    """
    counts: dict[tuple[str, str, str], list[tuple[int, ...]]] = {}
    cut = ""
    for operator in graph.operators():
        reason = refusal(graph, operator)
        if not reason and cut:
            reason = f"comes after {cut}, where the compiler cuts"
        cut = cut or (operator.name if reason else "")
        shapes = counts.setdefault((operator.name, graph.type(operator.outputs[0]), reason), [])
        shapes.append(graph.shape(operator.outputs[0]))
    return [
        Mapping(name, kind, len(shapes), tuple(dict.fromkeys(shapes)), reason)
        for (name, kind, reason), shapes in counts.items()
    ]


def refusal(graph: Graph, operator: Operator) -> str:
    """Why this operator does not map, by itself; "" where it does."""
    if operator.name not in CONDITIONS:
        return "is not supported"
    if operator.version > NEWEST.get(operator.name, operator.version):
        return f"version {operator.version} is newer than the compiler, which knows {NEWEST[operator.name]}"
    for index in (*operator.inputs, *operator.outputs):
        kind, shape, fixed = graph.type(index), graph.shape(index), graph.constant(index) is not None
        if kind not in {"int8", "uint8"} and not (fixed and kind == "int32"):
            return f"has a tensor of {kind}, not int8 or uint8"
        if any(size < 0 for size in shape):
            return f"has a shape that is not fixed: {shape}"
        if not fixed and any(size > 1 for size in shape[:-3]):
            return f"has more than three dimensions in use: {shape}; the batch must be 1"
    return next((reason for holds, reason in CONDITIONS[operator.name] if not holds(graph, operator)), "")


Condition = tuple[Callable[[Graph, Operator], bool], str]


def _shape_in(graph: Graph, operator: Operator) -> tuple[int, ...]:
    return graph.shape(operator.inputs[0])


def _fixed(graph: Graph, operator: Operator, position: int) -> np.ndarray | None:
    """The content of an input that must be known beforehand."""
    return graph.constant(operator.inputs[position]) if position < len(operator.inputs) else None


def _option(name: str, wanted: int) -> Callable[[Graph, Operator], bool]:
    return lambda _graph, operator: getattr(operator.options, name, wanted) == wanted


def _axes(graph: Graph, operator: Operator) -> set[int] | None:
    """Axes of a reduction counted from the end, -1 the innermost; None where they are not known beforehand."""
    found, rank = _fixed(graph, operator, 1), len(_shape_in(graph, operator))
    return None if found is None else {int(axis) - rank if axis >= 0 else int(axis) for axis in found}


def _spares_batch(graph: Graph, operator: Operator) -> bool:
    axes, rank = _axes(graph, operator), len(_shape_in(graph, operator))
    return axes is not None and (rank < 4 or -rank not in axes)


def _z_fits(graph: Graph, operator: Operator) -> bool:
    axes = _axes(graph, operator) or set()
    return -1 not in axes or _shape_in(graph, operator)[-1] % Z_MULTIPLE == 0


def _pads_no_batch(graph: Graph, operator: Operator) -> bool:
    amounts, rank = _fixed(graph, operator, 1), len(_shape_in(graph, operator))
    return amounts is not None and (rank < 4 or not amounts.reshape(rank, 2)[0].any())


def _one_dimension(shape: tuple[int, ...]) -> bool:
    return all(size == 1 for size in shape[:-1])


def _concatenates_well(graph: Graph, operator: Operator) -> bool:
    """Constants only as zero padding: as one of two, and all zero."""
    fixed = [(index, data) for index in operator.inputs if (data := graph.constant(index)) is not None]
    zero = all((data == graph.tensors[index].quantization.zeroPoint[0]).all() for index, data in fixed)
    return not fixed or (len(operator.inputs) == 2 and zero)


def _steps_by_one(graph: Graph, operator: Operator) -> bool:
    strides, options = _fixed(graph, operator, 3), operator.options
    masked = getattr(options, "ellipsisMask", 0) or getattr(options, "newAxisMask", 0)
    return strides is not None and bool((strides == 1).all()) and not masked


_PLAIN: Condition = (_option("fusedActivationFunction", 0), "has a fused activation")
_DILATION: Condition = (
    lambda _graph, op: getattr(op.options, "dilationWFactor", 1) == getattr(op.options, "dilationHFactor", 1),
    "is dilated otherwise in x than in y",
)
_BATCH: Condition = (_spares_batch, "reduces the batch, or axes that are not known beforehand")
_FLAT: Condition = (
    lambda graph, operator: all(size == 1 for size in _shape_in(graph, operator)[:-3]),
    "works on more than three dimensions",
)

CONDITIONS: dict[str, tuple[Condition, ...]] = {
    **dict.fromkeys(
        (
            "ADD", "EXPAND_DIMS", "L2_NORMALIZATION", "LOGISTIC", "MAXIMUM", "MINIMUM", "MUL", "QUANTIZE", "RELU",
            "RELU6", "RELU_N1_TO_1", "RESHAPE", "RSQRT", "SLICE", "SPACE_TO_DEPTH", "SQUARED_DIFFERENCE", "SQUEEZE",
            "SUB", "TANH", "TRANSPOSE", "TRANSPOSE_CONV", "UNIDIRECTIONAL_SEQUENCE_LSTM",
        ),
        (),
    ),
    "AVERAGE_POOL_2D": (_PLAIN,),
    "MAX_POOL_2D": (_PLAIN,),
    "CONCATENATION": (_PLAIN, (_concatenates_well, "joins constants that are no zero padding")),
    "CONV_2D": (_DILATION,),
    "DEPTHWISE_CONV_2D": (_DILATION,),
    "FULLY_CONNECTED": (
        (_option("weightsFormat", 0), "keeps its weights in another than the default format"),
        (lambda graph, op: _one_dimension(graph.shape(op.outputs[0])), "gives more than one dimension"),
    ),
    "MEAN": (_BATCH, (_z_fits, f"reduces channels that are no multiple of {Z_MULTIPLE}")),
    "SUM": (_BATCH,),
    "REDUCE_MAX": (_BATCH,),
    "REDUCE_MIN": (_BATCH,),
    "PACK": ((lambda graph, op: op.options.axis % len(graph.shape(op.outputs[0])) > 0, "packs along the batch"),),
    "PAD": ((_pads_no_batch, "pads the batch, or by amounts that are not known beforehand"),),
    "PRELU": ((lambda graph, op: _one_dimension(graph.shape(op.inputs[1])), "has slopes by place, not by channel"),),
    "RESIZE_BILINEAR": (_FLAT,),
    "RESIZE_NEAREST_NEIGHBOR": (_FLAT,),
    "SOFTMAX": (
        (lambda graph, op: _one_dimension(_shape_in(graph, op)), "works on more than one dimension"),
        (lambda graph, op: _shape_in(graph, op)[-1] <= SOFTMAX_LIMIT, f"has more than {SOFTMAX_LIMIT} elements"),
    ),
    "SPLIT": (
        (lambda graph, op: (axis := _fixed(graph, op, 0)) is not None
         and axis[0] % len(graph.shape(op.inputs[1])) > 0, "splits the batch"),
    ),
    "STRIDED_SLICE": ((_steps_by_one, "takes steps other than 1, or masks"),),
}  # fmt: skip
"""The supported operators, each with what must hold and what is said where it does not."""
