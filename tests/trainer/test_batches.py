"""What the network is shown, and what it is told of it."""

from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from edge.contract.preprocess import CENTRE
from trainer.augment import NONE, STANDARD, Recipe
from trainer.batches import Batches, Part, prefetched, target
from trainer.classes import UNKNOWN
from trainer.plan import Plan

SYNTHETIC = Recipe(synthetic=1.0)


def part(ok: int = 6, ng: int = 4, *, side: int = 32, masks: bool = True, seed: int = 0) -> Part:
    """Noise, and on the ng images a bright blob. The first pixel tells which image it is."""
    rng = np.random.default_rng(seed)
    inputs = rng.integers(100, 156, (ok + ng, side, side, 1), np.uint8)
    truth = np.arange(ok + ng) >= ok
    inputs[truth, 8:20, 8:20] = 250
    inputs[:, 0, 0, 0] = np.arange(ok + ng)
    mask = np.zeros((side, side), np.uint8)
    mask[8:20, 8:20] = 255
    return Part(inputs, truth, [mask if is_ng and masks else None for is_ng in truth])


def batches(learning: Part, **changes: object) -> Batches:
    return Batches(learning, (4, 4), Plan(**{"batch": 8, "recipe": NONE, **changes}))


@pytest.mark.parametrize(("share", "ng"), [(0.5, 4), (0.25, 2), (0.001, 1), (0.999, 7)])
def test_a_share_of_each_batch_is_ng(share, ng):
    source = batches(part(ok=20, ng=3), ng_share=share)
    for step in range(5):
        inputs, targets = source.batch(step)
        assert inputs.shape == (8, 32, 32, 1)
        assert inputs.dtype == np.float32
        assert targets.shape == (8, 4, 4, 4)
        assert targets[:, 0, 0, 0].sum() == ng


def test_every_image_of_a_class_is_shown_equally_often():
    source = batches(part(ok=8, ng=4))
    shown = Counter(int(image[0, 0, 0]) + CENTRE for step in range(6) for image in source.batch(step)[0])
    assert shown == {**dict.fromkeys(range(8), 3), **dict.fromkeys(range(8, 12), 6)}


def test_a_batch_follows_from_the_seed_and_its_number():
    first, again, other = (batches(part(), seed=seed, recipe=STANDARD) for seed in (5, 5, 6))
    again.batch(0)
    assert all(np.array_equal(a, b) for a, b in zip(first.batch(7), again.batch(7), strict=True))
    assert not np.array_equal(first.batch(7)[0], other.batch(7)[0])
    assert not np.array_equal(first.batch(7)[0], first.batch(8)[0])


def test_batches_made_ahead_are_the_same_ones():
    source = batches(part(), recipe=STANDARD)
    for step, (inputs, targets) in enumerate(islice(prefetched(source, 3), 4), 3):
        assert np.array_equal(inputs, source.batch(step)[0])
        assert np.array_equal(targets, source.batch(step)[1])


def test_image_and_target_stay_together():
    moving = Recipe(flip_horizontal=True, flip_vertical=True, rotation_deg=20, shift=0.1)
    source = batches(part(), recipe=moving)
    for step in range(8):
        for image, told in zip(*source.batch(step), strict=True):
            cells = image[..., 0].reshape(4, 8, 4, 8).mean(axis=(1, 3))
            if told[0, 0, 0]:
                assert told[np.unravel_index(cells.argmax(), cells.shape)][1] == 1


def test_synthetic_defects_come_with_their_place_though_the_set_has_no_masks():
    inputs, targets = batches(part(masks=False), recipe=SYNTHETIC).batch(0)
    faulty = targets[:, 0, 0, 0] == 1
    assert (inputs[:, 0, 0, 0][faulty] + CENTRE < 6).all(), "made of ok images"
    assert targets[faulty][..., 1].any(axis=(1, 2)).all()
    assert (targets[..., 2] == 1).all(), "then the places of ok images are known too"


def test_copy_paste_needs_masks():
    pasting = Recipe(copy_paste=1.0)
    with_masks, without = (batches(part(masks=masks), recipe=pasting).batch(0)[1] for masks in (True, False))
    faulty = with_masks[:, 0, 0, 0] == 1
    assert with_masks[faulty][..., 1].any(axis=(1, 2)).all()
    assert not without[..., 1:3].any()


def of_kinds(ok: int = 8, ng: int = 7, **changes: object) -> Part:
    """The ok images are of class 0 and 1, of the ng ones only one is of class 3 and the rest are of class 2."""
    kinds = [*(i % 2 for i in range(ok)), 3, *([2] * (ng - 1))]
    return replace(part(ok, ng, **changes), kinds=np.array(kinds))


def test_kinds_come_in_turn_and_of_a_kind_every_image_equally_often():
    source = batches(of_kinds())
    told = np.concatenate([source.batch(step)[1][:, 0, 0, 3] for step in range(6)])
    assert Counter(told.tolist()) == dict.fromkeys(range(4), 12)
    shown = Counter(int(image[0, 0, 0]) + CENTRE for step in range(6) for image in source.batch(step)[0])
    assert shown == {**dict.fromkeys(range(8), 3), 8: 12, **dict.fromkeys(range(9, 15), 2)}


def test_a_drawn_fault_is_of_no_kind_and_a_copied_one_of_the_kind_it_was():
    drawn, copied = (batches(of_kinds(), recipe=recipe).batch(0) for recipe in (SYNTHETIC, Recipe(copy_paste=1.0)))
    assert drawn[1][:, 0, 0, 3].tolist() == [0, 1, 0, 1, *[UNKNOWN] * 4]
    assert copied[1][:, 0, 0, 3].tolist() == [0, 1, 0, 1, 2, 3, 2, 3]
    assert (copied[0][:, 0, 0, 0] + CENTRE < 8).all(), "put into ok images"


def test_without_kinds_the_batches_are_those_of_before():
    assert (batches(part()).batch(0)[1][..., 3] == UNKNOWN).all()


def test_a_target_says_image_place_and_whether_the_place_is_known():
    mask = np.zeros((32, 32), np.uint8)
    mask[0:8, 0:8] = 255
    mask[8:12, 8:12] = 255
    mask[31, 31] = 255
    told = target(True, mask, (4, 4), places_known=True)
    assert told.dtype == np.float32
    assert (told[..., 0] == 1).all()
    assert (told[..., 2] == 1).all()
    assert np.argwhere(told[..., 1]).tolist() == [[0, 0], [1, 1]], "one pixel of 64 does not touch a cell"


def test_a_fault_too_small_to_touch_a_cell_touches_the_one_it_is_in():
    mask = np.zeros((32, 32), np.uint8)
    mask[17, 9] = 255
    assert np.argwhere(target(True, mask, (4, 4), places_known=True)[..., 1]).tolist() == [[2, 1]]


@pytest.mark.parametrize(
    ("is_ng", "places", "known"), [(True, True, 0), (True, False, 0), (False, True, 1), (False, False, 0)]
)
def test_without_a_mask_only_ok_places_are_known(is_ng, places, known):
    told = target(is_ng, None, (2, 3), places)
    assert (told[..., 0] == is_ng).all()
    assert not told[..., 1].any()
    assert (told[..., 2] == known).all()
