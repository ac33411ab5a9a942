"""Who trains, who chooses, who judges: splits in which a group is never on two sides."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from edge.errors import DataError
from trainer.dataset import Sample


@dataclass(frozen=True, slots=True)
class Split:
    """Samples that train, samples that choose (thresholds, when to stop), samples held out for the report."""

    train: list[Sample]
    validation: list[Sample]
    test: list[Sample]


def split_samples(
    samples: list[Sample], *, seed: int, test_fold: int | None = None, validation_share: float = 0.2,
    test_share: float = 0.0,
) -> Split:  # fmt: skip
    """Holds out `test_fold`, or `test_share` of the groups, then `validation_share` of the remaining groups.

    Shares are 0 to 1 and met per kind as closely as whole groups allow. Raises DataError when a given fold cuts
    through a group, or does not exist.
    """
    rng = np.random.default_rng(seed)
    if test_fold is not None:
        test, rest = _take_fold(samples, test_fold)
    else:
        test, rest = _take_share(samples, test_share, rng)
    validation, train = _take_share(rest, validation_share, rng)
    return Split(train, validation, test)


def check_folds(samples: list[Sample]) -> None:
    """Raises DataError when a group lies in more than one fold."""
    folds: dict[str, set[int | None]] = defaultdict(set)
    for sample in samples:
        folds[sample.group].add(sample.fold)
    for group, found in folds.items():
        if len(found) > 1:
            names = ", ".join(str(fold) for fold in sorted(found, key=str))
            raise DataError(f"group {group} is in folds {names}: images of one part must stay on one side of a split")


def _take_fold(samples: list[Sample], fold: int) -> tuple[list[Sample], list[Sample]]:
    check_folds(samples)
    known = sorted({sample.fold for sample in samples if sample.fold is not None})
    if fold not in known:
        listed = ", ".join(map(str, known)) or "none: the manifest has no fold column"
        raise DataError(f"fold {fold} is not in the data; its folds are {listed}")
    return [s for s in samples if s.fold == fold], [s for s in samples if s.fold != fold]


def _take_share(
    samples: list[Sample], share: float, rng: np.random.Generator
) -> tuple[list[Sample], list[Sample]]:  # fmt: skip
    """(taken, rest): of each kind about `share`, by whole groups; at least one group of a kind with two or more."""
    if share <= 0:
        return [], samples
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.group].append(sample)
    by_kind: dict[str, list[str]] = defaultdict(list)
    for group, members in groups.items():
        by_kind[_kind_of(members)].append(group)
    taken: set[str] = set()
    for kind in sorted(by_kind):
        taken |= _take_groups(by_kind[kind], groups, share, rng)
    return [s for s in samples if s.group in taken], [s for s in samples if s.group not in taken]


def _take_groups(names: list[str], groups: dict[str, list[Sample]], share: float, rng: np.random.Generator) -> set[str]:
    if len(names) < 2:
        return set()
    order = [names[i] for i in rng.permutation(len(names))]
    wanted = share * sum(len(groups[name]) for name in order)
    taken: set[str] = set()
    count = 0
    for name in order[:-1]:
        size = len(groups[name])
        if not taken or abs(count + size - wanted) < abs(count - wanted):
            taken.add(name)
            count += size
    return taken


def _kind_of(members: list[Sample]) -> str:
    """A group with any ng image counts as that kind of ng."""
    return min((not sample.is_ng, sample.kind) for sample in members)[1]
