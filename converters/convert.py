"""From a run to a bundle: quantise, compare with the float network, take golden frames, write all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from converters.quantize import quantize
from edge import __version__
from edge.contract.bundle import CARD, MODEL, PROVENANCE, read_bundle, write_bundle
from edge.contract.cam import dequantise, pool, probability, score
from edge.contract.card import Card, GoldenFrame, Parity, encode_card
from edge.contract.images import read_image
from edge.contract.preprocess import preprocess
from edge.contract.storage import refuse_taken
from edge.inference.engine import Engine
from trainer.metrics import map_correlation
from trainer.run import Run
from trainer.train import predict_maps

Tell = Callable[[str], None]


def convert(run: Run, out: Path, tell: Tell) -> Card:
    """Writes the bundle of a run to `out` and returns its card. Raises DataError, BundleError or UsageError."""
    refuse_taken(out)  # said now: the work takes a while
    network, inputs, origin = run.model(), run.inputs(), run.provenance()
    tell("quantising")
    model = quantize(network, inputs.calibration)
    engine = Engine(model)
    tell("comparing float with int8")
    parity = compare(
        run, predict_maps(network, inputs.validation), [engine.invoke(i) for i in inputs.validation], engine
    )
    golden, frames = _golden_frames(run, engine)
    record = run.record
    card = Card(
        name=record.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        made_by=f"okng {__version__}",
        preprocess=record.preprocess,
        input=engine.input,
        output=engine.output,
        pooling=record.pooling,
        thresholds=record.thresholds,
        golden=tuple(golden),
        parity=parity,
        training=record.training,
    )
    tell("writing the bundle")
    write_bundle(out, {MODEL: model, CARD: encode_card(card), PROVENANCE: origin, **frames})
    read_bundle(out)
    return card


def compare(run: Run, float_maps: np.ndarray, units: list[np.ndarray], engine: Engine) -> Parity:
    """The float network's maps (n, rows, columns, 1) against the int8 model's on the same inputs."""
    record, output = run.record, engine.output
    int8_maps = np.stack([dequantise(unit, output.scale, output.zero_point) for unit in units])
    before, after = (
        probability(pool(maps, record.pooling)[:, 0].astype(np.float64)) for maps in (float_maps, int8_maps)
    )
    equal = [record.thresholds.verdict(a) == record.thresholds.verdict(b) for a, b in zip(before, after, strict=True)]
    gap = np.abs(before - after)
    return Parity(
        images=len(units),
        equal_verdicts=float(np.mean(equal)),
        score_difference_mean=float(gap.mean()),
        score_difference_max=float(gap.max()),
        map_correlation=map_correlation(list(float_maps), list(int8_maps)),
    )


def _golden_frames(run: Run, engine: Engine) -> tuple[list[GoldenFrame], dict[str, bytes]]:
    record, output = run.record, engine.output
    golden, frames = [], {}
    for label, path in run.golden():
        units = engine.invoke(preprocess(read_image(path), record.preprocess))
        logits = dequantise(units, output.scale, output.zero_point)
        found = score(logits, record.pooling)
        name = f"golden/{path.name}"
        frames[name] = path.read_bytes()
        verdict = record.thresholds.verdict(found)
        golden.append(GoldenFrame(name, label, verdict, found, units.tobytes()))  # type: ignore[arg-type]
    return golden, frames
