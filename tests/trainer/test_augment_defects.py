"""Synthetic and pasted defects: to be seen where the mask says and nowhere else, small and large, and on the part."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.augment import blend, shapes
from trainer.augment.defects import AREAS, KINDS, LEAST_SEEN, add_defect, seen, synthesize
from trainer.augment.paste import copy_paste
from trainer.augment.places import find_ground

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(32, 90)


def surface(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    """An even texture of mid-grey with a std of 12 levels."""
    grain = np.random.default_rng(seed).normal(128, 24, (height, width, channels)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(grain, (0, 0), 1.0), 0, 255).astype(np.uint8).reshape(height, width, channels)


def part_on_tray(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A textured disc on a dark, even tray, and where it is."""
    on_part = np.zeros((96, 96), np.uint8)
    cv2.circle(on_part, (40, 50), 26, 1, -1)
    tray = np.random.default_rng(seed).integers(50, 54, (96, 96, 1), np.uint8)
    return np.where(on_part[..., None] > 0, surface(96, 96, 1, seed), tray), on_part > 0


def flat(level: int, height: int, width: int, channels: int) -> np.ndarray:
    return np.full((height, width, channels), level, np.uint8)


def check(image: np.ndarray, changed: np.ndarray, mask: np.ndarray, least: float = LEAST_SEEN) -> None:
    """What every defect holds to."""
    assert (changed.shape, changed.dtype) == (image.shape, np.uint8)
    assert (mask.shape, mask.dtype) == (image.shape[:2], np.uint8)
    assert set(np.unique(mask)) in ({0, 255}, {255})
    assert seen(image, changed, mask) >= least
    apart = np.abs(changed.astype(int) - image).max(axis=2)
    outside = apart[cv2.dilate(mask, np.ones((25, 25), np.uint8)) == 0]
    assert outside.size == 0 or outside.mean() < apart[mask > 0].mean() / 4


@settings(deadline=None, max_examples=40)
@given(
    height=sides,
    width=sides,
    channels=st.sampled_from([1, 3]),
    seed=seeds,
    level=st.sampled_from([None, 0, 9, 128, 255]),
)
def test_a_synthetic_defect_is_to_be_seen_on_any_image(height, width, channels, seed, level):
    make = surface if level is None else lambda *shape: flat(level, *shape)
    image, donor = make(height, width, channels), surface(height, width, channels, 1)
    kept = image.copy(), donor.copy()
    changed, mask = synthesize(image, donor, np.random.default_rng(seed))
    again, mask_again = synthesize(image, donor, np.random.default_rng(seed))
    check(image, changed, mask)
    assert np.array_equal(changed, again)
    assert np.array_equal(mask, mask_again)
    assert np.array_equal(image, kept[0])
    assert np.array_equal(donor, kept[1])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_leaves_its_mark_where_the_mask_says(kind, channels):
    image, donor = surface(96, 96, channels), surface(96, 96, channels, 1)
    ground, drawn = find_ground(image), []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        share = float(np.exp(rng.uniform(*np.log(KINDS[kind].areas))))
        if found := add_defect(image, donor, KINDS[kind], share, ground, rng):
            check(image, *found)
            drawn.append(found[0].tobytes())
    assert len(drawn) >= 8
    assert len(set(drawn)) == len(drawn), "no two are alike"


def test_sizes_and_strengths_span_what_is_asked_for():
    image, donor = surface(160, 160, 1), surface(160, 160, 1, 1)
    rng = np.random.default_rng(0)
    made = [synthesize(image, donor, rng) for _ in range(150)]
    shares = np.array([np.count_nonzero(mask) / mask.size for _, mask in made])
    strengths = np.array([seen(image, changed, mask) for changed, mask in made])
    middle = np.sqrt(np.prod(AREAS))
    assert AREAS[0] / 4 < shares.min() < 3 * AREAS[0]
    assert AREAS[1] / 3 < shares.max() < 1.5 * AREAS[1]
    assert middle / 2 < np.median(shares) < 2 * middle, "as many below as above the middle of a logarithmic scale"
    assert strengths.min() < 8
    assert strengths.max() > 50


@pytest.mark.parametrize("outline", [shapes.blob, shapes.shard, shapes.bar, shapes.blotch])
def test_outlines_have_the_area_asked_for(outline):
    for seed in range(20):
        cover = outline(np.random.default_rng(seed), 300.0, 224.0)
        assert 0.7 * 300 < cover.sum() < 1.5 * 300
        assert (cover.min(), cover.max()) == (0, 1)
        assert not cover[[0, -1]].any()
        assert not cover[:, [0, -1]].any()


@pytest.mark.parametrize("outline", [shapes.scratch, shapes.crack])
def test_lines_are_fine_and_not_longer_than_the_frame(outline):
    for seed in range(20):
        cover = outline(np.random.default_rng(seed), 200.0, 224.0)
        width = cv2.distanceTransform((cover > 0.3).astype(np.uint8), cv2.DIST_L2, 3).max() * 2
        assert 30 < cover.sum() < 600
        assert width < 14
        assert max(cover.shape) < 300


def test_defects_lie_on_the_part_and_not_on_the_tray():
    image, on_part = part_on_tray()
    ground = find_ground(image)
    assert ground.part is not None
    found = ground.part > 0.5
    assert (found & on_part).sum() / (found | on_part).sum() > 0.85
    masks = [synthesize(image, image, np.random.default_rng(seed))[1] > 0 for seed in range(40)]
    assert all((mask & cv2.dilate(on_part.astype(np.uint8), np.ones((9, 9))).astype(bool)).any() for mask in masks)
    beyond = [(mask & ~on_part).mean() > 0.5 * mask.mean() for mask in masks]
    assert np.mean(beyond) < 0.1


