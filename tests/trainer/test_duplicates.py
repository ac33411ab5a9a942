"""What occurs twice in a set is found: copies by content, photos of one part whatever the light and the file."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.dataset import Sample
from trainer.duplicates import HASH_LENGTH, NEAR, find_copies, near_pairs, picture_hash, unite_groups
from trainer.synthesize import synthesize_part


def named(name: str, group: str = "", folder: Path = Path()) -> Sample:
    return Sample(name, folder / name, "ok", "ok", group or name)


def test_copies_are_found_by_content(tmp_path):
    contents = {"a": b"one", "b": b"two", "c": b"one", "d": b"longer", "e": b"one", "f": b"two"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    samples = [named(name, folder=tmp_path) for name in [*contents, "absent"]]
    assert [[s.name for s in same] for same in find_copies(samples)] == [["a", "c", "e"], ["b", "f"]]


def test_only_files_of_equal_size_are_read(tmp_path, monkeypatch):
    for name, content in {"a": b"one", "b": b"two", "c": b"longer"}.items():
        (tmp_path / name).write_bytes(content)
    read = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or real(path))
    assert find_copies([named(name, folder=tmp_path) for name in "abc"]) == []
    assert read == ["a", "b"]


names = st.lists(st.integers(0, 9), min_size=1, max_size=20)


@settings(max_examples=40, deadline=None)
@given(names, st.lists(st.lists(st.integers(0, 19), min_size=1, max_size=3), max_size=10))
def test_united_is_what_hangs_together(groups, links):
    samples = [named(f"{n}.png", f"g{group}") for n, group in enumerate(groups)]
    alike = [[samples[i % len(samples)] for i in link] for link in links]
    united = {s.name: s.group for s in unite_groups(samples, alike)}
    assert [replace(s, group="") for s in unite_groups(samples, alike)] == [replace(s, group="") for s in samples]

    reached = {s.name: {s.name} for s in samples}  # by walking, the slow and plain way
    edges = [[s.name for s in link] for link in alike]
    edges += [[s.name for s in samples if s.group == group] for group in {s.group for s in samples}]
    for _ in samples:
        for edge in edges:
            together = set().union(*(reached[name] for name in edge))
            for name in together:
                reached[name] = together
    for a in united:
        assert {b for b in united if united[a] == united[b]} == reached[a]
    assert set(united.values()) <= {s.group for s in samples}


@pytest.fixture(scope="module")
def parts() -> list[np.ndarray]:
    products = ["metal", "plastic"] * 12
    return [synthesize_part(np.random.default_rng(n), product, None).image for n, product in enumerate(products)]


def darker(image):
    return cv2.convertScaleAbs(image, alpha=0.7)


def brighter(image):
    return cv2.convertScaleAbs(image, alpha=1.15, beta=4)


def compressed(image):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_UNCHANGED)


def smaller(image):
    return cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)


def coloured(image):
    return image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)


def pairs_of(images: list[np.ndarray]) -> set[tuple[int, int]]:
    return set(map(tuple, near_pairs(np.stack([picture_hash(image) for image in images])).tolist()))


@pytest.mark.parametrize("change", [darker, brighter, compressed, smaller, coloured])
def test_the_same_photo_changed_is_near_and_other_parts_are_not(parts, change):
    found = pairs_of([*parts, *map(change, parts)])
    assert found == {(n, n + len(parts)) for n in range(len(parts))}


def test_a_black_background_makes_nothing_alike(parts):
    framed = [cv2.copyMakeBorder(darker(image), *[100] * 4, cv2.BORDER_CONSTANT, value=0) for image in parts[::2]]
    assert pairs_of(framed) == set()


def test_blank_images_are_alike():
    blank = [np.full((30, 40), level, np.uint8) for level in (0, 0, 255)]
    assert pairs_of(blank) == {(0, 1), (0, 2), (1, 2)}


@pytest.mark.parametrize("shape", [(1, 1), (2, 3, 3), (5, 2000), (24, 25)])
def test_any_size_has_a_hash(shape):
    found = picture_hash(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))
    assert found.shape == (HASH_LENGTH,)
    assert set(np.unique(found)) <= {-1, 0, 1}


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_are_no_pair(count):
    assert near_pairs(np.ones((count, HASH_LENGTH), np.int8)).shape == (0, 2)


def test_pairs_are_found_across_blocks_and_the_closest_come_first(monkeypatch):
    monkeypatch.setattr("trainer.duplicates._BLOCK", 4)
    rng = np.random.default_rng(0)
    hashes = rng.choice([-1, 0, 1], (11, HASH_LENGTH)).astype(np.int8)
    for first, second, changed in ((1, 9, 120), (2, 3, 40), (0, 10, 80)):
        hashes[second] = hashes[first]
        hashes[second, :changed] *= -1
    assert near_pairs(hashes).tolist() == [[2, 3], [0, 10], [1, 9]]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99))
def test_the_distance_is_as_promised(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.choice([-1, 0, 1], (2, 60)).astype(np.int8)
    sloping = (first != 0) | (second != 0)
    differing = np.abs(first.astype(int) - second)[sloping].sum() / 2
    distance = differing / sloping.sum()
    hashes = np.stack([first, second])
    assert len(near_pairs(hashes, distance + 1e-4)) == 1
    assert len(near_pairs(hashes, distance - 1e-4)) == 0
    assert 0 < NEAR < 0.5
