"""How far a distribution has moved: the population stability index (Siddiqi, Credit Risk Scorecards, 2006)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

BINS = 10
DRIFT, NO_DRIFT = 0.25, 0.1
"""Siddiqi: from 0.25 on the population has changed, below 0.1 it has not."""


class Reference(msgspec.Struct, frozen=True):
    """A distribution to compare with: the inner edges of its bins, and how many values fell into each."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


def reference(values: Sequence[float]) -> Reference:
    """Bins of about equal counts, BINS at most: fewer where many values are equal. `values` are not empty."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    return Reference(tuple(edges.tolist()), tuple(_counts(values, edges).tolist()))


def stability_index(known: Reference, values: Sequence[float]) -> float:
    """0 for equal distributions, without upper bound. Half a value is added to each bin, so that none is empty."""
    before = np.array(known.counts) + 0.5
    now = _counts(values, np.array(known.edges)) + 0.5
    before, now = before / before.sum(), now / now.sum()
    return float(((now - before) * np.log(now / before)).sum())


def _counts(values: Sequence[float], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Of each bin; a value on an edge belongs to the bin below it."""
    return np.bincount(np.searchsorted(edges, np.asarray(values, np.float64), side="left"), minlength=len(edges) + 1)
