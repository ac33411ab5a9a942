"""A bundle that tells kinds apart, made of a shipped one: its head gets four maps in place of one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from edge.contract.bundle import CARD, MODEL, PROVENANCE, read_bundle, write_bundle
from edge.contract.cam import Classes, dequantise, name_kind, ng_map, score
from edge.contract.card import Card, GoldenFrame, encode_card
from edge.contract.images import read_image
from edge.contract.preprocess import preprocess
from edge.inference.engine import Engine

KINDS = Classes(ok=("plain", "dull"), ng=("bright", "faint"))
"""`bright` is the map there was, `faint` half of it, `dull` half of its opposite, `plain` nothing."""
FACTORS = np.array([0, -0.5, 1, 0.5])


def write_kinds_bundle(source: Path, out: Path) -> Path:
    """Writes it to `out`, with golden frames judged as it judges."""
    bundle = read_bundle(source)
    model = _with_more_maps(bundle.model)
    engine, card = Engine(model), bundle.card
    card = msgspec.structs.replace(card, classes=KINDS.names, ok_classes=KINDS.ok, output=engine.output)
    card = msgspec.structs.replace(card, golden=tuple(_golden(source, card, engine, each) for each in card.golden))
    frames = {each.file: (source / each.file).read_bytes() for each in card.golden}
    origin = (source / PROVENANCE).read_bytes()
    write_bundle(out, {MODEL: model, CARD: encode_card(card), PROVENANCE: origin, **frames})
    return out


def _golden(source: Path, card: Card, engine: Engine, before: GoldenFrame) -> GoldenFrame:
    units = engine.invoke(preprocess(read_image(source / before.file), card.preprocess))
    logits = dequantise(units, card.output.scale, card.output.zero_point)
    value = score(ng_map(logits, KINDS), card.pooling)
    verdict = card.thresholds.verdict(value)
    kind = name_kind(logits, card.pooling, KINDS, verdict)
    return GoldenFrame(before.file, before.label, verdict, value, units.tobytes(), kind)


def _with_more_maps(model: bytes) -> bytes:
    """The last convolution with its one filter several times, each by its factor."""
    from converters.graph import Graph  # needs the schema, which only LiteRT brings

    graph = Graph(model)
    head = next(each for each in graph.operators() if graph.output in each.outputs)
    assert head.name == "CONV_2D"
    (_, weights, bias), count = head.inputs, len(FACTORS)
    for index in (weights, bias):
        tensor, values = graph.tensors[index], graph.constant(index)
        assert values is not None
        more = np.concatenate([np.rint(values * factor) for factor in FACTORS]).astype(values.dtype)
        graph.content.buffers[tensor.buffer].data = np.frombuffer(more.tobytes(), np.uint8)
        tensor.shape = [count, *list(tensor.shape)[1:]]
        tensor.quantization.scale = list(tensor.quantization.scale) * count
        tensor.quantization.zeroPoint = list(tensor.quantization.zeroPoint) * count
    tensor = graph.tensors[graph.output]
    tensor.shape = [*list(tensor.shape)[:3], count]
    if tensor.shapeSignature is not None:
        tensor.shapeSignature = [*list(tensor.shapeSignature)[:3], count]
    return graph.pack()
