"""How far a figure may lie from the truth: intervals at 95 %, by counting and by resampling whole groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

LEVEL = 0.95
DRAWS = 1000
CHUNK = 2_000_000
"""Weights held in memory at once."""
DRAWS_NEEDED = 0.99
"""Share of the draws in which a figure must exist; below it, with fewer than about five groups, none is given."""

Interval = tuple[float, float]
Weights = NDArray[np.float64]
"""(draws, images): how often each image was drawn."""
Statistic = Callable[[Weights], NDArray[np.float64]]
"""One value per draw; not a number where a draw cannot give it."""


def share_interval(count: int, of: int) -> Interval:
    """The true share behind `count` in `of` independent images (Clopper and Pearson 1934); 0 to 1 of none."""
    tail = (1 - LEVEL) / 2
    lower = float(betaincinv(count, of - count + 1, tail)) if count else 0.0
    upper = float(betaincinv(count + 1, of - count, 1 - tail)) if count < of else 1.0
    return lower, upper


def share_bound(count: int, of: int, level: float = LEVEL) -> float:
    """The share that the true one lies below with confidence `level`: Clopper and Pearson, one-sided; 1 of none.

    With `count` 0 it is nearly 3 / `of`, the rule of three (Hanley and Lippman-Hand 1983).
    """
    return float(betaincinv(count + 1, of - count, level)) if count < of else 1.0


def bootstrap_interval(groups: Sequence[str], statistic: Statistic, *, seed: int = 0) -> Interval | None:
    """Percentile interval of a figure over DRAWS resamplings of whole groups (Field and Welsh 2007).

    Images of one group are alike, so that resampling images would promise too much. None where too few groups make
    the figure exist in DRAWS_NEEDED of the draws, or where all draws agree: then resampling has nothing to say.
    """
    values = np.concatenate([statistic(weights) for weights in _resamplings(groups, seed)])
    values = values[np.isfinite(values)]
    if values.size < DRAWS_NEEDED * DRAWS or np.ptp(values) < 1e-12:
        return None
    lower, upper = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(lower), float(upper)


def resampled_auroc(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> Statistic:
    """AUROC, as `trainer.metrics.auroc`, of each draw."""
    order, starts = _ascending(scores)
    labels = truth[order]

    def statistic(weights: Weights) -> NDArray[np.float64]:
        ng, ok = _by_score(weights[:, order], labels, starts)
        below = np.cumsum(ok, axis=1) - ok
        return _divided((ng * (below + ok / 2)).sum(axis=1), ng.sum(axis=1) * ok.sum(axis=1))

    return statistic


def resampled_ap(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> Statistic:
    """Average precision, as `trainer.metrics.average_precision`, of each draw."""
    order, starts = _ascending(-scores)
    labels = truth[order]

    def statistic(weights: Weights) -> NDArray[np.float64]:
        ng, ok = _by_score(weights[:, order], labels, starts)
        called = np.cumsum(ng, axis=1)
        precision = _divided(called, called + np.cumsum(ok, axis=1), empty=0.0)
        return _divided((ng * precision).sum(axis=1), ng.sum(axis=1))

    return statistic


def resampled_share(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> Statistic:
    """The share of `hits` among the images marked in `among`, of each draw."""

    def statistic(weights: Weights) -> NDArray[np.float64]:
        return _divided(weights @ (hits & among), weights @ among)

    return statistic


def _resamplings(groups: Sequence[str], seed: int) -> Iterator[Weights]:
    rng = np.random.default_rng(seed)
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    chunk = max(1, CHUNK // len(member))
    for done in range(0, DRAWS, chunk):
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=min(chunk, DRAWS - done))
        yield drawn[:, member].astype(np.float64)


def _ascending(scores: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The order of the scores, and where in it each new score begins."""
    order = np.argsort(scores, kind="stable")
    return order, np.flatnonzero(np.diff(scores[order], prepend=-np.inf))


def _by_score(weights: Weights, labels: NDArray[np.bool_], starts: NDArray[np.intp]) -> tuple[Weights, Weights]:
    """How many ng and ok images each draw has at each score: (draws, scores)."""
    ng, ok = (np.add.reduceat(weights * chosen, starts, axis=1) for chosen in (labels, ~labels))
    return ng, ok


def _divided(count: NDArray[np.float64], of: NDArray[np.float64], empty: float = np.nan) -> NDArray[np.float64]:
    return np.divide(count, of, out=np.full_like(count, empty), where=of > 0)
