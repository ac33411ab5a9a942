"""What a network is to tell apart: ng from ok alone, or also the kinds of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.contract.cam import Classes
from edge.errors import DataError
from trainer.dataset import NG, OK, Sample

UNKNOWN = -1
"""In place of a class, where nobody knows the kind."""


def read_classes(learning: Sequence[Sample], held: Sequence[Sample], where: str) -> Classes:
    """The kinds of the images that train and choose; a kind is ok when its images are.

    Raises DataError, naming an image, when a kind is both ok and ng, when fewer than two parts show it, or when none
    of the images to learn from does.
    """
    shown: dict[str, list[Sample]] = defaultdict(list)
    for sample in (*learning, *held):
        shown[sample.kind].append(sample)
    for kind, samples in shown.items():
        _refuse_both(kind, samples, where)
        _refuse_few(kind, samples, where)
    if missing := sorted(set(shown) - {sample.kind for sample in learning}):
        raise DataError(f"{where}: none of the images to learn from shows kind {missing[0]}: add images of it")
    ok, ng = (sorted(kind for kind, samples in shown.items() if samples[0].label == label) for label in (OK, NG))
    try:
        return Classes(ok=tuple(ok), ng=tuple(ng))
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None


def class_indices(samples: Sequence[Sample], classes: Classes) -> NDArray[np.intp]:
    """Which of `classes.names` each image shows; UNKNOWN where none of them."""
    place = {name: index for index, name in enumerate(classes.names)}
    return np.array([place.get(sample.kind, UNKNOWN) for sample in samples], np.intp)


def _refuse_both(kind: str, samples: Sequence[Sample], where: str) -> None:
    found = {sample.label: sample.name for sample in reversed(samples)}
    if len(found) > 1:
        raise DataError(
            f"{where}: kind {kind} is ok in {found[OK]} and ng in {found[NG]}: give the two kinds a name each, or "
            "correct the label"
        )


def _refuse_few(kind: str, samples: Sequence[Sample], where: str) -> None:
    if len({sample.group for sample in samples}) > 1:
        return
    what = "only one image shows it" if len(samples) == 1 else f"its {len(samples)} images are of one part"
    raise DataError(
        f"{where}: kind {kind}: {what}, {samples[0].name}; okng needs two parts of each kind, to learn from and to "
        "check with: add images, put these to a kind like it, or train with --classes binary"
    )
