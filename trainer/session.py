"""What `okng train` does: read, split, train, choose thresholds, evaluate, and leave a run."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import keras
import msgspec
import numpy as np
import tensorflow as tf

from edge import __version__
from edge.contract.cam import BINARY, Classes, ng_map, pool
from edge.contract.card import Target
from edge.contract.preprocess import PreprocessSpec, preprocess
from edge.contract.storage import new_folder
from trainer import run as runs
from trainer.batches import Batches, Part, joined
from trainer.calibrate import Held, calibrate
from trainer.calibration_set import choose_calibration
from trainer.checkpoint import Checkpoint, identity_of, state_of
from trainer.classes import class_indices, read_classes
from trainer.dataset import Loaded, Sample, any_coloured, load_images, read_mask, read_samples, require_both_classes
from trainer.evaluate import Subject, evaluate, keras_judge
from trainer.feature_batches import FeatureBatches, as_features
from trainer.figures import figures
from trainer.golden import keep_golden
from trainer.learner import gpus_for
from trainer.logs import Log, mlflow_run, tensorboard
from trainer.metrics import auroc, average_precision, best_f1_threshold
from trainer.networks import Choice
from trainer.networks.network import assemble, int8_concerns
from trainer.plan import Plan
from trainer.report import render_report
from trainer.robustness import robustness
from trainer.split import Split, split_samples
from trainer.train import Progress, Trained, predict_maps, train

CALIBRATION_IMAGES = 512
MASK_LEVEL = 64
"""Of 255: from here on a place that the resized mask covers only in part still counts; of a fault smaller than a place
what is covered most."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked of `okng train`. `colour` None: grey where all images are grey. `kinds`: tell them apart too."""

    data: Path
    out: Path
    size: int
    colour: str | None
    test_fold: int | None
    use_masks: bool
    plan: Plan
    spec: PreprocessSpec = PreprocessSpec()
    target: Target = Target()
    network: Choice = Choice()
    kinds: bool = False


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of the split: whose images, and what the network gets of them."""

    samples: list[Sample]
    part: Part


@dataclass(frozen=True, slots=True)
class _Images:
    """All there are: how they were split, what of them could be read, and the two sides that are learned from."""

    split: Split
    loaded: Loaded
    learning: _Side
    held: _Side


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of the progress: images read, training steps, and what stands in between."""

    reading: Callable[[int, int], None]
    training: Callable[[Progress], None]
    say: Callable[[str], None]


def run_training(request: Request, listener: Listener) -> dict[str, Any]:
    """Leaves a run at `request.out`, whole or not at all, and returns its figures.

    Raises DataError when the images cannot be used and UsageError when the place is taken or cannot be written.
    """
    gpus, state = gpus_for(request.plan), state_of(request.out.absolute())
    with new_folder(request.out, state) as folder:
        samples = read_samples(request.data)
        split = split_samples(samples, seed=request.plan.seed, test_fold=request.test_fold)
        for part, where in ((split.train, "training part"), (split.validation, "validation part")):
            require_both_classes(part, f"{request.data}, {where}")
        _classes(request, split.train, split.validation)  # said now: reading takes a while
        spec = _spec_for(request, split)
        loaded = load_images(
            [*split.train, *split.validation], lambda pixels: preprocess(pixels, spec), listener.reading
        )
        for name, reason in loaded.unreadable:
            listener.say(f"left out {name}: {reason}")
        learning, held = _sides(loaded, split, request)
        classes = _classes(request, learning.samples, held.samples)
        if classes.many:
            learning, held = (_with_kinds(side, classes) for side in (learning, held))
        with tensorboard(folder / runs.LOGS) as board, mlflow_run(request.out.name, _settings(request)) as flow:
            trained = _train(request, learning.part, held.part, classes, listener, (board, flow), gpus, state)
        final, again = trained, state.with_name(f"{state.name}-again")
        if request.plan.refit:
            listener.say("learning anew from all parts, the validation ones too")
            whole = joined(learning.part, held.part)
            final = _train(request, whole, None, classes, listener, (), gpus, again)
        listener.say("choosing thresholds on the validation part")
        found = _write_run(folder, request, spec, _Images(split, loaded, learning, held), trained, final, classes)
    for file in (state, again):
        file.unlink(missing_ok=True)
    return found


