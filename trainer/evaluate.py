"""How good a run or a bundle is on labelled images it has not learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.bundle import PROVENANCE, read_bundle
from edge.contract.cam import BINARY, Classes, Pooling, Thresholds, dequantise, name_kind, ng_map, score
from edge.contract.cam import peak as map_peak
from edge.contract.card import Calibration, Parity
from edge.contract.preprocess import PreprocessSpec, centred, preprocess
from edge.contract.types import Frame, Pixels, Verdict
from edge.errors import DataError
from edge.inference.judge import Judge
from trainer.dataset import Sample, read_mask, stream_images
from trainer.metrics import peak_hit
from trainer.run import is_run, read_run, seen_in_training
from trainer.split import check_folds


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a network says of one image: P(NG), the verdict, and the logit map of ng against ok (rows, columns, 1).

    `kind` is what it names the part as, None where it tells no kinds apart.
    """

    score: float
    verdict: Verdict
    logits: np.ndarray
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What is evaluated: a way to judge pixels, its spec and thresholds, and the images it has learned from.

    `judge` gives None for a frame that cannot be judged. `parity` is how a bundle compared with its
    float network on validation images; `about` says how it was made, by name.
    """

    name: str
    judge: Callable[[Pixels], Opinion | None]
    spec: PreprocessSpec
    thresholds: Thresholds
    learned: set[str]
    pooling: Pooling = Pooling()
    calibration: Calibration | None = None
    parity: Parity | None = None
    about: dict[str, Any] = field(default_factory=dict)
    classes: Classes = BINARY


@dataclass(frozen=True, slots=True)
class Judged:
    """One image with its truth and its opinion. `hit` tells whether the peak met the mask, None without a mask."""

    sample: Sample
    opinion: Opinion
    hit: bool | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All images of one evaluation, and those left out: (name, reason) unreadable, and how many were learned from."""

    subject: Subject
    judged: list[Judged]
    unreadable: list[tuple[str, str]]
    learned_from: int

    @property
    def truth(self) -> np.ndarray:
        """True for ng, in the order of `judged`."""
        return np.array([item.sample.is_ng for item in self.judged])

    @property
    def scores(self) -> np.ndarray:
        """P(NG), in the order of `judged`."""
        return np.array([item.opinion.score for item in self.judged])


def open_subject(path: Path) -> Subject:
    """A run (float network) or a bundle (int8 model, by the board's own code). Raises DataError or BundleError."""
    return _run_subject(path) if is_run(path) else _bundle_subject(path)


def evaluate(
    subject: Subject, samples: list[Sample], progress: Callable[[int, int], None] | None = None
) -> Evaluation:  # fmt: skip
    """Judges every sample that the subject has not learned from. Raises DataError when none is left."""
    judged, learned_from = [], 0
    unreadable: list[tuple[str, str]] = []
    faults: list[tuple[str, str]] = []
    for sample, pixels in stream_images(samples, unreadable, progress):
        if sample.sha256 in subject.learned:
            learned_from += 1
        elif (opinion := subject.judge(pixels)) is None:
            faults.append((sample.name, "cannot be judged: a FAULT on the board"))
        else:
            judged.append(Judged(sample, opinion, _hit(sample, opinion, subject.spec)))
    if not judged:
        if learned_from:
            raise DataError(f"all {learned_from} images trained {subject.name}: nothing is left to evaluate it with")
        raise DataError(f"{subject.name} can judge none of the {len(samples)} images: there is nothing to evaluate")
    return Evaluation(subject, judged, unreadable + faults, learned_from)


def select_fold(samples: list[Sample], fold: int | None) -> list[Sample]:
    """The samples of one fold, or all. Raises DataError when the data have no such fold."""
    if fold is None:
        return samples
    check_folds(samples)
    chosen = [sample for sample in samples if sample.fold == fold]
    if not chosen:
        known = ", ".join(map(str, sorted({s.fold for s in samples if s.fold is not None}))) or "none"
        raise DataError(f"fold {fold} is not in the data; its folds are {known}")
    return chosen


def predictions(evaluation: Evaluation) -> Iterable[dict[str, Any]]:
    """One plain record per image."""
    for item in evaluation.judged:
        sample, opinion = item.sample, item.opinion
        yield {"image": sample.name, "label": sample.label, "kind": sample.kind, "score": opinion.score,
               "verdict": opinion.verdict.value, "named": opinion.kind, "hit": item.hit}  # fmt: skip


def keras_judge(
    model: Any, spec: PreprocessSpec, pooling: Pooling, thresholds: Thresholds, classes: Classes = BINARY
) -> Callable:
    """Judges pixels with the float network."""

    def judge(pixels: Pixels) -> Opinion:
        logits = np.asarray(model.predict_on_batch(centred(preprocess(pixels, spec)[None])))[0]
        merged = ng_map(logits, classes)
        found = score(merged, pooling)
        verdict = thresholds.verdict(found)
        return Opinion(found, verdict, merged, name_kind(logits, pooling, classes, verdict))

    return judge


def _run_subject(path: Path) -> Subject:
    run = read_run(path)
    record = run.record
    judge = keras_judge(run.model(), record.preprocess, record.pooling, record.thresholds, record.classes)
    return Subject(
        path.name,
        judge,
        record.preprocess,
        record.thresholds,
        seen_in_training(path / PROVENANCE),
        record.pooling,
        record.calibration,
        about=record.training,
        classes=record.classes,
    )


def _bundle_subject(path: Path) -> Subject:
    bundle = read_bundle(path)
    card, board = bundle.card, Judge(bundle)

    def judge(pixels: Pixels) -> Opinion | None:
        found = board.judge(Frame(pixels, 0, 0, 0))
        if found.score is None or found.map_units is None:
            return None
        logits = dequantise(found.map_units, card.output.scale, card.output.zero_point)
        return Opinion(found.score, found.verdict, ng_map(logits, card.kinds), found.kind)

    return Subject(
        path.name,
        judge,
        card.preprocess,
        card.thresholds,
        seen_in_training(path / PROVENANCE),
        card.pooling,
        card.calibration,
        card.parity,
        {"bundle": bundle.short, "created": card.created, "made by": card.made_by, **card.training},
        card.kinds,
    )


def _hit(sample: Sample, opinion: Opinion, spec: PreprocessSpec) -> bool | None:
    mask = read_mask(sample)
    if mask is None:
        return None
    height, width = mask.shape[:2]
    rows, columns = opinion.logits.shape[:2]
    _, _, w, h = spec.region.pixels(height, width)
    reach = max(w / columns, h / rows)
    return peak_hit(map_peak(opinion.logits, spec, height, width), mask, reach)
