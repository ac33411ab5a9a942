"""Who trains, who chooses, who judges: splits in which a group is never on two sides, nor is a copy of an image."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace

import numpy as np

from edge.errors import DataError
from trainer.dataset import NG, OK, Sample
from trainer.duplicates import find_copies, unite_groups


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

    Shares are 0 to 1 and met per kind as closely as whole groups allow. Copies of one file are one group. Raises
    DataError when a given fold cuts through a group, or does not exist.
    """
    rng = np.random.default_rng(seed)
    copies = find_copies(samples)
    united = unite_groups(samples, copies)
    if test_fold is not None:
        check_folds(samples)
        _refuse_copies_across(copies, test_fold)
        test, rest = _take_fold(united, test_fold)
    else:
        test, rest = _take_share(united, test_share, rng)
    validation, train = _take_share(rest, validation_share, rng)
    return Split(train, validation, test)


def assign_folds(samples: list[Sample], folds: int, *, seed: int) -> list[Sample]:
    """The samples with folds 0 to `folds` - 1: whole groups, each kind spread as evenly as they allow.

    Copies of one file are one group. Raises DataError when ok or ng images come from fewer groups than `folds`.
    """
    samples = unite_groups(samples, find_copies(samples))
    groups = _by_group(samples)
    _require_groups(samples, folds)
    kinds = sorted({sample.kind for sample in samples})
    counted = {group: Counter(sample.kind for sample in members) for group, members in groups.items()}
    shares = np.array([[counted[group][kind] for kind in kinds] for group in groups], np.float64)
    shares /= shares.sum(axis=0)
    order = np.random.default_rng(seed).permutation(len(shares))
    order = order[np.argsort(-shares[order].max(axis=1), kind="stable")]  # what is hard to place comes first
    held = np.zeros((folds, len(kinds)))
    places = np.zeros(len(shares), int)
    for group in order:
        unevenness = ((held + shares[group]) ** 2 - held**2).sum(axis=1)
        places[group] = int(np.argmin(unevenness))
        held[places[group]] += shares[group]
    fold_of = dict(zip(groups, places.tolist(), strict=True))
    return [replace(sample, fold=fold_of[sample.group]) for sample in samples]


def check_folds(samples: list[Sample]) -> None:
    """Raises DataError when a group lies in more than one fold."""
    folds: dict[str, set[int | None]] = defaultdict(set)
    for sample in samples:
        folds[sample.group].add(sample.fold)
    for group, found in folds.items():
        if len(found) > 1:
            names = ", ".join(str(fold) for fold in sorted(found, key=str))
            raise DataError(f"group {group} is in folds {names}: images of one part must stay on one side of a split")


def _require_groups(samples: list[Sample], folds: int) -> None:
    for label in (OK, NG):
        count = len({sample.group for sample in samples if sample.label == label})
        if count < folds:
            hint = f"ask for at most {count} folds" if count > 1 else f"add photos of more {label} parts"
            raise DataError(f"{folds} folds need as many groups of {label} images, there are {count}: {hint}")


def _refuse_copies_across(copies: list[list[Sample]], fold: int) -> None:
    """Raises DataError when an image of the fold is also outside it, under another name."""
    for same in copies:
        sides = {sample.fold == fold: sample for sample in same}
        if len(sides) == 2:
            held, other = sides[True], sides[False]
            place = "none" if other.fold is None else f"fold {other.fold}"
            raise DataError(f"{held.name} in fold {fold} and {other.name} in {place} are the same image: remove one")


def _take_fold(samples: list[Sample], fold: int) -> tuple[list[Sample], list[Sample]]:
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
    groups = _by_group(samples)
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


def _by_group(samples: list[Sample]) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.group].append(sample)
    return groups


def _kind_of(members: list[Sample]) -> str:
    """A group with any ng image counts as the kind that most of these are; of equally many, the first by name."""
    counted = Counter(sample.kind for sample in members if sample.is_ng) or Counter(s.kind for s in members)
    return min(counted, key=lambda kind: (-counted[kind], kind))