def _classes(request: Request, learning: list[Sample], held: list[Sample]) -> Classes:
    return read_classes(learning, held, str(request.data)) if request.kinds else BINARY


def _with_kinds(side: _Side, classes: Classes) -> _Side:
    return _Side(side.samples, replace(side.part, kinds=class_indices(side.samples, classes)))


def _settings(request: Request) -> dict[str, Any]:
    return {"data": str(request.data), "size": request.size, **msgspec.to_builtins(request.plan)}


def _train(
    request: Request, learning: Part, held: Part | None, classes: Classes, listener: Listener, logs: tuple[Log, ...],
    gpus: list[str], state: Path,
) -> Trained:  # fmt: skip
    """Goes on where an interrupted training of the same plan and images stood."""
    plan = request.plan
    if plan.refit and plan.max_seconds:
        plan = msgspec.structs.replace(plan, max_seconds=plan.max_seconds / 2)
    keras.utils.set_random_seed(plan.seed)
    tf.config.experimental.enable_op_determinism()
    chosen = request.network
    network = assemble(
        chosen.name, learning.inputs.shape[1:], len(classes.names), chosen.weights, chosen.tuning,
        learning.inputs[choose_calibration(learning.inputs, learning.truth, CALIBRATION_IMAGES, plan.seed)],
        **chosen.options,
    )  # fmt: skip
    for concern in int8_concerns(network.model) if held else ():
        listener.say(f"int8 may cost accuracy: {concern}")
    parts = [learning, held] if held else [learning]
    checkpoint = Checkpoint(state, f"{identity_of(plan, *parts)} {chosen} {classes}")
    if state.exists():
        listener.say("going on with the training that was interrupted")

    def tell(progress: Progress) -> None:
        for hear in (listener.training, *logs):
            hear(progress)

    if chosen.tuning.way == "frozen-cached":
        listener.say("computing the features of all images")
        features = FeatureBatches(as_features(network, learning), plan)
        kept = as_features(network, held) if held else None
        trained = train(network.head, features, kept, plan, tell, checkpoint, classes, gpus)
        trained.model = network.model
    else:
        source = Batches(learning, network.model.output_shape[1:3], plan)
        trained = train(network.model, source, held, plan, tell, checkpoint, classes, gpus)
    return trained


