"""What the figures mean, each in one place. Scores are P(NG), 0 to 1; truth is True for ng."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from edge.contract.cam import Thresholds
from edge.contract.preprocess import Region
from edge.contract.types import Verdict
from trainer.intervals import Interval, share_interval

SIZE_BINS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0)
"""Edges between classes of fault size, as shares of the image; a fault on an edge belongs to the larger class."""
RELIABILITY_BINS = 10

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


def mask_cover(mask: NDArray[np.uint8], region: Region, rows: int, columns: int) -> NDArray[np.float64]:
    """The share of each map cell that the mask covers: (rows, columns), 0 to 1, of the inspected region only."""
    x, y, w, h = region.pixels(*mask.shape[:2])
    marked = (mask[y : y + h, x : x + w] > 0).astype(np.float64)
    return _overlap(rows, h) @ marked @ _overlap(columns, w).T


def pixel_ap(maps: Sequence[NDArray], covers: Sequence[NDArray]) -> float | None:
    """Average precision of pixels being faulty, over all images at once; None where no mask marks anything.

    `maps` are logits (rows, columns), `covers` as from `mask_cover`, zero for ok images. This is the pixel AP of maps
    laid over their images cell by cell, without smoothing: a cell that the mask covers to a tenth counts as a tenth of
    a cell of faulty pixels and nine tenths of good ones. Every image weighs the same, whatever its resolution.
    """
    if not maps:
        return None
    logits = np.concatenate([np.ravel(each) for each in maps])
    cover = np.concatenate([np.ravel(each) / each.size for each in covers])
    full = np.concatenate([np.full(each.size, 1 / each.size) for each in covers])
    if not cover.any():
        return None
    truth = np.repeat([True, False], len(logits))
    weights = np.concatenate([cover, np.maximum(full - cover, 0)])
    return float(average_precision_score(truth, np.tile(logits, 2), sample_weight=weights))


def size_bin(share: float) -> int:
    """Index of the class in SIZE_BINS of a fault that covers this share of its image."""
    return int(np.clip(np.searchsorted(SIZE_BINS, share, side="right") - 1, 0, len(SIZE_BINS) - 2))


def mean_absolute_error(truth: Truth, scores: Scores) -> float:
    """Mean distance of the score from 0 for ok and 1 for ng."""
    return float(np.abs(scores - truth).mean())


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The images, `ng` of them ng, whose scores lie in one bin.

    `weight` is the bin's share of all images, `score` its mean score and `share` its share of ng, where ok and ng
    images weigh the same in all, as in training; `interval` is that of the true share, at 95 %.
    """

    images: int
    ng: int
    weight: float
    score: float
    share: float
    interval: Interval


def reliability(truth: Truth, scores: Scores) -> list[ReliabilityBin]:
    """Images by score, in RELIABILITY_BINS bins of equal width, empty ones left out (DeGroot and Fienberg 1983)."""
    weights, odds = _balanced(truth)
    places = np.minimum((scores * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    bins = []
    for inside in (places == place for place in np.unique(places)):
        images, ng = int(inside.sum()), int(truth[inside].sum())
        lower, upper = (odds * share / (odds * share + (1 - share)) for share in share_interval(ng, images))
        score, share = (float(np.average(values[inside], weights=weights[inside])) for values in (scores, truth))
        bins.append(ReliabilityBin(images, ng, float(weights[inside].sum()), score, share, (lower, upper)))
    return bins


def calibration_error(truth: Truth, scores: Scores) -> float:
    """Expected calibration error (Naeini et al. 2015): how far the share of ng lies from the score, over the bins."""
    return sum(each.weight * abs(each.share - each.score) for each in reliability(truth, scores))


def map_correlation(first: Sequence[NDArray], second: Sequence[NDArray]) -> float:
    """Pearson's correlation over all places of all maps; 1 where both are flat."""
    a, b = (np.concatenate([m.ravel() for m in maps]).astype(np.float64) for maps in (first, second))
    if a.std() == 0 or b.std() == 0:
        return float(np.allclose(a - a.mean(), b - b.mean()))
    return float(np.corrcoef(a, b)[0, 1])


def _balanced(truth: Truth) -> tuple[NDArray[np.float64], float]:
    """The weight of each image, so that ok and ng sum to a half each, and by how much ng ones weigh more."""
    ng, ok = int(truth.sum()), int((~truth).sum())
    if not ng or not ok:
        return np.full(len(truth), 1 / len(truth)), 1.0
    return np.where(truth, 0.5 / ng, 0.5 / ok), ok / ng


def _overlap(cells: int, pixels: int) -> NDArray[np.float64]:
    """The part of each cell that each pixel fills: (cells, pixels), each row of sum 1."""
    edges = np.linspace(0, pixels, cells + 1)
    starts = np.arange(pixels)
    inside = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return np.maximum(inside, 0) * (cells / pixels)
