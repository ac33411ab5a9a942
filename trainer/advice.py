"""What to do about a set before training on it, in plain sentences; each comes from its figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Sized

from trainer.dataset import NG, OK, UNREADABLE_LIMIT
from trainer.describe import Description, Kind

INPUT_PX = 224
"""Side of the network's input by default."""

CELL_PX = 8
"""Pixels of the input to a side of one cell of the map."""

VALIDATION_SHARE = 0.2
ENOUGH = 150
"""Images of a label: the fifth of them that validates can show a rate of error below 10 % (rule of three: 3 / n)."""

ASPECT_LIMIT = 1.5


def advise(found: Description) -> list[str]:
    """Sentences, what weighs most first; none when there is nothing to say."""
    return [*_labels(found), *_files(found), *_twice(found), *_folds(found), *_faults(found), *_shapes(found)]


def _labels(found: Description) -> Iterator[str]:
    for label, wrong in ((NG, "the share of ng parts that escape"), (OK, "the share of ok parts rejected in error")):
        count = found.labels[label]
        if not count:
            yield f"no {label} image: okng train learns from both ok and ng"
        elif count < ENOUGH:
            judging = max(1, round(count * VALIDATION_SHARE))
            bound = min(1.0, 3 / judging)
            yield (f"only {count} {label}: about {judging} of them validate the network, and even when it gets all of "
                   f"these right, {wrong} may be {bound:.0%} (rule of three); collect {ENOUGH} or more")  # fmt: skip
    for name, kind in found.kinds.items():
        if kind.groups < 2:
            yield f"{name}: {kind.images} images, of one part; it can be learned or tested, never both"


def _files(found: Description) -> Iterator[str]:
    if found.unreadable:
        name, reason = next(iter(found.unreadable.items()))
        share = len(found.unreadable) / (len(found.unreadable) + found.images)
        then = "okng train refuses the set" if share > UNREADABLE_LIMIT else "okng train leaves them out"
        yield f"{_number(found.unreadable, 'image')} cannot be read, as {name}: {reason}; {then}"
    if found.useless_masks:
        reason = next(iter(found.useless_masks.values()))
        yield f"{_number(found.useless_masks, 'mask')} cannot be used, and okng train stops there: {reason}"
    if found.copies_across_labels:
        both = _first_two(found.copies_across_labels)
        yield f"equal images labelled ok and ng: {len(found.copies_across_labels)}, as {both}; one label is wrong"
    if found.copies:
        spare = sum(len(same) - 1 for same in found.copies)
        yield f"copies of other images: {spare}, as {_first_two(found.copies)}; remove them, they teach nothing new"


def _twice(found: Description) -> Iterator[str]:
    near = found.near_duplicates
    for pairs, where, then in (
        (near.across_labels, "one is ok, the other ng", "look whether both labels are right"),
        (near.across_folds, "the two are in different folds", "a test on such a fold flatters; give them one group"),
        (near.across_groups, "the two are in different groups", "give them one group if they show one part"),
        (near.ungrouped, "one has no group", "if they show one part, a random split tests what was learned; "
                                             "okng dataset split proposes groups"),
    ):  # fmt: skip
        if pairs:
            yield f"{_number(pairs, 'near-duplicate pair')}: {where}, as {_first_two(pairs)}; {then}"


def _folds(found: Description) -> Iterator[str]:
    if found.divided_groups:
        yield (f"group {found.divided_groups[0]} lies in several folds"
               + (f", and {len(found.divided_groups) - 1} more do" if len(found.divided_groups) > 1 else "")
               + ": okng train refuses --test-fold; okng dataset split makes new folds")  # fmt: skip


def _faults(found: Description) -> Iterator[str]:
    for name, kind in found.kinds.items():
        side = _side_px(kind)
        if side is not None and side < CELL_PX:
            yield (f"{name}: half of the faults are smaller than {side:.1f} x {side:.1f} pixels of the network's "
                   f"{INPUT_PX} x {INPUT_PX}, less than one cell of its map; train with a larger --size, or inspect "
                   f"only a --region")  # fmt: skip


def _shapes(found: Description) -> Iterator[str]:
    aspects = {size: _aspect(size) for size in found.sizes}
    if not aspects:
        return
    flat, tall = max(aspects, key=aspects.__getitem__), min(aspects, key=aspects.__getitem__)
    if aspects[flat] > ASPECT_LIMIT * aspects[tall]:
        yield (f"shapes differ, from {tall} to {flat}: each image is stretched to the network's square input, so the "
               f"same fault looks different; cut them alike")  # fmt: skip
    if len(found.colours) > 1:
        yield (f"{found.colours['grey']} images without colour and {found.colours['colour']} with: if one camera will "
               f"inspect, train with --colour grey, or photograph alike")  # fmt: skip


def _side_px(kind: Kind) -> float | None:
    return None if kind.area is None else math.sqrt(kind.area.median) * INPUT_PX


def _aspect(size: str) -> float:
    width, height = map(int, size.split(" x "))
    return width / height


def _number(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def _first_two(groups: Sequence[Sequence[str]]) -> str:
    return " and ".join(groups[0][:2])
