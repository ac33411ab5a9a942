"""What a score means, and where OK ends and NG begins: from validation scores, with what they can truthfully promise.

Temperature scaling after Guo et al. 2017; the band by class-conditional split conformal prediction (Vovk 2012;
Sadinle, Lei and Wasserman 2019; Angelopoulos and Bates 2021); docs/decisions 0010 and 0011 say why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, floor, log
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from edge.contract.cam import Pooling, Thresholds, ng_probability, probability
from edge.contract.card import Bound, Calibration, Format, Target
from edge.contract.typed import convert
from edge.errors import DataError, UsageError
from trainer.intervals import LEVEL, share_bound
from trainer.metrics import Scores, Truth, best_f1_threshold

ESCAPE, FALSE_REJECT, REVIEW = 0.02, 0.02, 0.2
"""Shares asked for where the user asks for nothing else."""
SHARES = ("escape", "false_reject", "review")
TEMPERATURES = (0.05, 20.0)
ROUNDING_LOGITS = 1e-3
"""A threshold lies this far from the score that set it: far more than floats round, far less than a map's unit."""


@dataclass(frozen=True, slots=True)
class Held:
    """Validation images as a network sees them.

    `pooled` (n, classes) logits; `truth` (n) True for ng; `groups` (n) names of the parts that the images show.
    """

    pooled: NDArray[np.float32]
    truth: Truth
    groups: Sequence[str]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """How to score and judge from now on, the scores of the validation images by it, and what may be promised."""

    pooling: Pooling
    thresholds: Thresholds
    scores: Scores
    calibration: Calibration


def calibrate(held: Held, target: Target, pooling: Pooling, network: Literal["float"] | Format) -> Calibrated:
    """Fits temperature and thresholds to the scores of one network.

    Raises DataError when there is no image, a logit is not a number, or the best F1 is asked of one class.
    """
    if not np.isfinite(held.pooled).all():
        bad = int((~np.isfinite(held.pooled)).any(axis=1).sum())
        raise DataError(f"{bad} of {len(held.truth)} validation scores are not numbers: the network is of no use")
    temperature = fit_temperature(held.pooled, held.truth)
    scores = ng_probability(held.pooled, temperature)
    thresholds = choose_thresholds(held.truth, scores, held.groups, target)
    return Calibrated(
        msgspec.structs.replace(pooling, temperature=temperature),
        thresholds,
        scores,
        _promises(held.truth, scores, held.groups, target, thresholds, network),
    )


def fit_temperature(pooled: NDArray[np.float32], truth: Truth) -> float:
    """The temperature with the lowest cross-entropy, ok and ng weighing the same; 1 where it can tell nothing.

    Training draws as many ok images as ng ones; so does this, or the temperature would have to make up for the mix of
    the validation part. Targets are a little off 0 and 1 (Platt 1999), or parted classes would want temperature 0.
    """
    ng, ok = int(truth.sum()), int((~truth).sum())
    if not ng or not ok:
        return 1.0
    targets = np.where(truth, (ng + 1) / (ng + 2), 1 / (ok + 2))
    weights = np.where(truth, 0.5 / ng, 0.5 / ok)

    def cross_entropy(log_temperature: float) -> float:
        found = np.clip(ng_probability(pooled, exp(log_temperature)), 1e-300, 1 - 1e-16)
        return float(-(weights * (targets * np.log(found) + (1 - targets) * np.log1p(-found))).sum())

    bounds = (log(TEMPERATURES[0]), log(TEMPERATURES[1]))
    best = float(minimize_scalar(cross_entropy, bounds=bounds, method="bounded").x)
    return exp(best) if cross_entropy(best) < cross_entropy(0.0) - 1e-9 else 1.0


