"""What the figures mean, each in one place. Scores are P(NG), 0 to 1; truth is True for ng."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from edge.contract.cam import Thresholds, probability
from edge.contract.types import Verdict

MARGIN_LOGITS = 1.0
"""Parts not yet seen scatter beyond the few that chose the thresholds: by this much they are reviewed."""
REVIEW_LIMIT = 0.2
"""Share of the parts that an operator may be asked about; beyond it the band is of no use."""

Truth = NDArray[np.bool_]
Scores = NDArray[np.float64]


def auroc(truth: Truth, scores: Scores) -> float:
    """Chance that an ng image scores above an ok one (Fawcett 2006); 0.5 where one class is absent."""
    return float(roc_auc_score(truth, scores)) if truth.any() and not truth.all() else 0.5


def average_precision(truth: Truth, scores: Scores) -> float:
    """Area under the precision-recall curve, by steps; 0 without an ng image."""
    return float(average_precision_score(truth, scores)) if truth.any() else 0.0


def best_f1_threshold(truth: Truth, scores: Scores) -> float:
    """The score that best parts ng from ok by F1, half way to the next lower score."""
    precision, recall, thresholds = precision_recall_curve(truth, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    chosen = float(thresholds[int(np.argmax(f1[:-1]))])
    below = scores[scores < chosen]
    return (chosen + float(below.max())) / 2 if below.size else chosen


def choose_thresholds(truth: Truth, scores: Scores, tolerated: float = 0.02) -> Thresholds:
    """OK, REVIEW and NG on validation scores, of which both classes must have some.

    REVIEW spans from the score that `tolerated` (a share) of the ng images fall below to the one that as large a
    share of the ok images reach, or from the middle of the gap where the classes part cleanly, and MARGIN_LOGITS
    further on either side. Where more than REVIEW_LIMIT of the images would lie in it, it shrinks towards the best F1
    threshold until they do not: then more escape, or are rejected wrongly, than tolerated, and the report shows it.
    With few ng images all this is an estimate, not a guarantee: n images cannot speak of less than 1/n.
    """
    escape = _logit(float(np.quantile(scores[truth], tolerated, method="lower")))
    alarm = _logit(float(np.quantile(scores[~truth], 1 - tolerated, method="higher")))
    middle, best = (escape + alarm) / 2, _logit(best_f1_threshold(truth, scores))
    lower, upper = min(escape, middle) - MARGIN_LOGITS, max(alarm, middle) + MARGIN_LOGITS
    for width in np.linspace(1, 0, 101):
        band = Thresholds(
            ok_below=float(probability(best + width * min(lower - best, 0.0))),
            ng_from=float(probability(best + width * max(upper - best, 0.0))),
        )
        if np.mean((scores >= band.ok_below) & (scores < band.ng_from)) <= REVIEW_LIMIT:
            break
    return band


def verdict_counts(truth: Truth, scores: Scores, thresholds: Thresholds) -> dict[str, dict[str, int]]:
    """Images by label and verdict: `counts["ng"]["ok"]` are the escapes."""
    counts = {label: dict.fromkeys((Verdict.OK, Verdict.REVIEW, Verdict.NG), 0) for label in ("ok", "ng")}
    for is_ng, score in zip(truth, scores, strict=True):
        counts["ng" if is_ng else "ok"][thresholds.verdict(float(score))] += 1
    return {label: {verdict.value: count for verdict, count in row.items()} for label, row in counts.items()}


def peak_hit(peak_xy: tuple[int, int], mask: NDArray[np.uint8], reach_px: float) -> bool:
    """Whether the map's peak lies on the mask, or within `reach_px` of it (pixels of the mask)."""
    x, y = peak_xy
    if not mask.any():
        return False
    away = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, 5)
    return bool(away[min(y, mask.shape[0] - 1), min(x, mask.shape[1] - 1)] <= reach_px)


def map_correlation(first: Sequence[NDArray], second: Sequence[NDArray]) -> float:
    """Pearson's correlation over all places of all maps; 1 where both are flat."""
    a, b = (np.concatenate([m.ravel() for m in maps]).astype(np.float64) for maps in (first, second))
    if a.std() == 0 or b.std() == 0:
        return float(np.allclose(a - a.mean(), b - b.mean()))
    return float(np.corrcoef(a, b)[0, 1])


def _logit(probability: float) -> float:
    kept = min(max(probability, 1e-12), 1 - 1e-12)
    return float(np.log(kept / (1 - kept)))
