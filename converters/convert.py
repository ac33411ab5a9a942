"""From a run to a bundle: quantise, compare with the float network, take golden frames, write all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np

from converters.layers import LayerError, layer_errors
from converters.quantize import Source, lighten
from converters.remedies import Tell, quantise_well
from edge import __version__
from edge.contract.bundle import CARD, MODEL, PROVENANCE, read_bundle, write_bundle
from edge.contract.cam import (
    Classes,
    Pooling,
    Thresholds,
    dequantise,
    name_kind,
    ng_map,
    ng_probability,
    pool,
    score,
)
from edge.contract.card import Card, Format, GoldenFrame, Parity, Target, encode_card
from edge.contract.images import read_image
from edge.contract.keys import SigningKey
from edge.contract.preprocess import preprocess
from edge.contract.storage import refuse_taken
from edge.errors import DataError
from edge.inference.engine import Engine
from trainer.calibrate import Calibrated, Held, calibrate
from trainer.metrics import map_correlation
from trainer.run import Inputs, Run
from trainer.train import predict_maps

GOLDEN_TOLERANCE = 6
"""In units of the map: two runtimes' int8 kernels were seen 4 apart at this headroom (docs/decisions/0043)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked of a conversion. `remedies` and `layers` are of int8 alone."""

    format: Format = "int8"
    remedies: bool = True
    layers: bool = False
    target: Target | None = None
    key: SigningKey | None = None


@dataclass(frozen=True, slots=True)
class Converted:
    """A bundle's card; what was done so that int8 agrees with float, "" for nothing, and whether it does; its layers
    where asked for."""

    card: Card
    remedy: str = ""
    passes: bool = True
    layers: tuple[LayerError, ...] = ()


@dataclass(frozen=True, slots=True)
class _Measured:
    """A model on the validation inputs: how it is to judge, and how well it agrees with the float network."""

    engine: Engine
    calibrated: Calibrated
    parity: Parity


def convert(run: Run, out: Path, tell: Tell, wish: Wish = Wish()) -> Converted:
    """Writes the bundle of a run to `out`, signed where there is a key.

    Temperature and thresholds are chosen anew, on the scores of the bundle's model, by the target or by what the run's
    were. Raises DataError, BundleError or UsageError.
    """
    refuse_taken(out)  # said now: the work takes a while
    network, inputs, origin = run.model(), run.inputs(), run.provenance()
    _check(run, network, inputs)
    float_maps = predict_maps(network, inputs.validation)  # now: remedies may change the network

    def measure(model: bytes) -> _Measured:
        engine = Engine(model)
        maps = _maps(engine, inputs.validation)
        before, after = inputs.validation_logits, _as_held(run, inputs, float_maps, maps)
        found = _calibrated(run, inputs, after, wish)
        parity = compare((float_maps, maps), (before, after), found.pooling, found.thresholds, run.record.classes)
        return _Measured(engine, found, parity)

    tell("quantising …")
    remedy, passes = "", True
    layers: tuple[LayerError, ...] = ()
    if wish.format == "int8":
        best = quantise_well(
            network, inputs.calibration, lambda model: measure(model).parity, tell, remedies=wish.remedies
        )
        model, remedy, passes = best.model, best.remedy, best.passes
        layers = tuple(layer_errors(best.source, model, inputs.validation)) if wish.layers else ()
    else:
        model = lighten(network, Source(network, inputs.calibration), wish.format)
    measured = measure(model)
    golden, frames = _golden_frames(run, measured.engine, measured.calibrated.pooling, measured.calibrated.thresholds)
    card = _card(run, wish.format, measured, golden)
    tell("writing the bundle …")
    write_bundle(out, {MODEL: model, CARD: encode_card(card), PROVENANCE: origin, **frames}, wish.key)
    read_bundle(out)
    return Converted(card, remedy, passes, layers)


