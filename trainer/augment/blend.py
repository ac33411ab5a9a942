"""A patch put into an image so that its border does not show: feathered, or by its gradients."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

_SOLVED_PX = 64
"""Larger windows are solved at a smaller scale: what the equation adds is smooth but for the patch's own detail, and
products of matrices up to this size stay in one thread, where larger ones wait for cores that training keeps busy."""


def feather(base: np.ndarray, patch: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """`patch` over `base`, both (rows, columns, channels) float32, as far as `cover` (rows, columns), 0 to 1, says."""
    return base + cover[..., None] * (patch - base)


def poisson(base: np.ndarray, patch: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """As `feather`, but the gradients are mixed and not the values (Pérez, Gangnet, Blake 2003).

    What is added to `base` is nothing at the window's border, so `cover` is to be 0 there.
    """
    apart = (patch - base).astype(np.float32)
    rows, columns, channels = apart.shape
    factor = min(1.0, _SOLVED_PX / max(rows, columns))
    size = (max(3, round(columns * factor)), max(3, round(rows * factor)))
    small = cv2.resize(apart, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], channels)
    added = _solve(small, cv2.resize(cover, size, interpolation=cv2.INTER_AREA))
    coarse = cv2.resize(np.concatenate([added, small], axis=2), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return base + coarse[..., :channels] + cover[..., None] * (apart - coarse[..., channels:])


def _solve(apart: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """The image, 0 at its border, with gradients nearest to those of `apart` where `cover` is 1 and to 0 elsewhere.

    Poisson's equation on a rectangle, by sine transforms.
    """
    rightward = np.diff(apart, axis=1) * ((cover[:, 1:] + cover[:, :-1]) / 2)[..., None]
    downward = np.diff(apart, axis=0) * ((cover[1:] + cover[:-1]) / 2)[..., None]
    divergence = np.diff(rightward, axis=1)[1:-1] + np.diff(downward, axis=0)[:, 1:-1]
    added = np.zeros_like(apart)
    (of_rows, by_rows), (of_columns, by_columns) = (_sines(count) for count in divergence.shape[:2])
    for channel in range(apart.shape[2]):
        waves = by_rows @ divergence[..., channel] @ by_columns
        added[1:-1, 1:-1, channel] = by_rows @ (waves / (of_rows[:, None] + of_columns)) @ by_columns
    return added


@lru_cache(maxsize=_SOLVED_PX)
def _sines(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (count) and eigenvectors (count, count) of the second difference with nothing beyond both ends."""
    steps = np.arange(1, count + 1)
    values = 2 * np.cos(math.pi * steps / (count + 1)) - 2
    vectors = math.sqrt(2 / (count + 1)) * np.sin(math.pi * np.outer(steps, steps) / (count + 1))
    return values.astype(np.float32), vectors.astype(np.float32)