def _spec_for(request: Request, split: Split) -> PreprocessSpec:
    colour = request.colour or ("bgr" if any_coloured(split.train[:: max(1, len(split.train) // 16)]) else "grey")
    return msgspec.structs.replace(request.spec, width=request.size, height=request.size, colour=colour)


def _sides(loaded: Loaded, split: Split, request: Request) -> tuple[_Side, _Side]:
    names = {sample.name for sample in split.validation}
    indices: tuple[list[int], list[int]] = ([], [])
    for index, sample in enumerate(loaded.samples):
        indices[sample.name in names].append(index)
    return (
        _side(loaded, indices[0], f"{request.data}, training part", request),
        _side(loaded, indices[1], f"{request.data}, validation part", request),
    )


def _side(loaded: Loaded, indices: list[int], where: str, request: Request) -> _Side:
    samples = [loaded.samples[i] for i in indices]
    require_both_classes(samples, where)
    truth = np.array([sample.is_ng for sample in samples])
    masks = [_mask(sample, request) for sample in samples]  # read in any case: the report needs good ones
    known = [mask if request.use_masks else None for mask in masks]
    return _Side(samples, Part(np.stack([loaded.images[i] for i in indices]), truth, known))


def _mask(sample: Sample, request: Request) -> np.ndarray | None:
    """The mask as the network sees it: cut and scaled as its image is, (size, size) uint8, 0 or 255."""
    mask = read_mask(sample)
    if mask is None:
        return None
    plain = msgspec.structs.replace(
        request.spec,
        width=request.size,
        height=request.size,
        colour="grey",
        normalise="none",
        clahe=None,
        flat_field=None,
    )
    seen = preprocess(mask, plain)[..., 0]
    return np.where(seen >= max(1, min(MASK_LEVEL, int(seen.max()))), 255, 0).astype(np.uint8)


def _write_run(
    folder: Path, request: Request, spec: PreprocessSpec, images: _Images, trained: Trained, final: Trained,
    classes: Classes,
) -> dict[str, Any]:  # fmt: skip
    """`trained` has not learned from `held`, so it is what the thresholds and the report stand on; `final` is kept."""
    held, part = images.held, images.learning.part
    maps = ng_map(predict_maps(trained.model, held.part.inputs), classes)
    judged = Held(pool(maps, request.plan.pooling), held.part.truth, [sample.group for sample in held.samples])
    found = calibrate(judged, request.target, request.plan.pooling, "float")
    facts = _facts(request, images, trained, found.scores)
    facts["train_seconds"] = round(trained.seconds + (final.seconds if final is not trained else 0), 1)
    record = runs.RunRecord(
        name=request.data.resolve().name,
        preprocess=spec,
        pooling=found.pooling,
        thresholds=found.thresholds,
        calibration=found.calibration,
        classes=classes,
        training=facts,
    )
    final.model.save(folder / runs.MODEL)
    (folder / runs.RECORD).write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1))
    np.savez_compressed(
        folder / runs.INPUTS,
        calibration=part.inputs[choose_calibration(part.inputs, part.truth, CALIBRATION_IMAGES, request.plan.seed)],
        validation=held.part.inputs,
        validation_truth=held.part.truth,
        validation_logits=judged.pooled,
    )
    known, split = {sample.name: sample for sample in images.loaded.samples}, images.split
    placed = Split(*([known.get(s.name, s) for s in side] for side in (split.train, split.validation, split.test)))
    (folder / runs.PROVENANCE).write_bytes(runs.provenance(placed))
    keep_golden(folder / "golden", held.samples, found.scores, found.thresholds, classes)
    promised = msgspec.to_builtins({"thresholds": found.thresholds, "calibration": found.calibration})
    metrics = {**facts, **promised, "history": trained.history, "validation": _report(folder, record, trained, held)}
    (folder / "metrics.json").write_bytes(msgspec.json.format(msgspec.json.encode(metrics), indent=1))
    return {**facts, **promised}


def _report(folder: Path, record: runs.RunRecord, trained: Trained, held: _Side) -> dict[str, Any]:
    """Writes the page on the validation images, which chose weights and thresholds, and returns their metrics."""
    judge = keras_judge(trained.model, record.preprocess, record.pooling, record.thresholds, record.classes)
    subject = Subject(
        "The float network", judge, record.preprocess, record.thresholds, set(), record.pooling, record.calibration,
        about=record.training, classes=record.classes,
    )  # fmt: skip
    evaluation = evaluate(subject, held.samples)
    metrics = figures(evaluation)
    metrics["robustness"] = robustness(evaluation)
    title = f"{record.name}: training report"
    page = render_report(title, evaluation, metrics, held_out=False, history=trained.history)
    (folder / "report.html").write_text(page, encoding="utf-8")
    return metrics


def _facts(request: Request, images: _Images, trained: Trained, scores: np.ndarray) -> dict[str, Any]:
    split, truth = images.split, images.held.part.truth
    counts = {
        name: dict(sorted(Counter(sample.kind for sample in part).items()))
        for name, part in (("train", split.train), ("validation", split.validation), ("test", split.test))
    }
    return {
        "data": request.data.resolve().name,
        "images": counts,
        "unreadable": [name for name, _ in images.loaded.unreadable],
        "test_fold": request.test_fold,
        "masks": sum(mask is not None for mask in images.learning.part.masks),
        "validation_auroc": auroc(truth, scores),
        "validation_ap": average_precision(truth, scores),
        "best_f1_threshold": best_f1_threshold(truth, scores),
        "weights": int(trained.model.count_params()),
        "best_step": trained.best_step,
        "network": request.network.facts(),
        "plan": msgspec.to_builtins(request.plan),
        "versions": {
            "okng": __version__,
            "python": sys.version.split()[0],
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }
