"""A variation leaves the label true: image and mask move together, and the seed decides."""

import numpy as np
import pytest

from trainer.augment import Recipe, augment

OFF = Recipe(flip_horizontal=False, flip_vertical=False, rotation_deg=0, shift=0, zoom=0, contrast=0, brightness=0)
ALONE = {
    "flip_horizontal": True,
    "flip_vertical": True,
    "rotation_deg": 8.0,
    "shift": 0.1,
    "zoom": 0.2,
    "contrast": 0.3,
    "brightness": 20.0,
}


def blob(channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A bright blob off the middle, and its mask."""
    mask = np.zeros((48, 64), np.uint8)
    mask[10:18, 40:46] = 255
    return np.repeat(np.where(mask, 220, 40).astype(np.uint8)[..., None], channels, axis=2), mask


def middle(marked: np.ndarray) -> np.ndarray:
    return np.argwhere(marked).mean(axis=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_image_and_mask_move_together(channels):
    image, mask = blob(channels)
    places = set()
    for seed in range(200):
        varied, moved = augment(image, mask, Recipe(), np.random.default_rng(seed))
        assert (varied.shape, varied.dtype) == (image.shape, np.uint8)
        assert (moved.shape, moved.dtype) == (mask.shape, np.uint8)
        assert set(np.unique(moved)) == {0, 255}
        bright = varied[..., 0] > 128
        assert np.abs(middle(bright) - middle(moved)).max() < 1
        overlap = (bright & (moved > 0)).sum() / (bright | (moved > 0)).sum()
        assert overlap > 0.75
        places.add(tuple(middle(moved).round().astype(int)))
    assert len(places) > 50, "it does move"


@pytest.mark.parametrize("shape", [(48, 64, 1), (33, 47, 3)])
def test_all_switched_off_nothing_changes(shape):
    rng = np.random.default_rng(0)
    image, mask = rng.integers(0, 256, shape, np.uint8), rng.integers(0, 2, shape[:2], np.uint8) * 255
    same, same_mask = augment(image, mask, OFF, rng)
    assert np.array_equal(same, image)
    assert np.array_equal(same_mask, mask)


@pytest.mark.parametrize("switch", ALONE)
def test_each_switch_alone_does_something(switch):
    image, mask = blob()
    recipe = Recipe(**{**{name: getattr(OFF, name) for name in ALONE}, switch: ALONE[switch]})
    varied = [augment(image, mask, recipe, np.random.default_rng(seed)) for seed in range(8)]
    assert any(not np.array_equal(v, image) for v, _ in varied)
    moves = switch not in {"contrast", "brightness"}
    assert any(not np.array_equal(m, mask) for _, m in varied) == moves


def test_the_seed_decides():
    image, mask = blob(3)
    first, again, other = (augment(image, mask, Recipe(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_an_image_without_a_mask_varies_as_one_with():
    image, mask = blob()
    alone, none = augment(image, None, Recipe(), np.random.default_rng(4))
    assert none is None
    assert np.array_equal(alone, augment(image, mask, Recipe(), np.random.default_rng(4))[0])


def test_the_given_image_is_left_alone():
    image, mask = blob()
    kept = image.copy(), mask.copy()
    for seed in range(5):
        augment(image, mask, Recipe(), np.random.default_rng(seed))
    assert np.array_equal(image, kept[0])
    assert np.array_equal(mask, kept[1])
