"""Synthetic parts: reproducible, labelled truly, and not to be told apart by a trivial number."""

import csv
import errno
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import UsageError
from trainer.synthesize import KINDS, PRODUCTS, synthesize_part, write_dataset
from trainer.synthesize import dataset as dataset_module
from trainer.synthesize.dataset import plan_shots
from trainer.synthesize.defects import add_defect
from trainer.synthesize.surface import Surface
from trainer.synthesize.texture import SIZE


def read_manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def plain_surface(light_angle: float) -> Surface:
    sound = np.zeros((SIZE, SIZE), bool)
    sound[60:196, 60:196] = True
    return Surface(np.full((SIZE, SIZE), 0.5, np.float32), sound, light_angle)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("kind", [None, *KINDS])
def test_a_part_is_a_pure_function_of_its_rng(product, kind):
    first, again = (synthesize_part(np.random.default_rng(5), product, kind) for _ in range(2))
    other = synthesize_part(np.random.default_rng(6), product, kind)
    assert np.array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)
    assert (first.kind, first.product) == (kind, product)


@pytest.mark.parametrize(("product", "shape"), [("metal", (256, 256)), ("plastic", (256, 256, 3))])
def test_image_and_mask_have_the_promised_form(product, shape):
    part = synthesize_part(np.random.default_rng(0), product, "spot")
    assert part.image.shape == shape
    assert part.image.dtype == np.uint8
    assert part.image.flags["C_CONTIGUOUS"]
    assert part.mask is not None
    assert part.mask.shape == (256, 256)
    assert set(np.unique(part.mask)) == {0, 255}
    assert synthesize_part(np.random.default_rng(0), product, None).mask is None


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("kind", KINDS)
def test_defects_are_as_small_as_real_ones(product, kind):
    masks = [synthesize_part(np.random.default_rng([1, seed]), product, kind).mask for seed in range(24)]
    shares = [np.count_nonzero(mask) / mask.size for mask in masks]
    assert 0.0015 <= np.median(shares) <= 0.005
    assert min(shares) > 0.0003


@pytest.mark.parametrize("kind", KINDS)
def test_the_mask_covers_the_change_and_only_the_change(kind):
    surface = plain_surface(0.3)
    marked, mask = add_defect(np.random.default_rng(2), surface, kind)
    change = np.abs(marked.radiance - surface.radiance)
    inside, near = mask > 0, cv2.dilate(mask, np.ones((25, 25), np.uint8)) > 0
    assert change[inside].sum() > 0.6 * change.sum()
    assert change[inside].min() > 0
    assert change[~near].max() < 0.1 * change.max()
    assert not (inside & ~surface.sound).any()


@pytest.mark.parametrize("light_angle", [0.0, 1.2, -2.5])
def test_a_dent_is_dark_towards_the_lamp_and_bright_beyond(light_angle):
    surface = plain_surface(light_angle)
    change = add_defect(np.random.default_rng(3), surface, "dent")[0].radiance - surface.radiance
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    towards = columns * np.cos(light_angle) + rows * np.sin(light_angle)
    bright, dark = (np.average(towards, weights=np.maximum(sign * change, 0)) for sign in (1, -1))
    assert dark - bright > 3


def test_contrast_follows_the_parameter():
    surface = plain_surface(0.0)
    faint, strong = (
        np.abs(add_defect(np.random.default_rng(4), surface, "spot", (c, c))[0].radiance - 0.5).max() for c in (2, 8)
    )
    assert strong == pytest.approx(4 * faint, rel=0.02)


def trivial_statistics(image):
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    detail = cv2.absdiff(grey, cv2.medianBlur(grey, 9)).astype(np.float32)
    soft = grey.astype(np.float32)
    blobs = np.abs(cv2.GaussianBlur(soft, (0, 0), 2) - cv2.GaussianBlur(soft, (0, 0), 6))
    local_variance = cv2.blur(soft * soft, (9, 9)) - cv2.blur(soft, (9, 9)) ** 2
    face = (slice(40, 216), slice(40, 216))
    return {
        "mean": grey.mean(),
        "std": grey.std(),
        "min": grey.min(),
        "max": grey.max(),
        "laplacian": np.abs(cv2.Laplacian(soft, cv2.CV_32F)).max(),
        "median difference": detail.max(),
        "median difference on the face": detail[face].max(),
        "black hat": cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, kernel).max(),
        "top hat": cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, kernel).max(),
        "local contrast": local_variance.max(),
        "blobs": blobs.max(),
        "blobs on the face, relative": blobs[face].max() / blobs[face].std(),
    }


def auroc(ok, ng):
    ok, ng = np.asarray(ok, float)[:, None], np.asarray(ng, float)[None, :]
    return float(np.mean(ng > ok) + 0.5 * np.mean(ng == ok))


@pytest.mark.parametrize("product", PRODUCTS)
def test_no_trivial_statistic_tells_ng_from_ok(product):
    parts = [
        synthesize_part(np.random.default_rng([7, i]), product, KINDS[i % 3] if i < 100 else None) for i in range(200)
    ]
    measured = [trivial_statistics(part.image) for part in parts]
    for name in measured[0]:
        ng, ok = (
            [m[name] for m, p in zip(measured, parts, strict=True) if (p.kind is None) == good] for good in (0, 1)
        )
        assert 0.25 < auroc(ok, ng) < 0.75, name


