"""What a set of images is like: counts, sizes, faults, what occurs twice; as plain values and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec
import numpy as np

from trainer.dataset import NG, OK, Sample, natural
from trainer.survey import Seen, Survey, has_group

Pair = tuple[str, str]


class Area(msgspec.Struct, frozen=True):
    """How much of the image the faults of a kind take up: shares, 0 to 1, over those with a mask."""

    median: float
    least: float
    most: float


class Kind(msgspec.Struct, frozen=True):
    """The images of one kind. `groups` counts the parts they come from, as far as the set tells parts apart."""

    label: str
    images: int
    groups: int
    masks: int
    area: Area | None


class NearDuplicates(msgspec.Struct, frozen=True):
    """Pairs of images that show the same, by name; `pairs` counts all, the lists hold those that need a look.

    `across_groups` and `across_folds` hold pairs whose groups or folds are both given and differ; `ungrouped` those
    of which one has no group yet.
    """

    pairs: int
    ungrouped: list[Pair]
    across_labels: list[Pair]
    across_groups: list[Pair]
    across_folds: list[Pair]


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """A set in figures. Only images that can be read are counted; the others are in `unreadable`.

    `unreadable` and `useless_masks` hold reasons by the image's name, `divided_groups` groups in several folds,
    `sizes` are counts by "WIDTH x HEIGHT", `colours` by "grey" (shows no colour) and "colour".
    """

    data: str
    images: int
    labels: dict[str, int]
    kinds: dict[str, Kind]
    groups: int
    largest_group: int
    without_group: int
    folds: dict[str, dict[str, int]]
    divided_groups: list[str]
    sizes: dict[str, int]
    colours: dict[str, int]
    unreadable: dict[str, str]
    useless_masks: dict[str, str]
    copies: list[list[str]]
    copies_across_labels: list[list[str]]
    near_duplicates: NearDuplicates


def describe(survey: Survey) -> Description:
    """The figures of a set."""
    samples = survey.samples
    labels, groups = Counter(s.label for s in samples), Counter(s.group for s in samples)
    return Description(
        data=str(survey.data),
        images=len(samples),
        labels={label: labels[label] for label in (OK, NG)},
        kinds=_kinds(survey.seen),
        groups=len(groups),
        largest_group=max(groups.values(), default=0),
        without_group=sum(not has_group(sample) for sample in samples),
        folds=fold_counts(samples),
        divided_groups=[group for group, folds in _folds_of_groups(samples).items() if len(folds) > 1],
        sizes=dict(Counter(_size(sample) for sample in samples).most_common()),
        colours=dict(sorted(Counter("colour" if item.coloured else "grey" for item in survey.seen).items())),
        unreadable=dict(survey.unreadable),
        useless_masks=dict(survey.useless_masks),
        copies=[_names(same) for same in survey.copies],
        copies_across_labels=[_names(same) for same in survey.copies if len({s.label for s in same}) > 1],
        near_duplicates=_near_duplicates(survey),
    )


def across_labels(survey: Survey) -> list[tuple[Sample, Sample]]:
    """Near-duplicates of which one is ok and one ng."""
    return [(a, b) for a, b in survey.near if a.label != b.label]


def across_groups(survey: Survey) -> list[tuple[Sample, Sample]]:
    """Near-duplicates that the set takes for two parts."""
    return [(a, b) for a, b in survey.near if has_group(a) and has_group(b) and a.group != b.group]


def ungrouped(survey: Survey) -> list[tuple[Sample, Sample]]:
    """Near-duplicates of which one belongs to no group yet."""
    return [(a, b) for a, b in survey.near if a.group != b.group and not (has_group(a) and has_group(b))]


def across_folds(survey: Survey) -> list[tuple[Sample, Sample]]:
    """Near-duplicates of which one would judge what the other taught."""
    return [(a, b) for a, b in survey.near if None not in (a.fold, b.fold) and a.fold != b.fold]


def as_text(found: Description) -> str:
    """The figures for a terminal."""
    near = found.near_duplicates
    lines = [
        f"{found.data}: {found.images} images, {found.labels[OK]} ok and {found.labels[NG]} ng{_balance(found)}",
        "",
        *_kind_table(found),
        "",
        *_fold_table(found),
        f"groups           {_groups(found)}",
        f"width x height   {_sizes(found.sizes)}",
        f"colour           {_counts(found.colours)}",
        f"unreadable       {len(found.unreadable)}",
        f"copies           {_copies(found)}",
        f"near-duplicates  pairs: {near.pairs}, {len(near.across_labels)} of them across ok and ng, "
        f"{len(near.across_groups)} across groups, {len(near.across_folds)} across folds",
    ]
    return "\n".join(lines)


def fold_counts(samples: list[Sample]) -> dict[str, dict[str, int]]:
    """Images by fold and kind; empty where the set has no folds."""
    folds = sorted({sample.fold for sample in samples if sample.fold is not None})
    kinds = {fold: Counter(s.kind for s in samples if s.fold == fold) for fold in folds}
    return {str(fold): dict(sorted(counted.items())) for fold, counted in kinds.items()}


def fold_table(folds: dict[str, dict[str, int]]) -> list[str]:
    """Images by fold (rows) and kind (columns), as lines."""
    kinds = sorted({kind for counted in folds.values() for kind in counted})
    wide = [max(len(kind), 5) for kind in kinds]
    head = "fold   images  " + "  ".join(f"{kind:>{w}}" for kind, w in zip(kinds, wide, strict=True))
    rows = [
        f"{fold:<5}  {sum(counted.values()):>6}  "
        + "  ".join(f"{counted.get(kind, 0):>{w}}" for kind, w in zip(kinds, wide, strict=True))
        for fold, counted in folds.items()
    ]
    return [head, *rows]


def percent(share: float) -> str:
    """0.0015 as "0.15 %"."""
    return f"{100 * share:.2g} %" if share < 0.1 else f"{share:.0%}".replace("%", " %")


def _kinds(seen: list[Seen]) -> dict[str, Kind]:
    """ok kinds first, then by name."""
    by_kind: dict[tuple[bool, str], list[Seen]] = {}
    for item in seen:
        by_kind.setdefault((item.sample.is_ng, item.sample.kind), []).append(item)
    # A kind may carry both labels in a manifest; its rows are told apart then.
    twice = {kind for kind, count in Counter(kind for _, kind in by_kind).items() if count > 1}
    return {
        f"{kind} ({items[0].sample.label})" if kind in twice else kind: _kind(items)
        for (_, kind), items in sorted(by_kind.items(), key=lambda entry: (entry[0][0], natural(entry[0][1])))
    }


def _kind(items: list[Seen]) -> Kind:
    areas = [item.area for item in items if item.area is not None]
    area = Area(float(np.median(areas)), min(areas), max(areas)) if areas else None
    groups = len({item.sample.group for item in items})
    return Kind(items[0].sample.label, len(items), groups, len(areas), area)


def _folds_of_groups(samples: list[Sample]) -> dict[str, set[int | None]]:
    folds: dict[str, set[int | None]] = {}
    for sample in samples:
        folds.setdefault(sample.group, set()).add(sample.fold)
    return folds


def _near_duplicates(survey: Survey) -> NearDuplicates:
    return NearDuplicates(
        pairs=len(survey.near),
        ungrouped=_pairs(ungrouped(survey)),
        across_labels=_pairs(across_labels(survey)),
        across_groups=_pairs(across_groups(survey)),
        across_folds=_pairs(across_folds(survey)),
    )


def _pairs(pairs: Iterable[tuple[Sample, Sample]]) -> list[Pair]:
    return [(first.name, second.name) for first, second in pairs]


def _names(samples: list[Sample]) -> list[str]:
    return [sample.name for sample in samples]


def _size(sample: Sample) -> str:
    assert sample.size is not None  # it was read
    height, width = sample.size
    return f"{width} x {height}"


def _balance(found: Description) -> str:
    few, many = sorted((OK, NG), key=found.labels.__getitem__)
    return f", {found.labels[many] / found.labels[few]:.1f} {many} to 1 {few}" if found.labels[few] else ""


def _kind_table(found: Description) -> list[str]:
    wide = max([4, *map(len, found.kinds)])
    head = f"{'kind':<{wide}}  label  images  groups  masks  fault, share of the image: median (least to most)"
    return [head, *(f"{name:<{wide}}  {_kind_row(kind)}".rstrip() for name, kind in found.kinds.items())]


def _kind_row(kind: Kind) -> str:
    area = kind.area
    shown = f"{percent(area.median)} ({percent(area.least)} to {percent(area.most)})" if area else ""
    return f"{kind.label:<5}  {kind.images:>6}  {kind.groups:>6}  {kind.masks or '':>5}  {shown}"


def _fold_table(found: Description) -> list[str]:
    if not found.folds:
        return []
    return [*fold_table(found.folds), ""]


def _groups(found: Description) -> str:
    if found.without_group == found.images:
        return "none given: each image counts as a part of its own"
    rest = f"; {found.without_group} images without" if found.without_group else ""
    return f"{found.groups}, the largest of {found.largest_group} images{rest}"


def _sizes(sizes: dict[str, int]) -> str:
    shown = ", ".join(f"{size} ({count})" for size, count in list(sizes.items())[:3])
    return f"{shown}, and {len(sizes) - 3} other sizes" if len(sizes) > 3 else shown


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _copies(found: Description) -> str:
    spare = sum(len(same) - 1 for same in found.copies)
    return f"{spare}, in {len(found.copies)} sets of equal files" if spare else "0"