def choose_thresholds(truth: Truth, scores: Scores, groups: Sequence[str], target: Target) -> Thresholds:
    """OK, REVIEW and NG by what is asked of them.

    A score below the k-th lowest of n ng parts is not like an ng part: of parts to come at most k / (n + 1) are there.
    k is the largest for which that is no more than asked, 1 at least. A score above the like of the ok parts is not
    like an ok part. What is like both, or like neither where the classes part cleanly, is REVIEW.
    Where more of the ok images would be REVIEW than may be, the band shrinks towards the threshold that was asked for,
    or the best F1 where none was, until they are not; where both were asked for, both stay.
    Raises DataError without any image, or when the best F1 is asked of one class.
    """
    if not truth.size or (target.best_f1 and truth.all() == truth.any()):
        raise DataError("thresholds need validation images, and the best F1 both ok and ng ones")
    if target.best_f1:
        best = best_f1_threshold(truth, scores)
        return Thresholds(best, best)
    lower, upper = _edges(truth, scores, groups, target)
    pivot = _pivot(truth, scores, target, lower, upper)
    widths = np.ones(1) if _both_asked(target) else np.linspace(1, 0, 101)
    bands = probability(pivot + widths[:, None] * (np.array([lower, upper]) - pivot))
    few_enough = _review_share(scores[~truth], bands) <= _wanted(target.review, REVIEW)
    return Thresholds(*bands[int(np.argmax(few_enough))].tolist())


def parse_target(texts: Sequence[str]) -> Target:
    """What `--target` says, each `escape=SHARE`, `false_reject=SHARE`, `review=SHARE` or `f1`. Raises UsageError."""
    values: dict[str, Any] = {}
    for text in texts:
        name, _, share = text.partition("=")
        if text == "f1":
            values["best_f1"] = True
        elif name in SHARES and name not in values:
            values[name] = _share(text, share)
        else:
            known = ", ".join(f"{each}=SHARE" for each in SHARES)
            raise UsageError(f"--target {text}: give each at most once: {known}, or f1")
    try:
        return convert(values, Target)
    except msgspec.ValidationError as error:
        raise UsageError(f"--target {' '.join(texts)}: {error}") from None


def calibration_table(calibration: Calibration) -> list[dict[str, Any]]:
    """The two promises as plain values: `share` says of what, `says` is a sentence, the rest as in Bound."""
    sides = (("escape", calibration.escape, "ng"), ("false reject", calibration.false_reject, "ok"))
    return [
        {"share": share, **msgspec.to_builtins(bound), "says": _says(bound, f"{label} parts", calibration.target)}
        for share, bound, label in sides
    ]


def describe(calibration: Calibration | None, thresholds: Thresholds, pooling: Pooling) -> list[str]:
    """What the thresholds are and promise, in three lines; none where it is not known."""
    if calibration is None:
        return []
    escape, false_reject = calibration_table(calibration)
    scores = f"{calibration.scores} scores, temperature {pooling.temperature:.2f}"
    return [
        f"OK below {thresholds.ok_below:.3g}, NG from {thresholds.ng_from:.3g}, REVIEW between: "
        f"{calibration.review:.1%} of the ok images ({scores})",
        f"escapes: {escape['says']}",
        f"false rejects: {false_reject['says']}",
    ]


def _share(text: str, share: str) -> float:
    try:
        value = float(share)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"--target {text}: a share lies between 0 and 1, such as 0.02")
    return value


def _edges(truth: Truth, scores: Scores, groups: Sequence[str], target: Target) -> tuple[float, float]:
    """Where REVIEW begins and ends, in logits of the score."""
    ng, ok = _worst(truth, scores, groups)
    edges = []
    if ng.size:
        edges.append(_logit(np.sort(ng)[_rank(_wanted(target.escape, ESCAPE), ng.size) - 1]) - ROUNDING_LOGITS)
    if ok.size:
        edges.append(_logit(np.sort(ok)[-_rank(_wanted(target.false_reject, FALSE_REJECT), ok.size)]) + ROUNDING_LOGITS)
    return min(edges), max(edges)


def _pivot(truth: Truth, scores: Scores, target: Target, lower: float, upper: float) -> float:
    """Towards where the band shrinks, a logit within it."""
    if target.escape is not None:
        return lower
    if target.false_reject is not None or truth.all() or not truth.any():
        return upper
    return float(np.clip(_logit(best_f1_threshold(truth, scores)), lower, upper))


