"""Three layouts become one table, and what is wrong with them is said in one line."""

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DataError
from trainer.dataset import load_images, natural, read_mask, read_samples, require_both_classes, stream_images


def write_manifest(folder: Path, *rows: dict[str, object], encoding: str = "utf-8") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def complaint(call, *arguments) -> str:
    with pytest.raises(DataError) as caught:
        call(*arguments)
    (line,) = str(caught.value).splitlines()
    return line


def keep(pixels):
    return pixels


def test_a_folder_per_class(photos):
    samples = read_samples(photos)
    assert [s.name for s in samples] == [f"{kind}/{n}.png" for kind in ("ok", "scratch") for n in range(1, 11)]
    assert {(s.kind, s.label) for s in samples} == {("ok", "ok"), ("scratch", "ng")}
    assert all(s.group == s.name and s.fold is None and s.mask is None for s in samples)


def test_masks_beside_class_folders_are_found(photos, photograph):
    first, second = photos / "masks" / "3.png", photos / "ground_truth" / "scratch" / "4_mask.png"
    photograph(first)
    photograph(second)
    masks = {s.name: s.mask for s in read_samples(photos)}
    assert masks["scratch/3.png"] == first
    assert masks["scratch/4.png"] == second
    assert masks["ok/3.png"] is None, "an ok image has no fault to mark"
    assert len(masks) == 20, "masks are no class"


def test_mvtec_ad(tmp_path, photograph):
    for name in ("train/good/000.png", "test/good/000.png", "test/crack/000.png", "test/crack/001.png"):
        photograph(tmp_path / name)
    mask = photograph(tmp_path / "ground_truth/crack/000_mask.png")
    samples = {s.name: s for s in read_samples(tmp_path)}
    assert {name: (s.label, s.kind, s.fold) for name, s in samples.items()} == {
        "train/good/000.png": ("ok", "good", 0),
        "test/good/000.png": ("ok", "good", 1),
        "test/crack/000.png": ("ng", "crack", 1),
        "test/crack/001.png": ("ng", "crack", 1),
    }
    assert {name: s.mask for name, s in samples.items() if s.mask} == {"test/crack/000.png": mask}
    assert len({s.group for s in samples.values()}) == 4, "train/good/000 and test/good/000 are two parts"


def test_a_manifest_with_two_columns(photos):
    write_manifest(photos, {"image": "ok/1.png", "label": "ok"}, {"image": "scratch/1.png", "label": "ng"})
    ok, ng = read_samples(photos)
    assert (ok.name, ok.label, ok.kind, ok.group, ok.fold, ok.mask) == ("ok/1.png", "ok", "ok", "ok/1.png", None, None)
    assert (ng.label, ng.kind) == ("ng", "ng")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_manifest_with_all_columns(photos, photograph, encoding):
    mask = photograph(photos / "m.png")
    full = {"image": "scratch/1.png", "label": "ng", "kind": "Riß", "group": "p7", "fold": "3", "mask": "m.png"}
    empty = {"image": "ok/1.png", "label": "ok", "kind": "", "group": "", "fold": "", "mask": ""}
    write_manifest(photos, full, empty, encoding=encoding)
    first, second = read_samples(photos)
    assert (first.kind, first.group, first.fold, first.mask) == ("Riß", "p7", 3, mask)
    assert (second.kind, second.group, second.fold, second.mask) == ("ok", "ok/1.png", None, None)


def test_numbers_sort_as_numbers():
    names = ["part 10.png", "10/1.png", "²", "part 9a.png", "2/1.png", "part 9.png", "m²1.png"]
    ordered = ["2/1.png", "10/1.png", "m²1.png", "part 9.png", "part 9a.png", "part 10.png", "²"]
    assert sorted(names, key=natural) == ordered


def test_an_absent_folder(tmp_path):
    assert complaint(read_samples, tmp_path / "nowhere") == f"{tmp_path / 'nowhere'}: no such folder"


def test_a_file_for_a_folder(tmp_path):
    (tmp_path / "file").touch()
    assert "no such folder" in complaint(read_samples, tmp_path / "file")


