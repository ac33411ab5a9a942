"""A look at every image of a set, one at a time: what `okng dataset describe` and `split` know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.errors import DataError
from trainer.dataset import Sample, is_coloured, open_sample, read_mask, read_samples
from trainer.duplicates import HASH_LENGTH, find_copies, near_pairs, picture_hash


@dataclass(frozen=True, slots=True)
class Seen:
    """One image that could be read. `area` is the share of it that its mask marks, 0 to 1, None without a mask."""

    sample: Sample
    coloured: bool
    area: float | None


@dataclass(frozen=True, slots=True)
class Survey:
    """All of one set.

    `unreadable` images and `useless_masks` are (name, reason). `copies` are files equal byte by byte, `near` the pairs
    that show the same though their files differ, the closest first.
    """

    data: Path
    seen: list[Seen]
    unreadable: list[tuple[str, str]]
    useless_masks: list[tuple[str, str]]
    copies: list[list[Sample]]
    near: list[tuple[Sample, Sample]]

    @property
    def samples(self) -> list[Sample]:
        """Those that could be read."""
        return [item.sample for item in self.seen]


def survey(data: Path, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Reads every image and mask of a set. Raises DataError when it is no set of images at all."""
    samples = read_samples(data)
    found = Survey(data, [], [], [], [], [])
    hashes = np.zeros((len(samples), HASH_LENGTH), np.int8)
    for count, sample in enumerate(samples, 1):
        try:
            read, pixels = open_sample(sample)
        except DataError as error:
            found.unreadable.append((sample.name, str(error).removeprefix(f"{sample.name}: ")))
        else:
            hashes[len(found.seen)] = picture_hash(pixels)
            found.seen.append(Seen(read, is_coloured(pixels), _area(read, found.useless_masks)))
        if progress:
            progress(count, len(samples))
    found.copies.extend(find_copies(found.samples))
    found.near.extend(_near(found.samples, hashes[: len(found.seen)]))
    return found


def has_group(sample: Sample) -> bool:
    """Whether the set itself says which part this is; else the image stands for itself."""
    return sample.group != sample.name


def propose_groups(found: Survey) -> list[list[Sample]]:
    """What should share a group and does not: copies, and near-duplicates of which the set names no two groups."""
    near = [list(pair) for pair in found.near if not all(has_group(sample) for sample in pair)]
    return [alike for alike in [*found.copies, *near] if len({sample.group for sample in alike}) > 1]


def _near(samples: list[Sample], hashes: np.ndarray) -> list[tuple[Sample, Sample]]:
    pairs = ((samples[i], samples[j]) for i, j in near_pairs(hashes).tolist())
    return [(first, second) for first, second in pairs if first.sha256 != second.sha256]


def _area(sample: Sample, useless: list[tuple[str, str]]) -> float | None:
    try:
        mask = read_mask(sample)
    except DataError as error:
        useless.append((sample.name, str(error)))
        return None
    return None if mask is None else float(np.count_nonzero(mask) / mask.size)
