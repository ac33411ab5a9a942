"""An int8 bundle against the float network it was made of, on the same images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.contract.images import read_image
from edge.errors import DataError
from trainer.evaluate import Evaluation, Opinion, keras_judge
from trainer.metrics import auroc, average_precision, map_correlation
from trainer.run import PROVENANCE, Run, seen_in_training

HERE = "these images"


@dataclass(frozen=True, slots=True)
class AgainstFloat:
    """`figures` as in docs/metrics.md under `int8`, and the float network's scores in the order of the images."""

    figures: dict[str, Any]
    scores: np.ndarray


def against_float(
    evaluation: Evaluation, run: Run, progress: Callable[[int, int], None] | None = None
) -> AgainstFloat:  # fmt: skip
    """Judges the images of a bundle's evaluation again with the float network, by the bundle's thresholds.

    Raises DataError when the bundle was not made of this run, or an image can no longer be read.
    """
    bundle = evaluation.subject
    if seen_in_training(run.path / PROVENANCE) != bundle.learned or run.record.preprocess != bundle.spec:
        raise DataError(f"{run.path.name} is not the run that {bundle.name} was made of: they learned differently")
    judge = keras_judge(run.model(), bundle.spec, bundle.pooling, bundle.thresholds, bundle.classes)
    opinions = []
    for count, item in enumerate(evaluation.judged, 1):
        opinions.append(judge(read_image(item.sample.path)))
        if progress:
            progress(count, len(evaluation.judged))
    return _compare(evaluation, opinions)


def _compare(evaluation: Evaluation, opinions: list[Opinion]) -> AgainstFloat:
    truth, scores = evaluation.truth, np.array([opinion.score for opinion in opinions])
    gap = np.abs(scores - evaluation.scores)
    equal = [a.verdict is b.opinion.verdict for a, b in zip(opinions, evaluation.judged, strict=True)]
    figures = {
        "measured_on": HERE,
        "images": len(opinions),
        "auroc_loss": auroc(truth, scores) - auroc(truth, evaluation.scores),
        "ap_loss": average_precision(truth, scores) - average_precision(truth, evaluation.scores),
        "equal_verdicts": float(np.mean(equal)),
        "score_difference_mean": float(gap.mean()),
        "score_difference_max": float(gap.max()),
        "map_correlation": map_correlation(
            [opinion.logits for opinion in opinions], [item.opinion.logits for item in evaluation.judged]
        ),
        "equal_kinds": _equal_kinds(evaluation, opinions),
    }
    return AgainstFloat(figures, scores)


def _equal_kinds(evaluation: Evaluation, opinions: list[Opinion]) -> float | None:
    """Share of the images that are named alike; None where no kinds are told apart."""
    if not evaluation.subject.classes.many:
        return None
    pairs = zip(opinions, evaluation.judged, strict=True)
    return float(np.mean([opinion.kind == item.opinion.kind for opinion, item in pairs]))
