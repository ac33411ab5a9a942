"""Several sets as one, by a manifest: their images stay where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge.errors import DataError
from trainer.dataset import Sample, read_samples
from trainer.duplicates import find_copies
from trainer.survey import has_group


def merge_sets(folders: Sequence[Path]) -> tuple[list[Sample], int]:
    """All samples of these sets, and how many were left out as copies of another.

    Groups of one name are one group: a part that was photographed before keeps to its side of a split. Of an image
    that occurs twice the last one stays, with what it says. Raises DataError where two copies have different labels.
    """
    samples = [_placed(sample) for folder in folders for sample in read_samples(folder)]
    spare: set[str] = set()
    for same in find_copies(samples):
        *others, last = same
        if unlike := next((one for one in others if one.label != last.label), None):
            raise DataError(
                f"{unlike.path} is {unlike.label} and {last.path}, the same image, is {last.label}; decide which it is"
            )
        spare |= {one.name for one in others}
    return [sample for sample in samples if sample.name not in spare], len(spare)


def _placed(sample: Sample) -> Sample:
    """By its whole path: names of different sets may be alike."""
    name = str(sample.path)
    return replace(sample, name=name, group=sample.group if has_group(sample) else name)
