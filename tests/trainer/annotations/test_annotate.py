"""Masks from other tools: bad files first, then files as label-studio-sdk 2.1.2 and pycocotools 2.0.11 write them."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import DataError
from trainer.annotations import coco, label_studio
from trainer.annotations.shapes import box, polygon, runs
from trainer.dataset import open_sample, read_mask, read_samples

HERE = Path(__file__).parent
HEIGHT, WIDTH = 40, 60
NAMES = ("disc", "noise", "plain", "both", "turned", "good")
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
DISC = (ROWS - 14) ** 2 + (COLUMNS - 22) ** 2 <= 49
NOISE = np.random.default_rng(0).random((HEIGHT, WIDTH)) < 0.3
BOTH = np.zeros((HEIGHT, WIDTH), bool)
BOTH[20:30, 6:18] = BOTH[4:16, 30:48] = True
TURNED = np.zeros((HEIGHT, WIDTH), bool)
TURNED[10:22, 20:30] = True  # 12 x 10 pixels from (30, 10), turned by 90 degrees


@pytest.fixture
def photos(tmp_path: Path, photograph: Callable[..., Path]) -> Path:
    """A set with a manifest, as an export makes it: provenance, and no kinds or masks yet."""
    folder = tmp_path / "set"
    lines = [("image", "label", "group", "operator")]
    for name in NAMES:
        photograph(folder / "photos" / f"{name}.png", (HEIGHT, WIDTH))
        lines.append((f"photos/{name}.png", "ok" if name == "good" else "ng", name, "ann"))
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return folder


def masks(folder: Path) -> dict[str, np.ndarray]:
    found = {}
    for sample in read_samples(folder):
        mask = read_mask(open_sample(sample)[0])
        if mask is not None:
            found[sample.path.stem] = mask > 0
    return found


def alike(mask: np.ndarray, expected: np.ndarray) -> bool:
    """But for the border, which belongs to a polygon."""
    wider = cv2.dilate(expected.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return bool((mask & expected).sum() == expected.sum() and not (mask & ~wider).any())


def coco_file(**changes: Any) -> dict[str, Any]:
    image = {"id": 1, "file_name": "disc.png", "width": WIDTH, "height": HEIGHT}
    annotation = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
    return {"images": [image], "annotations": [{**annotation, **changes}], "categories": [{"id": 1, "name": "dent"}]}


def studio_file(kind: str, value: dict[str, Any], image: str = "disc.png", **more: Any) -> list[dict[str, Any]]:
    result = {"type": kind, "value": value, "original_width": WIDTH, "original_height": HEIGHT, **more}
    return [{"data": {"image": image}, "annotations": [{"result": [result]}]}]


SQUARE = {"x": 1, "y": 1, "width": 50, "height": 50}
BRUSH = json.loads((HERE / "label-studio.json").read_text())[0]["annotations"][0]["result"][0]["value"]["rle"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "neither a JSON export"),
        ("[" * 100_000, "neither a JSON export"),
        ('{"images": 1}', "$.images"),
        ('{"images": [], "annotations": [{"image_id": 1, "bbox": [1, 2]}]}', "$.annotations[0].bbox"),
        ('[{"image": "a.png", "label": []}]', "data"),
        (b"\xff\xfe", "neither a JSON export"),
    ],
)
def test_what_is_no_file_of_annotations_is_one_line(okng, photos, tmp_path, content, said) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = (photos / "manifest.csv").read_bytes()
    done = okng("dataset", "annotate", photos, file)
    assert (done.status, said in done.complaint, str(file) in done.complaint) == (2, True, True), done.err
    assert (photos / "manifest.csv").read_bytes() == before
    assert okng("dataset", "annotate", photos, tmp_path / "absent").status == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (coco_file(segmentation={"size": [HEIGHT, WIDTH], "counts": [5, 10**12]}), "run lengths of 1000000000005"),
        (coco_file(segmentation={"size": [HEIGHT, WIDTH], "counts": [-5, HEIGHT * WIDTH + 5]}), "run lengths of"),
        (coco_file(segmentation={"size": [HEIGHT, WIDTH], "counts": "oooo"}), "end within one"),
        (coco_file(segmentation={"size": [HEIGHT, WIDTH], "counts": "\u1234"}), "no run length"),
        (coco_file(segmentation={"size": [10**9, 10**9], "counts": "0"}), "run lengths of an image of"),
        (coco_file(segmentation=[[1, 2, 3, 4]]), "a polygon of 2 points"),
        (coco_file(bbox=[500, 500, 5, 5]), "marks nothing"),
        (coco_file(bbox=[5, 5, 0, 5]), "encloses nothing"),
        (coco_file(bbox=None), "neither segmentation nor box"),
        (studio_file("rectanglelabels", SQUARE, original_width=10**9), "the shapes were drawn on one of"),
        (studio_file("rectanglelabels", SQUARE, image_rotation=90), "turned by 90 degrees"),
        (studio_file("rectanglelabels", {"x": 1}), "without what makes one"),
        (studio_file("rectanglelabels", {**SQUARE, "x": "left"}), "without what makes one"),
        (studio_file("rectanglelabels", {**SQUARE, "x": 1e300}), "marks nothing"),
        (studio_file("polygonlabels", {"points": [[1, 2, 3]]}), "without what makes one"),
        (studio_file("ellipselabels", SQUARE), "ellipselabels is not read"),
        (studio_file("brushlabels", {"format": "rle", "rle": [300]}), "without what makes one"),
        (studio_file("brushlabels", {"format": "rle", "rle": BRUSH[:-9]}), "end too early"),
        (studio_file("brushlabels", {"format": "rle", "rle": [255, *BRUSH[1:]]}), "a brush of"),
        (studio_file("brushlabels", {"format": "rle", "rle": []}), "end too early"),
        (studio_file("rectanglelabels", SQUARE, "good.png"), "it is labelled ok"),
        (studio_file("rectanglelabels", SQUARE, "other.png"), "is not in the set"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_told_by_its_image_and_changes_nothing(okng, photos, tmp_path, content, said) -> None:
    file = tmp_path / "file.json"
    file.write_text(json.dumps(content))
    done = okng("dataset", "annotate", photos, file)
    assert (done.status, said in done.complaint, ".png: " in done.complaint) == (1, True, True), done.err
    assert masks(photos) == {}


def test_label_studios_brush_polygons_and_rectangles_become_masks(okng, photos) -> None:
    done = okng("dataset", "annotate", photos, HERE / "label-studio.json")
    assert (done.status, done.err) == (0, ""), done.err
    assert done.out.endswith(": 4 masks, 0 of them in place of another; 0 as they were, 1 image with nothing drawn\n")
    found = masks(photos)
    assert set(found) == {"disc", "noise", "both", "turned"}
    assert np.array_equal(found["disc"], DISC)
    assert np.array_equal(found["noise"], NOISE)
    assert alike(found["both"], BOTH)
    assert alike(found["turned"], TURNED)
    samples = {sample.path.stem: sample for sample in read_samples(photos)}
    assert [samples[name].kind for name in NAMES] == ["spot", "spot", "ng", "ng", "dent", "ok"]
    with (photos / "manifest.csv").open(newline="") as file:
        assert {line["operator"] for line in csv.DictReader(file)} == {"ann"}
    again = okng("dataset", "annotate", photos, HERE / "label-studio.json")
    assert ": 0 masks, 0 of them in place of another; 4 as they were" in again.out


def test_cocos_run_lengths_polygons_and_boxes_become_masks(okng, photos) -> None:
    done = okng("dataset", "annotate", photos, HERE / "coco.json")
    assert (done.status, done.err) == (0, ""), done.err
    found = masks(photos)
    assert set(found) == {"disc", "noise", "plain", "both"}
    for name, expected in {"disc": DISC, "noise": NOISE, "plain": NOISE}.items():
        assert np.array_equal(found[name], expected), name
    assert alike(found["both"], BOTH)


def test_another_mask_takes_the_place_of_the_one_before_and_a_kind_stays(okng, photos, tmp_path) -> None:
    assert okng("dataset", "annotate", photos, HERE / "coco.json").status == 0
    file = tmp_path / "file.json"
    file.write_text(json.dumps(coco_file()))
    done = okng("dataset", "annotate", photos, file, "--json")
    assert done.json == {"masks": 0, "replaced": 1, "same": 0, "empty": 0, "refused": {}}
    assert masks(photos)["disc"].sum() == 12
    assert next(sample.kind for sample in read_samples(photos) if sample.path.stem == "disc") == "spot"


def test_the_ground_truth_counts_else_the_latest_that_was_submitted(okng, photos, tmp_path) -> None:
    def said(width: int, **more: Any) -> dict[str, Any]:
        (task,) = studio_file("rectanglelabels", {"x": 0, "y": 0, "width": width, "height": 100})
        return {**task["annotations"][0], **more}

    submitted = [said(50, updated_at="2026-02"), said(20, updated_at="2026-01"), said(100, was_cancelled=True)]
    file = tmp_path / "file.json"
    for several, width in ((submitted, 30), ([*submitted, said(10, ground_truth=True)], 6)):
        file.write_text(json.dumps([{"data": {"image": "disc.png"}, "annotations": several}]))
        assert okng("dataset", "annotate", photos, file).status == 0
        assert masks(photos)["disc"].sum() == width * HEIGHT


def test_an_image_is_found_by_its_path_where_names_are_not_enough(okng, photos, photograph, tmp_path) -> None:
    photograph(photos / "more" / "disc.png", (HEIGHT, WIDTH))
    with (photos / "manifest.csv").open("a", newline="") as file:
        csv.writer(file).writerow(("more/disc.png", "ng", "other", "bob"))
    file = tmp_path / "file.json"
    file.write_text(json.dumps(studio_file("rectanglelabels", SQUARE)))
    assert "may be photos/disc.png or more/disc.png" in okng("dataset", "annotate", photos, file).complaint
    file.write_text(json.dumps(studio_file("rectanglelabels", SQUARE, "/data/local-files/?d=x/more/disc.png")))
    assert okng("dataset", "annotate", photos, file).status == 0
    assert [sample.name for sample in read_samples(photos) if sample.mask] == ["more/disc.png"]


def test_a_set_without_manifest_says_what_makes_one(okng, tmp_path, photograph) -> None:
    photograph(tmp_path / "set" / "ok" / "1.png")
    done = okng("dataset", "annotate", tmp_path / "set", HERE / "coco.json")
    assert (done.status, "okng dataset split" in done.complaint) == (2, True)


@given(st.binary(max_size=60))
def test_no_bytes_of_a_brush_do_more_than_fail(data) -> None:
    number = int.from_bytes(data[:4], "big") if len(data) >= 4 else 0
    with contextlib.suppress(DataError):
        assert label_studio.unpack(data, min(number, 4096)).size == min(number, 4096)


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=30))
def test_no_text_of_run_lengths_does_more_than_fail(text) -> None:
    mask = np.zeros((5, 7), np.uint8)
    try:
        runs(coco.unpack(text))(mask)
    except DataError:
        assert not mask.any()


@given(*[st.floats(-1e6, 1e6)] * 4)
def test_a_box_marks_what_a_polygon_of_its_corners_does_within_a_pixel(x, y, width, height) -> None:
    masks = np.zeros((2, 20, 30), np.uint8)
    width, height = abs(width) % 40 + 0.1, abs(height) % 40 + 0.1
    x, y = x % 60 - 20, y % 60 - 20
    box(x, y, width, height)(masks[0])
    polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])(masks[1])
    wide = [cv2.dilate(mask, np.ones((5, 5), np.uint8)) for mask in masks]
    seen = min(x + width, 30) - max(x, 0), min(y + height, 20) - max(y, 0)
    assert not (masks[0] & ~wide[1]).any() or min(seen) < 2
    assert not (masks[1] & ~wide[0]).any() or not masks[0].any()
