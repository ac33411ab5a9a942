"""What the network is shown: balanced batches of varied images, and what is known of each place in them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from edge.contract.preprocess import centred
from trainer.augment import augment
from trainer.augment.defects import synthesize
from trainer.augment.paste import copy_paste
from trainer.classes import UNKNOWN
from trainer.plan import Plan

TOUCHED_SHARE = 0.1
"""Of a map cell's area: from this much on, a mask touches it."""

Masked = tuple[np.ndarray, np.ndarray | None]
Shown = tuple[np.ndarray, np.ndarray | None, int]
"""Image, mask, and the class of its kind."""
Batch = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Part:
    """One side of a split, ready for the network.

    `inputs` (n, height, width, channels) uint8; `truth` (n) True for ng; `masks` n of (height, width) uint8, 0 or 255,
    or None where the place of the fault is not known; `kinds` (n) the class of each, as of `trainer.classes`, None
    where the network tells no kinds apart.
    """

    inputs: np.ndarray
    truth: np.ndarray
    masks: list[np.ndarray | None]
    kinds: np.ndarray | None = None

    def kind(self, index: int) -> int:
        """The class of one image; UNKNOWN where no kinds are told apart."""
        return UNKNOWN if self.kinds is None else int(self.kinds[index])


def joined(first: Part, second: Part) -> Part:
    """Both as one."""
    kinds = None if first.kinds is None or second.kinds is None else np.concatenate([first.kinds, second.kinds])
    return Part(
        np.concatenate([first.inputs, second.inputs]),
        np.concatenate([first.truth, second.truth]),
        [*first.masks, *second.masks],
        kinds,
    )


class Source(Protocol):
    """What training draws from."""

    def batch(self, step: int) -> Batch:
        """Batch `step`, from 0; always the same for the same step."""


def prefetched(source: Source, step: int) -> Iterator[Batch]:
    """Batches from this one on, each made while the one before is learned from."""
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as maker:
        following = maker.submit(source.batch, step)
        while True:
            step += 1
            batch, following = following.result(), maker.submit(source.batch, step)
            yield batch


class Batches:
    """Batches of a part; each follows from the plan's seed and its number alone, so that training can be resumed."""

    def __init__(self, part: Part, grid: tuple[int, int], plan: Plan) -> None:
        self._part, self._grid, self._plan = part, grid, plan
        self._ok, self._ng = (_by_kind(part, np.flatnonzero(part.truth == label)) for label in (False, True))
        self._all_ok = np.flatnonzero(~part.truth)
        self._masked: dict[int, list[int]] = {}
        for i in np.flatnonzero(part.truth).tolist():
            if part.masks[i] is not None:
                self._masked.setdefault(part.kind(i), []).append(i)
        self._places_known = bool(self._masked) or plan.recipe.synthetic > 0
        self._ng_count = min(max(1, round(plan.batch * plan.ng_share)), plan.batch - 1)

    def batch(self, step: int) -> Batch:
        """Batch `step`, from 0: centred inputs (batch, height, width, channels) and targets (batch, rows, columns, 4).

        ok and ng come each in an order of their own: their kinds in turn, and of a kind every image equally often. Of
        the ng images some are ok ones with a fault put in, as the recipe says.
        """
        ok, ng = self._chosen(step)
        rng = np.random.default_rng((self._plan.seed, 2, step))
        shown = [(*self._sound(i, rng), self._part.kind(i)) for i in ok] + [self._faulty(i, rng) for i in ng]
        targets = [
            target(place >= len(ok), mask, self._grid, self._places_known, kind)
            for place, (_, mask, kind) in enumerate(shown)
        ]
        return centred(np.stack([image for image, _, _ in shown])), np.stack(targets)

    def _chosen(self, step: int) -> tuple[list[int], list[int]]:
        """The ok and the ng images of a batch."""
        ok_count, ng_count = self._plan.batch - self._ng_count, self._ng_count
        ok = [self._in_turn(self._ok, step * ok_count + i, 0) for i in range(ok_count)]
        return ok, [self._in_turn(self._ng, step * ng_count + i, 1) for i in range(ng_count)]

    def _in_turn(self, kinds: list[np.ndarray], position: int, stream: int) -> int:
        """The image at `position` of an endless row: one of each kind in turn, each kind in shuffled rounds."""
        position, kind = divmod(position, len(kinds))
        indices = kinds[kind]
        round_, place = divmod(position, len(indices))
        seed = (self._plan.seed, stream, round_, *([kind] if kind else []))
        return int(indices[np.random.default_rng(seed).permutation(len(indices))[place]])

    def _sound(self, index: int, rng: np.random.Generator) -> Masked:
        """An ok image; an empty mask, where ng images have theirs, lets it vary as much as they do."""
        image = self._part.inputs[index]
        return augment(image, np.zeros(image.shape[:2], np.uint8) if self._masked else None, self._plan.recipe, rng)

    def _faulty(self, index: int, rng: np.random.Generator) -> Shown:
        """The ng image, or an ok one with a fault put in: a drawn one is of no kind, a copied one of the kind it was.

        A fault is copied from an image of the same kind as the one in whose place it stands.
        """
        recipe, chance = self._plan.recipe, rng.random()
        sound, donor = (int(i) for i in rng.choice(self._all_ok, 2))
        if chance < recipe.synthetic:
            return (*synthesize(self._sound(sound, rng)[0], self._part.inputs[donor], rng), UNKNOWN)
        kind = self._part.kind(index)
        if chance < recipe.synthetic + recipe.copy_paste and kind in self._masked:
            source = int(rng.choice(self._masked[kind]))
            mask = self._part.masks[source]
            assert mask is not None
            pasted = copy_paste(self._part.inputs[sound], self._part.inputs[source], mask, rng)
            return (*augment(*pasted, recipe, rng), kind)
        return (*augment(self._part.inputs[index], self._part.masks[index], recipe, rng), kind)


def _by_kind(part: Part, indices: np.ndarray) -> list[np.ndarray]:
    """These images by kind; all in one where no kinds are told apart."""
    kinds = np.array([part.kind(i) for i in indices])
    return [indices[kinds == kind] for kind in np.unique(kinds)]


def target(
    is_ng: bool, mask: np.ndarray | None, grid: tuple[int, int], places_known: bool, kind: int = UNKNOWN
) -> np.ndarray:  # fmt: skip
    """(rows, columns, 4) float32: is the image ng; does the fault touch this place; is that known; of what class.

    Nothing of an ok image is faulty; that is said place by place only where masks say the same of ng images.
    """
    found = np.zeros((*grid, 4), np.float32)
    found[..., 0], found[..., 3] = is_ng, kind
    if mask is not None and is_ng:
        covered = cv2.resize(mask, grid[::-1], interpolation=cv2.INTER_AREA)
        found[..., 1] = covered > min(255 * TOUCHED_SHARE, 0.7 * float(covered.max()))
    found[..., 2] = places_known and (mask is not None or not is_ng)
    return found