def test_an_empty_folder(tmp_path):
    (tmp_path / "ok").mkdir()
    line = complaint(read_samples, tmp_path)
    assert str(tmp_path) in line
    assert "a folder per class" in line


def test_one_class_only(photos):
    samples = [s for s in read_samples(photos) if not s.is_ng]
    line = complaint(require_both_classes, samples, str(photos))
    assert line == f"{photos}: no ng image among 10 (ok only); okng learns from both, of two parts each at least"


GOOD = {"image": "ok/1.png", "label": "ok", "group": "a", "fold": "0", "mask": ""}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"image": "ok/99.png"}, ("not there", "ok/99.png")),
        ({"image": "/nowhere/at/all.png"}, ("not there", "/nowhere/at/all.png")),
        ({"image": "scratch/2.png", "label": "ng", "mask": "none.png"}, ("not there", "none.png")),
        ({"image": ""}, ("line 3", "no image")),
        ({"image": "ok/2.png", "label": "bad"}, ("line 3", "'bad'", "neither ok nor ng")),
        ({"image": "ok/2.png", "fold": "-1"}, ("line 3", "fold '-1'", "whole number")),
        ({"image": "ok/2.png", "fold": "²"}, ("line 3", "fold '²'", "whole number")),
        ({"image": "ok/2.png", "fold": "1.0"}, ("line 3", "fold '1.0'", "whole number")),
        ({"image": "ok/1.png"}, ("line 3", "ok/1.png", "line 2")),
        ({"image": "ok/../ok/1.png", "label": "ng"}, ("line 3", "line 2")),
    ],
)
def test_a_bad_row_of_a_manifest(photos, row, expected):
    write_manifest(photos, GOOD, {**GOOD, **row})
    line = complaint(read_samples, photos)
    assert str(photos / "manifest.csv") in line
    assert all(part in line for part in expected), line


def test_how_many_files_are_absent(photos):
    write_manifest(photos, *({"image": f"ok/{n}.png", "label": "ok"} for n in range(5, 15)))
    assert complaint(read_samples, photos).endswith("ok/11.png and 3 more")


@pytest.mark.parametrize("missing", ["image", "label"])
def test_a_manifest_without_a_column(photos, missing):
    write_manifest(photos, {key: value for key, value in GOOD.items() if key != missing})
    line = complaint(read_samples, photos)
    assert f"column {missing} is missing" in line
    assert "needs image and label" in line


def test_a_manifest_that_is_empty(photos):
    (photos / "manifest.csv").write_text("")
    assert "column image is missing" in complaint(read_samples, photos)


def test_a_manifest_without_rows(photos):
    (photos / "manifest.csv").write_text("image,label\n")
    assert "no images" in complaint(read_samples, photos)


def test_a_manifest_that_is_not_utf8(photos):
    write_manifest(photos, {"image": "ok/1.png", "label": "ok", "kind": "Kratzer größer"}, encoding="latin-1")
    line = complaint(read_samples, photos)
    assert str(photos / "manifest.csv") in line
    assert "utf-8" in line


def spoil(photos: Path, photograph, name: str, how: str) -> None:
    path = photos / name
    if how == "no image":
        path.write_bytes(b"hello")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "cut short":
        path.write_bytes(path.read_bytes()[:-200])
    elif how == "16 bits":
        photograph(path, dtype=np.uint16)
    elif how == "transparent":
        photograph(path, shape=(40, 48, 4))
    else:
        path.unlink()
        path.symlink_to("nowhere.png")


BAD_IMAGES = ["no image", "empty", "cut short", "16 bits", "transparent"]


@pytest.mark.parametrize("how", [*BAD_IMAGES, "gone since"])
def test_an_image_that_cannot_be_used_is_left_out_and_named(photos, photograph, how):
    samples = read_samples(photos)
    spoil(photos, photograph, "ok/7.png", how)
    seen = []
    loaded = load_images(samples, keep, lambda done, total: seen.append((done, total)))
    assert [s.name for s in loaded.samples] == [s.name for s in samples if s.name != "ok/7.png"]
    assert len(loaded.images) == 19
    ((name, reason),) = loaded.unreadable
    assert name == "ok/7.png"
    assert reason
    assert name not in reason, "named once"
    assert seen == [(n, 20) for n in range(1, 21)]


