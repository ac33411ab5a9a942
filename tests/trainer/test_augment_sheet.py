"""`okng dataset augment` as its user meets it."""

import cv2
import numpy as np
import pytest

from trainer.augment import NONE, Recipe
from trainer.augment.sheet import COLUMNS, draw_sheet, take_stock
from trainer.synthesize import write_dataset

ROW_PX = 224 + 6


@pytest.fixture(scope="module")
def metal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sheet") / "metal"
    write_dataset(folder, count=8, ng_share=0.5, seed=1)
    return folder


def rows(sheet: np.ndarray) -> int:
    return (sheet.shape[0] - 6) // ROW_PX


def test_a_row_for_each_part_all_of_them_and_the_defects(okng, metal, tmp_path):
    out, recipe = tmp_path / "new" / "sheet.png", tmp_path / "mine.toml"
    recipe.write_text("shift = 0.1\nnoise = 6\ncopy_paste = 0.1\nsynthetic = 0.1\n")
    ended = okng("dataset", "augment", metal, "--recipe", recipe, "--out", out)
    assert (ended.status, ended.out, ended.err) == (0, f"look at {out}\n", "")
    sheet = cv2.imread(str(out))
    assert rows(sheet) == 1 + 2 + 1 + 3 + 3
    inside = sheet[:, 180:]
    outlined = (inside == (32, 84, 233)).all(axis=2)
    assert outlined[-6 * ROW_PX :].any(axis=1).reshape(6, ROW_PX).any(axis=1).all(), "each defect row has outlines"


def test_the_seed_decides(metal):
    first, again, other = (draw_sheet(metal, Recipe(noise=9.0), seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_nothing_switched_on_shows_the_images(metal):
    assert rows(draw_sheet(metal, NONE, 0)) == 1
    assert rows(draw_sheet(metal, Recipe(noise=9.0), 0)) == 2


def test_colour_is_kept_where_there_is_any_and_masks_come_along(metal, tmp_path):
    write_dataset(tmp_path / "plastic", count=4, ng_share=0.5, seed=1, product="plastic")
    plastic, grey = (take_stock(folder, np.random.default_rng(0)) for folder in (tmp_path / "plastic", metal))
    assert plastic.ok[0][0].shape == (224, 224, 3)
    assert grey.ok[0][0].shape == (224, 224, 1)
    assert all(mask.any() for _, mask in grey.faults)
    assert len(grey.faults) == len(grey.ng) == 4
    assert len(grey.mixed) == COLUMNS


def test_a_set_without_ng_or_masks_has_no_pasted_rows(photos):
    sheet = draw_sheet(photos, Recipe(copy_paste=0.5, synthetic=0.5), 0)
    assert rows(sheet) == 1 + 3
    for path in (photos / "scratch").iterdir():
        path.unlink()
    assert rows(draw_sheet(photos, Recipe(copy_paste=0.5, noise=3.0), 0)) == 2


def test_faults_smaller_than_a_pixel_of_the_input_still_have_a_mask(tmp_path, photograph):
    for kind in ("ok", "scratch"):
        photograph(tmp_path / kind / "1.png", (1200, 1200))
    dot = np.zeros((1200, 1200), np.uint8)
    dot[600, 600] = 255
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "1.png"), dot)
    (_, mask), *_ = take_stock(tmp_path, np.random.default_rng(0)).faults
    assert np.count_nonzero(mask) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--recipe", "mild"), "mild: neither a recipe (none, gentle, standard, strong) nor a file to read"),
        (("--out", "sheet.jpg"), "the sheet is a PNG"),
    ],
)
def test_bad_use_is_said_in_one_line(okng, metal, tmp_path, arguments, said):
    ended = okng("dataset", "augment", metal, "--out", tmp_path / "s.png", *arguments)
    assert ended.status == 2
    assert said in ended.complaint


def test_no_picture_is_overwritten_and_no_set_is_no_sheet(okng, metal, tmp_path):
    out = tmp_path / "s.png"
    out.write_bytes(b"mine")
    assert "is already there" in okng("dataset", "augment", metal, "--out", out).complaint
    assert out.read_bytes() == b"mine"
    assert "no such folder" in okng("dataset", "augment", tmp_path / "none", "--out", tmp_path / "t.png").complaint
    (tmp_path / "bad" / "ok").mkdir(parents=True)
    (tmp_path / "bad" / "ok" / "1.png").write_bytes(b"not an image")
    assert "no ok image" in okng("dataset", "augment", tmp_path / "bad", "--out", tmp_path / "t.png").complaint
    assert not (tmp_path / "t.png").exists()
