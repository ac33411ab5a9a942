"""The same part twice in one set: copies of one file, and photos that show the same.

Copies are found by SHA-256. Near-duplicates are found by a difference hash (N. Krawetz, "Kind of Like That",
hackerfactor.com 2013), here on a 24 x 24 grid, in both directions, and with a third value: for each two neighbouring
cells, whether the brightness rises, falls or stays. Light may change, and the picture be scaled or compressed anew; a
part that lies elsewhere in the frame is another picture, and parts that fill little of it are told apart by their
outline alone.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from edge.contract.types import Pixels
from trainer.dataset import Sample

GRID = 24
HASH_LENGTH = 2 * GRID * GRID
NEAR = 0.16
"""Up to this distance, 0 to 1, two photos count as showing the same.

The least distance between photos of different parts was 0.216 among 894,001 pairs of real magnetic tiles. Of the pairs
that show one tile at two of six exposures 57 % lie below, and more of those whose exposures are close.
"""
_BLOCK = 1024


def picture_hash(pixels: Pixels) -> np.ndarray:
    """(HASH_LENGTH,) int8, each -1, 0 or 1, from an image of any size."""
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    rows = cv2.resize(grey, (GRID + 1, GRID), interpolation=cv2.INTER_AREA).astype(np.int16)
    columns = cv2.resize(grey, (GRID, GRID + 1), interpolation=cv2.INTER_AREA).astype(np.int16)
    steps = np.concatenate([np.diff(rows, axis=1).ravel(), np.diff(columns, axis=0).ravel()])
    return np.sign(steps).astype(np.int8)


def near_pairs(hashes: np.ndarray, limit: float = NEAR) -> np.ndarray:
    """(m, 2) int: the pairs (i, j), i < j, of rows of `hashes`, (n, HASH_LENGTH) int8, at most `limit` apart.

    The closest come first. The distance is the share of places that differ, by half where one of the two is flat, of
    those where not both are: a black background makes no two parts alike.
    """
    found, distances = [np.empty((0, 2), np.intp)], [np.empty(0, np.float32)]
    signs = hashes.astype(np.float32)
    slopes = np.abs(signs)
    for start in range(0, len(signs), _BLOCK):
        block = slice(start, start + _BLOCK)
        both = slopes[block] @ slopes[start:].T
        either = slopes[block].sum(axis=1)[:, None] + slopes[start:].sum(axis=1) - both
        differing = (both - signs[block] @ signs[start:].T) / 2 + (either - both) / 2
        apart = differing / np.maximum(either, 1)
        first, second = np.nonzero(np.triu(apart <= limit, 1))
        found.append(np.stack([first, second], axis=1) + start)
        distances.append(apart[first, second])
    return np.concatenate(found)[np.argsort(np.concatenate(distances), kind="stable")]


def find_copies(samples: list[Sample]) -> list[list[Sample]]:
    """Lists of two or more samples whose files are equal byte by byte; only files of equal size are read.

    A file that cannot be read is no copy: who needs its image will say so.
    """
    by_size: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        try:
            by_size[sample.path.stat().st_size].append(sample)
        except OSError:
            continue
    by_content: dict[str, list[Sample]] = defaultdict(list)
    for twins in by_size.values():
        for sample in twins if len(twins) > 1 else ():
            if digest := sample.sha256 or _digest(sample.path):
                by_content[digest].append(sample)
    return [same for same in by_content.values() if len(same) > 1]


def unite_groups(samples: list[Sample], alike: Iterable[Iterable[Sample]]) -> list[Sample]:
    """The samples, where those of each list in `alike`, and all others of their groups, share one group.

    It bears the name of the group that stands first among `samples`.
    """
    parents: dict[str, str] = {}

    def root(group: str) -> str:
        while group in parents:
            group = parents[group]
        return group

    rank = {group: place for place, group in enumerate(dict.fromkeys(sample.group for sample in samples))}
    for same in alike:
        first, *others = sorted({root(sample.group) for sample in same}, key=rank.__getitem__)
        parents.update(dict.fromkeys(others, first))
    return [replace(sample, group=group) if (group := root(sample.group)) != sample.group else sample
            for sample in samples]  # fmt: skip


def _digest(path: Path) -> str:
    """SHA-256 of a file, or "" when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