def _check(run: Run, network: keras.Model, inputs: Inputs) -> None:
    """Raises DataError when the network does not take the run's inputs, or does not give a map of its classes."""
    where, shape, count = run.path, run.record.preprocess.shape, len(run.record.classes.names)
    for name, images in (("calibration", inputs.calibration), ("validation", inputs.validation)):
        if images.dtype != np.uint8 or images.shape[1:] != shape or not len(images):
            raise DataError(f"{where}: its {name} images {images.shape} are not {shape} uint8; train again")
    ends = [network.input_shape, network.output_shape]
    if not all(isinstance(end, tuple) for end in ends):
        raise DataError(f"{where}: its network has several inputs or outputs; a board needs one image in, one map out")
    if tuple(network.input_shape[1:]) != shape:
        raise DataError(f"{where}: its network takes {network.input_shape[1:]}, its images are {shape}; train again")
    if len(network.output_shape) != 4 or network.output_shape[-1] != count:
        raise DataError(f"{where}: its network gives {network.output_shape[1:]}, not a map (rows, columns, {count})")


def _card(run: Run, kind: Format, measured: _Measured, golden: list[GoldenFrame]) -> Card:
    record, found = run.record, measured.calibrated
    return Card(
        name=record.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        made_by=f"okng {__version__}",
        classes=record.classes.names,
        ok_classes=record.classes.ok,
        preprocess=record.preprocess,
        format=kind,
        input=measured.engine.input,
        output=measured.engine.output,
        pooling=found.pooling,
        thresholds=found.thresholds,
        golden=tuple(golden),
        golden_tolerance_units=GOLDEN_TOLERANCE,
        parity=measured.parity,
        calibration=found.calibration,
        training=record.training,
    )


def compare(
    maps: tuple[np.ndarray, np.ndarray], logits: tuple[np.ndarray, np.ndarray], pooling: Pooling,
    thresholds: Thresholds, classes: Classes,
) -> Parity:  # fmt: skip
    """A network before and after, on the same inputs, both judged as the bundle judges.

    `maps` (n, rows, columns, classes) each, and of the scores the pooled `logits` (n, 1) each.
    """
    merged = [ng_map(each, classes) for each in maps]
    before, after = (ng_probability(each, pooling.temperature) for each in logits)
    verdicts = [[thresholds.verdict(score) for score in scores.tolist()] for scores in (before, after)]
    names = [
        [name_kind(each, pooling, classes, verdict) for each, verdict in zip(side, found, strict=True)]
        for side, found in zip(maps, verdicts, strict=True)
    ]
    gap = np.abs(before - after)
    return Parity(
        images=len(after),
        equal_verdicts=_equal(verdicts),
        score_difference_mean=float(gap.mean()),
        score_difference_max=float(gap.max()),
        map_correlation=map_correlation(list(merged[0]), list(merged[1])),
        equal_kinds=_equal(names) if classes.many else None,
    )


def _equal(pairs: Sequence[Sequence[object]]) -> float:
    return float(np.mean([a == b for a, b in zip(*pairs, strict=True)]))


def _maps(engine: Engine, inputs: np.ndarray) -> np.ndarray:
    output = engine.output
    return np.stack([dequantise(engine.invoke(each), output.scale, output.zero_point) for each in inputs])


def _as_held(run: Run, inputs: Inputs, float_maps: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """The logits of the held images (n, 1), moved by what the format changes in the network's."""
    given, made = (pool(ng_map(each, run.record.classes), run.record.pooling) for each in (float_maps, maps))
    return inputs.validation_logits + made - given


def _calibrated(run: Run, inputs: Inputs, logits: np.ndarray, wish: Wish) -> Calibrated:
    before = run.record.calibration
    wanted = wish.target or (before.target if before else Target())
    held = Held(logits, inputs.validation_truth, run.validation_groups(len(logits)))
    return calibrate(held, wanted, run.record.pooling, wish.format)


def _golden_frames(
    run: Run, engine: Engine, pooling: Pooling, thresholds: Thresholds
) -> tuple[list[GoldenFrame], dict[str, bytes]]:  # fmt: skip
    record, output = run.record, engine.output
    golden, frames = [], {}
    for label, path in run.golden():
        units = engine.invoke(preprocess(read_image(path), record.preprocess))
        logits = dequantise(units, output.scale, output.zero_point)
        found = score(ng_map(logits, record.classes), pooling)
        name = f"golden/{path.name}"
        frames[name] = path.read_bytes()
        verdict = thresholds.verdict(found)
        kind = name_kind(logits, pooling, record.classes, verdict)
        golden.append(GoldenFrame(name, label, verdict, found, units.tobytes(), kind))  # type: ignore[arg-type]
    return golden, frames
