"""How unlike the others an inspection's map is: cheap, from what the journal holds, and never a verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.contract.cam import dequantise, ng_map
from edge.contract.reading import Reading
from edge.contract.types import MapUnits

PLACES = (0.05, 0.5, 0.95, 1.0)
"""A map is described by its values at these shares of its places, the last one its highest."""
LEAST = 20
"""OK inspections by a bundle, below which nobody can say what is usual with it."""
MAD_PER_SIGMA = 0.6745
"""The median absolute deviation of a normal distribution whose standard deviation is one."""

Features = NDArray[np.float32]


def features(units: MapUnits, reading: Reading) -> Features:
    """(len(PLACES),) values of the map of ng against ok, in steps of int8: no difference is finer."""
    logits = ng_map(dequantise(units, reading.scale, reading.zero_point), reading.classes)
    return (np.quantile(logits, PLACES) / reading.scale).astype(np.float32)


def novelty(found: Sequence[Features | None], bundles: Sequence[str], usual: Sequence[bool]) -> list[float | None]:
    """Of each inspection, how far its map lies from the `usual` ones of its bundle (by digest), in sigma.

    The largest distance of any of its features from their median, in units of a sigma that is told by the median
    absolute deviation: what is rare among the usual ones moves neither. Such a sigma is one step of int8 at least.
    None without a map, or where there are less than LEAST usual ones.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for index, bundle in enumerate(bundles):
        if found[index] is not None:
            places[bundle].append(index)
    said: list[float | None] = [None] * len(found)
    for indices in places.values():
        values = np.array([found[index] for index in indices], np.float64)
        known = values[[usual[index] for index in indices]]
        if len(known) < LEAST:
            continue
        centre = np.median(known, axis=0)
        sigma = np.maximum(np.median(np.abs(known - centre), axis=0) / MAD_PER_SIGMA, 1.0)
        for index, far in zip(indices, np.abs((values - centre) / sigma).max(axis=1).tolist(), strict=True):
            said[index] = round(far, 2)
    return said
