"""A variation leaves the label true: image and mask move together, the fault stays, and the seed decides."""

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trainer.augment import GENTLE, NONE, RECIPES, STRONG, Recipe, augment

ALONE = {
    name: value for name, value in msgspec.structs.asdict(STRONG).items() if name not in {"copy_paste", "synthetic"}
}
TOUCHES_MASK = {
    "erasing",
    "flip_horizontal",
    "flip_vertical",
    "quarter_turns",
    "rotation_deg",
    "shift",
    "zoom",
    "crop",
    "shear_deg",
    "elastic",
}
COLOURS = {"hue_deg", "saturation"}

seeds = st.integers(0, 2**32 - 1)
placements = st.builds(
    Recipe,
    flip_horizontal=st.booleans(),
    flip_vertical=st.booleans(),
    quarter_turns=st.booleans(),
    rotation_deg=st.floats(0, 180),
    shift=st.floats(0, 0.5),
    zoom=st.floats(0, 0.5),
    crop=st.floats(0, 0.7),
    shear_deg=st.floats(0, 45),
    elastic=st.floats(0, 0.05),
    erasing=st.sampled_from([0.0, 0.3]),
)


@st.composite
def marked(draw: st.DrawFn) -> np.ndarray:
    """A mask with a rectangle from one pixel to the whole frame, anywhere."""
    height, width = draw(st.integers(32, 72)), draw(st.integers(32, 72))
    y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    mask = np.zeros((height, width), np.uint8)
    mask[y : y + draw(st.integers(1, height)), x : x + draw(st.integers(1, width))] = 255
    return mask


