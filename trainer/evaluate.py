"""How good a run or a bundle is on labelled images it has not learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edge.contract.bundle import PROVENANCE, read_bundle
from edge.contract.cam import Pooling, Thresholds, dequantise, score
from edge.contract.cam import peak as map_peak
from edge.contract.preprocess import PreprocessSpec, centred, preprocess
from edge.contract.types import Frame, Pixels, Verdict
from edge.errors import DataError
from edge.inference.judge import Judge
from trainer.dataset import Sample, load_images, read_mask
from trainer.metrics import auroc, average_precision, peak_hit, verdict_counts
from trainer.run import is_run, read_run, seen_in_training
from trainer.split import check_folds


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a network says of one image: P(NG), the verdict, and the logit map (rows, columns, 1)."""

    score: float
    verdict: Verdict
    logits: np.ndarray


@dataclass(frozen=True, slots=True)
class Subject:
    """What is evaluated: a way to judge pixels, its spec and thresholds, and the images it has learned from.

    `judge` gives None for a frame that cannot be judged.
    """

    name: str
    judge: Callable[[Pixels], Opinion | None]
    spec: PreprocessSpec
    thresholds: Thresholds
    learned: set[str]


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
    loaded = load_images(samples, lambda pixels: pixels)
    judged, learned_from = [], 0
    for count, (sample, pixels) in enumerate(zip(loaded.samples, loaded.images, strict=True), 1):
        if sample.sha256 in subject.learned:
            learned_from += 1
        elif (opinion := subject.judge(pixels)) is None:
            loaded.unreadable.append((sample.name, "cannot be judged: a FAULT on the board"))
        else:
            judged.append(Judged(sample, opinion, _hit(sample, opinion, subject.spec)))
        if progress:
            progress(count, len(loaded.samples))
    if not judged:
        if learned_from:
            raise DataError(f"all {learned_from} images trained {subject.name}: nothing is left to evaluate it with")
        raise DataError(f"{subject.name} can judge none of the {len(samples)} images: there is nothing to evaluate")
    return Evaluation(subject, judged, loaded.unreadable, learned_from)


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


def figures(evaluation: Evaluation) -> dict[str, Any]:
    """The metrics as plain values; `metrics.json` holds them."""
    truth, scores = evaluation.truth, evaluation.scores
    counts = verdict_counts(truth, scores, evaluation.subject.thresholds)
    return {
        "subject": evaluation.subject.name,
        "images": len(truth),
        "ok": int((~truth).sum()),
        "ng": int(truth.sum()),
        "auroc": auroc(truth, scores),
        "ap": average_precision(truth, scores),
        "verdicts": counts,
        "escape_rate": _share(counts["ng"]["ok"], int(truth.sum())),
        "false_reject_rate": _share(counts["ok"]["ng"], int((~truth).sum())),
        "review_rate": _share(counts["ok"]["review"] + counts["ng"]["review"], len(truth)),
        "peak_hit_rate": _hit_rate(evaluation.judged),
        "kinds": _by_kind(evaluation),
        "unreadable": [name for name, _ in evaluation.unreadable],
        "learned_from": evaluation.learned_from,
        "thresholds": msgspec.to_builtins(evaluation.subject.thresholds),
    }


def predictions(evaluation: Evaluation) -> Iterable[dict[str, Any]]:
    """One plain record per image."""
    for item in evaluation.judged:
        sample, opinion = item.sample, item.opinion
        yield {"image": sample.name, "label": sample.label, "kind": sample.kind, "score": opinion.score,
               "verdict": opinion.verdict.value, "hit": item.hit}  # fmt: skip


def keras_judge(model: Any, spec: PreprocessSpec, pooling: Pooling, thresholds: Thresholds) -> Callable:
    """Judges pixels with the float network."""

    def judge(pixels: Pixels) -> Opinion:
        logits = np.asarray(model.predict_on_batch(centred(preprocess(pixels, spec)[None])))[0]
        found = score(logits, pooling)
        return Opinion(found, thresholds.verdict(found), logits)

    return judge


def _run_subject(path: Path) -> Subject:
    run = read_run(path)
    record = run.record
    judge = keras_judge(run.model(), record.preprocess, record.pooling, record.thresholds)
    return Subject(path.name, judge, record.preprocess, record.thresholds, seen_in_training(path / PROVENANCE))


def _bundle_subject(path: Path) -> Subject:
    bundle = read_bundle(path)
    card, board = bundle.card, Judge(bundle)

    def judge(pixels: Pixels) -> Opinion | None:
        found = board.judge(Frame(pixels, 0, 0, 0))
        if found.score is None or found.map_units is None:
            return None
        logits = dequantise(found.map_units, card.output.scale, card.output.zero_point)
        return Opinion(found.score, found.verdict, logits)

    return Subject(path.name, judge, card.preprocess, card.thresholds, seen_in_training(path / PROVENANCE))


def _hit(sample: Sample, opinion: Opinion, spec: PreprocessSpec) -> bool | None:
    mask = read_mask(sample)
    if mask is None:
        return None
    height, width = mask.shape[:2]
    rows, columns = opinion.logits.shape[:2]
    _, _, w, h = spec.region.pixels(height, width)
    reach = max(w / columns, h / rows)
    return peak_hit(map_peak(opinion.logits, spec, height, width), mask, reach)


def _by_kind(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    truth, scores = evaluation.truth, evaluation.scores
    kinds = np.array([item.sample.kind for item in evaluation.judged])
    table = {}
    for kind in sorted(set(kinds[truth])):
        chosen = ~truth | (kinds == kind)
        items = [item for item in evaluation.judged if item.sample.kind == kind]
        caught = sum(item.opinion.verdict is not Verdict.OK for item in items)
        table[str(kind)] = {
            "images": len(items),
            "auroc": auroc(truth[chosen], scores[chosen]),
            "caught": _share(caught, len(items)),
            "peak_hit_rate": _hit_rate(items),
        }
    return table


def _hit_rate(items: list[Judged]) -> float | None:
    hits = [item.hit for item in items if item.hit is not None]
    return float(np.mean(hits)) if hits else None


def _share(count: int, of: int) -> float:
    return count / of if of else 0.0
