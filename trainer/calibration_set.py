"""Which training images set the ranges of the int8 model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OF_EACH = 3
"""So many images from either end of each trait."""


def choose_calibration(
    inputs: NDArray[np.uint8], truth: NDArray[np.bool_], count: int, seed: int
) -> NDArray[np.intp]:  # fmt: skip
    """Indices of at most `count` of the inputs (n, height, width, channels), as many ng as ok ones where there are.

    A tensor's range comes from the images that reach farthest, so of either class those at both ends of each trait come
    first: brightness, contrast, darkest and brightest parts, finest texture. Where preprocessing standardises, the
    frame's own brightness is gone from them; what it leaves behind, clipped lights and noise in the shadows, is not.
    The rest is drawn by `seed`. Without ng images the ranges would end where the defects begin.
    """
    found, rng = traits(inputs), np.random.default_rng(seed)
    half = count // 2
    chosen = []
    for label in (True, False):
        members = np.flatnonzero(truth == label)
        drawn = rng.permutation(members)
        order = np.argsort(found[members], axis=0, kind="stable")
        ends = [members[order[position]] for near in range(OF_EACH) for position in (near, -1 - near)
                if near < len(members)]  # fmt: skip
        first = dict.fromkeys(np.concatenate([*ends, drawn]).tolist() if ends else [])
        chosen += list(first)[:half]
    return np.array(chosen, np.intp)


def traits(inputs: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n, 5): each input's mean, standard deviation, 1st and 99th percentile, and mean step between neighbours."""
    return np.array([_traits(image) for image in inputs]).reshape(len(inputs), 5)


def _traits(image: NDArray[np.uint8]) -> list[float]:
    steps = np.abs(np.diff(image.astype(np.int16), axis=1))
    low, high = np.percentile(image, [1, 99])
    return [float(image.mean()), float(image.std()), float(low), float(high), float(steps.mean())]