def test_a_dataset_has_the_promised_layout(tmp_path):
    seen = []
    write_dataset(tmp_path / "new" / "data", count=40, seed=3, progress=lambda done, of: seen.append((done, of)))
    folder = tmp_path / "new" / "data"
    assert (folder / "manifest.csv").read_text().splitlines()[0] == "image,label,kind,group,mask"
    rows = read_manifest(folder)
    assert seen == [(i + 1, 40) for i in range(40)]
    assert abs(sum(row["label"] == "ng" for row in rows) - 12) <= 2
    for number, row in enumerate(rows, start=1):
        assert row["image"] == f"images/{row['label']}/{number:06d}.png"
        assert cv2.imread(str(folder / row["image"]), cv2.IMREAD_UNCHANGED).shape == (256, 256)
        assert (row["kind"] == "good") == (row["label"] == "ok") == (row["mask"] == "")
        assert not row["mask"] or cv2.imread(str(folder / row["mask"]), cv2.IMREAD_UNCHANGED).any()
    assert sorted(p.name for p in folder.parent.iterdir()) == ["data"]
    assert sum(1 for p in folder.rglob("*.png")) == 40 + sum(row["label"] == "ng" for row in rows)


def test_an_image_does_not_depend_on_the_count(tmp_path):
    write_dataset(tmp_path / "few", count=6, seed=1, product="plastic")
    write_dataset(tmp_path / "more", count=9, seed=1, product="plastic")
    few, more = read_manifest(tmp_path / "few"), read_manifest(tmp_path / "more")
    assert few == more[:6]
    for row in few:
        assert (tmp_path / "few" / row["image"]).read_bytes() == (tmp_path / "more" / row["image"]).read_bytes()


def test_some_parts_are_photographed_twice_under_different_exposure(tmp_path):
    shots = list(islice(plan_shots(0, 0.3), 2000))
    twice = [(a, b) for a, b in pairwise(shots) if a.part == b.part]
    assert len(twice) / shots[-1].part == pytest.approx(0.2, abs=0.04)
    assert all(a.kind == b.kind for a, b in twice)
    first = twice[0][0].index
    write_dataset(tmp_path / "data", count=first + 2)
    rows = read_manifest(tmp_path / "data")[first:]
    one, two = (cv2.imread(str(tmp_path / "data" / row["image"]), cv2.IMREAD_UNCHANGED) for row in rows)
    assert rows[0]["group"] == rows[1]["group"]
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.98
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("count", [1, 7, 300])
def test_the_share_of_ng_is_kept(share, count):
    shots = list(islice(plan_shots(5, share), count))
    assert abs(sum(shot.kind is not None for shot in shots) - share * count) <= 1.5
    if share in (0.0, 1.0):
        assert {shot.label for shot in shots} == {"ng" if share else "ok"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"count": 0}, "number of images is 0"),
        ({"ng_share": 1.1}, "from 0 to 1"),
        ({"ng_share": float("nan")}, "from 0 to 1"),
        ({"seed": -1}, "seed is -1"),
        ({"product": "wood"}, "metal, plastic"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(tmp_path, arguments, says):
    with pytest.raises(UsageError, match=says):
        write_dataset(tmp_path / "data", **{"count": 2, **arguments})
    assert not list(tmp_path.iterdir())


def test_an_unknown_kind_is_refused():
    with pytest.raises(UsageError, match="spot, scratch, dent"):
        synthesize_part(np.random.default_rng(0), "metal", "rust")


def test_only_a_new_or_empty_folder_is_written(tmp_path):
    (tmp_path / "empty").mkdir()
    write_dataset(tmp_path / "empty", count=1)
    before = (tmp_path / "empty" / "manifest.csv").read_bytes()
    with pytest.raises(UsageError, match="is already there"):
        write_dataset(tmp_path / "empty", count=2)
    assert (tmp_path / "empty" / "manifest.csv").read_bytes() == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="is already there"):
        write_dataset(tmp_path / "file", count=2)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, monkeypatch):
    def fill_up(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(UsageError, match=r"data: cannot be written: No space left on device") as caught:
        write_dataset(tmp_path / "data", count=3)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_path_below_a_file_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_dataset(tmp_path / "file" / "data", count=1)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_leaves_nothing(tmp_path, interrupt):
    def stop(done, of):
        if done == 2:
            raise interrupt

    with pytest.raises(interrupt):
        write_dataset(tmp_path / "data", count=5, progress=stop)
    assert not list(tmp_path.iterdir())


def test_an_image_that_cannot_be_encoded_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_module.cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(UsageError, match="could not be encoded"):
        write_dataset(tmp_path / "data", count=1)
    assert not list(tmp_path.iterdir())


def test_drawing_needs_numpy_and_opencv_only():
    program = (
        "import sys, trainer.synthesize; "
        "print([m for m in ('tensorflow', 'keras', 'scipy', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