def test_a_part_that_fills_the_frame_is_told_from_one_on_a_tray():
    for seed in range(5):
        assert find_ground(surface(96, 96, 3, seed)).part is None
    assert find_ground(flat(90, 96, 96, 1)).part is None


def test_a_patch_blended_by_its_gradients_takes_the_tone_of_what_it_lies_in():
    base = surface(60, 50, 3).astype(np.float32)
    cover = np.zeros((60, 50), np.float32)
    cover[15:45, 12:38] = 1
    same = blend.poisson(base, base + 40, cover)
    assert np.abs(same - base).max() < 0.01, "nothing is left of an offset"
    ramp = base + 40 + 8 * np.sin(np.arange(50, dtype=np.float32) / 3)[None, :, None]
    detail = blend.poisson(base, ramp, cover) - base
    assert np.corrcoef(detail[30, 16:34, 0], (ramp - base)[30, 16:34, 0])[0, 1] > 0.9, "but its own detail"
    assert np.abs(detail[[0, -1]]).max() < 0.01


def test_a_large_window_is_blended_as_a_small_one():
    """Above a size the equation is solved at a smaller scale."""
    base = cv2.GaussianBlur(surface(150, 150, 1).astype(np.float32), (0, 0), 2)[..., None]
    patch = base + 30 + 10 * np.sin(np.arange(150, dtype=np.float32) / 9)[None, :, None]
    cover = np.zeros((150, 150), np.float32)
    cv2.circle(cover, (75, 75), 45, 1.0, -1)
    cover = cv2.GaussianBlur(cover, (0, 0), 2)
    exact = blend._solve(patch - base, cover)
    assert np.abs(blend.poisson(base, patch, cover) - base - exact).mean() < 0.06 * np.abs(exact).max()


@settings(deadline=None, max_examples=30)
@given(
    height=sides, width=sides, channels=st.sampled_from([1, 3]), seed=seeds,
    rows=st.integers(1, 90), columns=st.integers(1, 90), level=st.sampled_from([None, 0, 255]),
)  # fmt: skip
def test_a_pasted_fault_is_to_be_seen_on_any_image(height, width, channels, seed, rows, columns, level):
    rng = np.random.default_rng(seed)
    image = surface(height, width, channels) if level is None else flat(level, height, width, channels)
    faulty, fault = surface(height, width, channels, 1), np.zeros((height, width), np.uint8)
    y, x = int(rng.integers(height)), int(rng.integers(width))
    fault[y : y + rows, x : x + columns] = 255
    faulty[fault > 0] //= 3
    kept = image.copy(), faulty.copy(), fault.copy()
    changed, mask = copy_paste(image, faulty, fault, np.random.default_rng(seed))
    assert (changed.shape, changed.dtype) == (image.shape, np.uint8)
    assert set(np.unique(mask)) in ({0, 255}, {255})
    again = copy_paste(image, faulty, fault, np.random.default_rng(seed))
    assert np.array_equal(changed, again[0])
    assert np.array_equal(mask, again[1])
    assert all(np.array_equal(now, before) for now, before in zip((image, faulty, fault), kept, strict=True))


def test_a_pasted_fault_looks_as_it_did_and_lies_where_the_mask_says():
    image, faulty = surface(96, 96, 1), surface(96, 96, 1, 1)
    fault = np.zeros((96, 96), np.uint8)
    cv2.circle(fault, (30, 60), 7, 255, -1)
    faulty[fault > 0] = 20
    places = set()
    for seed in range(40):
        changed, mask = copy_paste(image, faulty, fault, np.random.default_rng(seed))
        check(image, changed, mask, least=20)
        inner, around = cv2.erode(mask, np.ones((3, 3))) > 0, cv2.dilate(mask, np.ones((15, 15))) == 0
        assert changed[..., 0][inner].mean() < changed[..., 0][around].mean() - 30, "a dark spot stays one"
        assert 0.4 < np.count_nonzero(mask) / np.count_nonzero(fault) < 2.2
        places.add(tuple((np.argwhere(mask).mean(axis=0) // 8).astype(int)))
    assert len(places) > 15


def test_one_of_several_faults_is_taken():
    faulty, fault = surface(96, 96, 1, 1), np.zeros((96, 96), np.uint8)
    fault[10:14, 10:14] = fault[60:80, 60:80] = 255
    faulty[fault > 0] = 20
    areas = [
        np.count_nonzero(copy_paste(surface(96, 96, 1), faulty, fault, np.random.default_rng(seed))[1])
        for seed in range(20)
    ]
    assert min(areas) < 40
    assert 200 < max(areas) < 800


@pytest.mark.parametrize(
    ("shape", "fault", "said"),
    [
        ((40, 40, 1), np.zeros((40, 40), np.uint8), "marks nothing"),
        ((40, 40, 3), np.full((40, 40), 255, np.uint8), "do not match"),
        ((40, 40, 1), np.full((40, 41), 255, np.uint8), "do not match"),
    ],
)
def test_what_cannot_be_pasted_is_refused(shape, fault, said):
    with pytest.raises(ValueError, match=said):
        copy_paste(surface(40, 40, 1), surface(*shape), fault, np.random.default_rng(0))