def test_too_many_bad_images_are_refused(photos, photograph):
    samples = read_samples(photos)
    spoil(photos, photograph, "ok/7.png", "empty")
    spoil(photos, photograph, "scratch/1.png", "16 bits")
    line = complaint(load_images, samples, keep)
    assert line.startswith("2 of 20 images cannot be read, the first ok/7.png: ")
    assert "mend or remove them" in line


def test_images_come_one_at_a_time(photos):
    samples = read_samples(photos)
    first, *others = samples
    stream = stream_images(samples, [])
    assert next(stream)[0].name == first.name
    for sample in others:
        sample.path.unlink()  # none of them was read ahead
    with pytest.raises(DataError, match=r"^19 of 20 images cannot be read, the first ok/2\.png: "):
        list(stream)


def test_after_too_many_bad_images_no_more_come(photos, photograph):
    samples = read_samples(photos)
    for name in ("ok/3.png", "ok/5.png"):
        spoil(photos, photograph, name, "empty")
    handed = []
    with pytest.raises(DataError, match=r"^2 of 20 images"):
        handed.extend(sample.name for sample, _ in stream_images(samples, []))
    assert handed == ["ok/1.png", "ok/2.png", "ok/4.png"], "what comes later would be work for nothing"


def test_sizes_and_colours_may_be_mixed(photos, photograph):
    photograph(photos / "ok/1.png", (30, 20, 3))
    photograph(photos / "scratch/1.jpg", (64, 20, 3))
    opaque = np.dstack([np.full((9, 8, 3), 77, np.uint8), np.full((9, 8), 255, np.uint8)])
    cv2.imwrite(str(photos / "ok/2.png"), opaque)
    loaded = load_images(read_samples(photos), keep)
    assert not loaded.unreadable
    found = {s.name: (image.shape, s.size) for s, image in zip(loaded.samples, loaded.images, strict=True)}
    assert found["ok/1.png"] == ((30, 20, 3), (30, 20))
    assert found["ok/2.png"] == ((9, 8, 3), (9, 8))
    assert found["scratch/1.jpg"] == ((64, 20, 3), (64, 20))
    assert found["ok/3.png"] == ((40, 48), (40, 48))


def test_the_digest_is_that_of_the_file(photos):
    loaded = load_images(read_samples(photos), keep)
    assert all(s.sha256 == hashlib.sha256(s.path.read_bytes()).hexdigest() for s in loaded.samples)


def masked_sample(photos: Path, mask: np.ndarray):
    cv2.imwrite(str(photos / "m.png"), mask)
    write_manifest(photos, {"image": "scratch/1.png", "label": "ng", "mask": "m.png"})
    return load_images(read_samples(photos), keep).samples[0]


@pytest.mark.parametrize("level", [1, 100, 128, 255])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_mask_marks_the_fault_whatever_wrote_it(photos, level, channels):
    drawn = np.zeros((40, 48, channels), np.uint8)
    drawn[10:14, 20:30, 0] = level
    mask = read_mask(masked_sample(photos, drawn))
    assert mask.shape == (40, 48)
    assert mask.dtype == np.uint8
    assert np.array_equal(mask > 0, drawn[..., 0] > 0)
    assert mask.max() == 255


def test_a_mask_of_another_size_than_its_image(photos):
    line = complaint(read_mask, masked_sample(photos, np.full((20, 24), 255, np.uint8)))
    assert line == f"{photos / 'm.png'}: is 24 x 20 pixels, its image 48 x 40; draw it again"


def test_a_mask_that_marks_nothing(photos):
    line = complaint(read_mask, masked_sample(photos, np.zeros((40, 48), np.uint8)))
    assert line.startswith(f"{photos / 'm.png'}: marks nothing")


def test_a_mask_that_cannot_be_read(photos):
    sample = masked_sample(photos, np.full((40, 48), 255, np.uint8))
    (photos / "m.png").write_bytes(b"")
    assert str(photos / "m.png") in complaint(read_mask, sample)