def _promises(
    truth: Truth, scores: Scores, groups: Sequence[str], target: Target, band: Thresholds,
    network: Literal["float"] | Format,
) -> Calibration:  # fmt: skip
    ng, ok = _worst(truth, scores, groups)
    escape, false_reject = _wanted(target.escape, ESCAPE), _wanted(target.false_reject, FALSE_REJECT)
    escaped, rejected = int((ng < band.ok_below).sum()), int((ok >= band.ng_from).sum())
    return Calibration(
        scores=network,
        target=target,
        escape=_bound(None if target.best_f1 else escape, int(truth.sum()), ng.size, escaped),
        false_reject=_bound(None if target.best_f1 else false_reject, int((~truth).sum()), ok.size, rejected),
        review=float(_review_share(scores[~truth], np.array([[band.ok_below, band.ng_from]]))[0]),
    )


def _bound(asked: float | None, images: int, parts: int, beyond: int) -> Bound:
    """What `beyond` of `parts` on the wrong side of a threshold say of parts to come.

    A threshold at the k-th worst part, k fixed beforehand, leaves a share on its wrong side that is distributed as
    Beta(k, parts + 1 - k) (Vovk 2012): of mean k / (parts + 1), and with the upper limit of Clopper and Pearson (1934)
    for k - 1 of them. One that was moved by looking could lie at any of the parts, so its limit is one that holds for
    all of them at once (Bonferroni).
    """
    fixed = _rank(asked, parts) if asked is not None else 0
    kept = beyond < fixed
    rank = fixed if kept else beyond + 1
    limit = share_bound(rank - 1, parts, LEVEL if kept else 1 - (1 - LEVEL) / max(parts, 1))
    return Bound(
        asked=asked, images=images, parts=parts, beyond=beyond, bound=rank / (parts + 1), kept=kept, limit=limit
    )


def _rank(asked: float, parts: int) -> int:
    """The largest k with k / (parts + 1) <= asked; 1 where there is none."""
    return max(1, floor(asked * (parts + 1) + 1e-9))


def _worst(truth: Truth, scores: Scores, groups: Sequence[str]) -> tuple[Scores, Scores]:
    """Of each ng part its lowest score, of each ok part its highest."""
    names = np.asarray(groups)
    found = []
    for chosen, worse, start in ((truth, np.minimum, np.inf), (~truth, np.maximum, -np.inf)):
        parts, index = np.unique(names[chosen], return_inverse=True)
        worst = np.full(len(parts), start)
        worse.at(worst, index, scores[chosen])
        found.append(worst)
    return found[0], found[1]


def _review_share(ok_scores: Scores, bands: Scores) -> Scores:
    """Of the ok images, the share in each band (from, to) of (n, 2)."""
    inside = (ok_scores >= bands[:, :1]) & (ok_scores < bands[:, 1:])
    return inside.sum(axis=1) / max(len(ok_scores), 1)


def _both_asked(target: Target) -> bool:
    return target.escape is not None and target.false_reject is not None


def _wanted(asked: float | None, otherwise: float) -> float:
    return otherwise if asked is None else asked


def _says(bound: Bound, parts: str, target: Target) -> str:
    if not bound.parts:
        return f"no {parts} in the validation part: nothing can be said"
    worst = f", each by the worst of its images, {bound.images} in all" if bound.images > bound.parts else ""
    ground = f"95 % sure of at most {bound.limit:.1%}, from {bound.parts} of them{worst}"
    if bound.asked is None:
        return f"about {bound.bound:.1%} of {parts}; {ground}"
    if not bound.kept:
        review = _wanted(target.review, REVIEW)
        return f"about {bound.bound:.1%} of {parts}, not {bound.asked:.1%}, to keep REVIEW to {review:.0%}; {ground}"
    if bound.bound > bound.asked + 1e-9:
        needed = ceil(1 / bound.asked - 1e-9) - 1
        return f"at most {bound.bound:.1%} of {parts}, too few to promise {bound.asked:.1%} ({needed} could); {ground}"
    return f"at most {bound.bound:.1%} of {parts}; {ground}"


def _logit(score: float) -> float:
    kept = min(max(float(score), 1e-12), 1 - 1e-12)
    return log(kept / (1 - kept))
