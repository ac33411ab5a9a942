"""What a share may be that was counted in a sample (Clopper and Pearson, Biometrika 26, 1934)."""

from __future__ import annotations

import numpy as np

CONFIDENCE = 0.95
HALVINGS = 40


def exact_interval(count: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Holds the share with at least this confidence, where `count` of `total` drawn at random were so; else 0 to 1."""
    tail = (1 - confidence) / 2
    low = _share_where(count, total, tail) if count else 0.0
    high = _share_where(count + 1, total, 1 - tail) if count < total else 1.0
    return low, high


def _share_where(count: int, total: int, chance: float) -> float:
    """The share with which `count` or more of `total` have this chance, 1 <= count <= total."""
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])
    found = np.arange(count, total + 1)
    ways = factorials[total] - factorials[found] - factorials[total - found]
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        share = (low + high) / 2
        reached = np.exp(ways + found * np.log(share) + (total - found) * np.log1p(-share)).sum()
        low, high = (share, high) if reached < chance else (low, share)
    return (low + high) / 2