def blob(channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A bright blob off the middle, and its mask."""
    mask = np.zeros((64, 64), np.uint8)
    mask[10:20, 40:48] = 255
    return np.repeat(np.where(mask, 220, 40).astype(np.uint8)[..., None], channels, axis=2), mask


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


@settings(deadline=None, max_examples=30)
@given(mask=marked(), recipe=placements, seed=seeds, channels=st.sampled_from([1, 3]))
def test_the_fault_stays_and_its_mask_with_it(mask, recipe, seed, channels):
    image = np.repeat(np.where(mask, 250, 10).astype(np.uint8)[..., None], channels, axis=2)
    varied, moved = augment(image, mask, recipe, np.random.default_rng(seed))
    assert (varied.shape, varied.dtype) == (image.shape, np.uint8)
    assert (moved.shape, moved.dtype) == (mask.shape, np.uint8)
    assert set(np.unique(moved)) <= {0, 255}
    assert moved.any(), "something of the fault is left"
    if recipe.erasing == 0:
        shown = varied.max(axis=2)
        assert shown[moved > 0].min() > 70, "the mask lies on the fault"
        assert moved[shown > 150].all(), "and on all of it"


@settings(deadline=None, max_examples=30)
@given(mask=marked(), seed=seeds)
def test_half_of_a_fault_stays_when_a_part_of_the_frame_is_erased(mask, seed):
    image = np.where(mask, 250, 10).astype(np.uint8)[..., None]
    _, left = augment(image, mask, Recipe(erasing=0.3), np.random.default_rng(seed))
    assert np.count_nonzero(left) >= np.count_nonzero(mask) / 2
    assert not np.any(left & ~mask)


@settings(deadline=None, max_examples=30)
@given(recipe=placements, seed=seeds, channels=st.sampled_from([1, 3]))
def test_where_the_fault_could_be_anywhere_nearly_all_of_the_frame_stays(recipe, seed, channels):
    """The frame is laid out in numbered fields: most numbers are still there, and nothing else is."""
    assume(recipe.elastic < 0.02)
    fields = np.kron(np.arange(64).reshape(8, 8), np.ones((12, 12))).astype(np.uint8) * 4
    image = np.repeat(fields[..., None], channels, axis=2)
    varied, mask = augment(image, None, recipe, np.random.default_rng(seed))
    assert mask is None
    seen = {int(value) for value, count in zip(*np.unique(varied, return_counts=True), strict=True) if count >= 12}
    assert len(seen & set(range(0, 256, 4))) >= 0.8 * 64


@settings(deadline=None, max_examples=30)
@given(seed=seeds, name=st.sampled_from(sorted(RECIPES)), channels=st.sampled_from([1, 3]))
def test_an_ok_image_stays_ok(seed, name, channels):
    image, sound = noise((40, 48, channels)), np.zeros((40, 48), np.uint8)
    varied, mask = augment(image, sound, RECIPES[name], np.random.default_rng(seed))
    assert varied.shape == image.shape
    assert not mask.any()


@settings(deadline=None, max_examples=30)
@given(seed=seeds, name=st.sampled_from(sorted(RECIPES)))
def test_the_seed_decides_and_the_given_image_is_left_alone(seed, name):
    image, mask = blob(3)
    kept = image.copy(), mask.copy()
    first, again = (augment(image, mask, RECIPES[name], np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert np.array_equal(image, kept[0])
    assert np.array_equal(mask, kept[1])


def test_other_seeds_give_other_images():
    image, mask = blob(3)
    varied = {augment(image, mask, GENTLE, np.random.default_rng(seed))[0].tobytes() for seed in range(20)}
    assert len(varied) == 20


@pytest.mark.parametrize("shape", [(48, 64, 1), (33, 47, 3)])
def test_all_switched_off_nothing_changes(shape):
    rng = np.random.default_rng(0)
    image, mask = noise(shape), rng.integers(0, 2, shape[:2], np.uint8) * 255
    same, same_mask = augment(image, mask, NONE, rng)
    assert np.array_equal(same, image)
    assert np.array_equal(same_mask, mask)
    assert same is not image
    assert same_mask is not mask


@pytest.mark.parametrize("switch", ALONE)
def test_each_switch_alone_does_something(switch):
    image, mask = blob(3)
    image[..., 0] //= 2
    recipe = Recipe(**{switch: ALONE[switch]})
    varied = [augment(image, mask, recipe, np.random.default_rng(seed)) for seed in range(12)]
    assert any(not np.array_equal(v, image) for v, _ in varied)
    assert any(not np.array_equal(m, mask) for _, m in varied) == (switch in TOUCHES_MASK)


@pytest.mark.parametrize("switch", sorted(COLOURS))
def test_a_grey_image_has_no_colour_to_change(switch):
    image, mask = blob(1)
    for seed in range(5):
        same, _ = augment(image, mask, Recipe(**{switch: ALONE[switch]}), np.random.default_rng(seed))
        assert np.array_equal(same, image)


def test_flips_and_quarter_turns_lose_nothing():
    image, mask = noise((40, 40, 3)), noise((40, 40), 1) // 128 * 255
    recipe = Recipe(flip_horizontal=True, flip_vertical=True, quarter_turns=True)
    poses = {np.rot90(flipped, turns).tobytes() for flipped in (image, image[:, ::-1]) for turns in range(4)}
    seen = set()
    for seed in range(60):
        varied, moved = augment(image, mask, recipe, np.random.default_rng(seed))
        assert np.array_equal(np.sort(moved, axis=None), np.sort(mask, axis=None))
        seen.add(varied.tobytes())
    assert seen == poses


def test_what_is_not_square_is_not_turned():
    image = noise((40, 48, 1))
    for seed in range(10):
        same, _ = augment(image, None, Recipe(quarter_turns=True), np.random.default_rng(seed))
        assert np.array_equal(same, image)


@pytest.mark.parametrize("channels", [1, 3])
def test_image_and_mask_move_together_under_all_of_the_gentle_recipe(channels):
    image, mask = blob(channels)
    places = set()
    for seed in range(80):
        varied, moved = augment(image, mask, GENTLE, np.random.default_rng(seed))
        bright = varied[..., 0] > 128
        assert overlap(bright, moved > 0) > 0.75
        places.add(tuple(np.argwhere(moved).mean(axis=0).round().astype(int)))
    assert len(places) > 30, "it does move"


def test_nothing_is_erased_where_the_fault_could_be_anywhere():
    image = noise((40, 48, 1))
    for seed in range(20):
        same, _ = augment(image, None, Recipe(erasing=0.3), np.random.default_rng(seed))
        assert np.array_equal(same, image)


def test_an_image_without_a_mask_varies_as_one_with():
    image, mask = blob()
    alone, none = augment(image, None, GENTLE, np.random.default_rng(4))
    assert none is None
    assert np.array_equal(alone, augment(image, mask, GENTLE, np.random.default_rng(4))[0])
