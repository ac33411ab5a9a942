"""What is wrong with a set is said before anyone trains on it, and its folds can be trusted."""

import csv
import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from trainer.advice import advise
from trainer.contact_sheet import OUTLINE_RGB
from trainer.dataset import read_mask, read_samples
from trainer.describe import Area, Description, Kind, NearDuplicates, describe, percent
from trainer.split import split_samples
from trainer.survey import survey

TILES = Path(__file__).parents[3] / "shared" / "data" / "magnetic_tile"
"""The real set, where it lies beside the project."""


def darker(path: Path, copy: Path) -> Path:
    """Another photo of the same part, in less light."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(copy), cv2.convertScaleAbs(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), alpha=0.8))
    return copy


def write_manifest(folder: Path, rows: list[dict[str, object]]) -> Path:
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ("image", "label", "kind", "group", "fold", "mask"))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "manifest.csv").open(newline="", encoding="utf-8")))


@pytest.fixture
def flawed(photos, photograph) -> Path:
    """20 photos with one of each flaw."""
    shutil.copy(photos / "ok/1.png", photos / "ok/copy.png")
    shutil.copy(photos / "ok/2.png", photos / "scratch/as ng.png")
    darker(photos / "ok/3.png", photos / "ok/3 again.png")
    darker(photos / "ok/4.png", photos / "scratch/4 too.png")
    photograph(photos / "ok/deep.png", dtype=np.uint16)
    (photos / "scratch/5.png").write_bytes(b"")
    photograph(photos / "ok/wide.png", (40, 96, 3))
    return photos


@pytest.fixture
def masked(photos) -> Path:
    """scratch/1 to 3 with masks of 1/16, 1/4 and all of the image, scratch/4 with one that marks nothing."""
    (photos / "masks").mkdir()
    for number, (rows, columns) in enumerate([(10, 12), (20, 24), (40, 48), (0, 0)], 1):
        drawn = np.zeros((40, 48), np.uint8)
        drawn[:rows, :columns] = 255
        cv2.imwrite(str(photos / "masks" / f"{number}.png"), drawn)
    return photos


def test_the_figures_of_a_flawed_set(flawed):
    found = describe(survey(flawed))
    assert found.labels == {"ok": 13, "ng": 11}
    assert found.images == 24
    assert [(name, kind.label, kind.images) for name, kind in found.kinds.items()] == [
        ("ok", "ok", 13), ("scratch", "ng", 11),
    ]  # fmt: skip
    assert found.without_group == 24
    assert found.folds == {}
    assert found.sizes == {"48 x 40": 23, "96 x 40": 1}
    assert found.colours == {"colour": 1, "grey": 23}
    assert set(found.unreadable) == {"ok/deep.png", "scratch/5.png"}
    assert found.unreadable["ok/deep.png"].startswith("16 bits per channel")
    assert found.copies == [["ok/1.png", "ok/copy.png"], ["ok/2.png", "scratch/as ng.png"]]
    assert found.copies_across_labels == [["ok/2.png", "scratch/as ng.png"]]
    near = found.near_duplicates
    assert near.pairs == 2
    assert set(near.ungrouped) == {("ok/3 again.png", "ok/3.png"), ("ok/4.png", "scratch/4 too.png")}
    assert near.across_labels == [("ok/4.png", "scratch/4 too.png")]
    assert near.across_groups == near.across_folds == [], "where groups and folds are not given, none is crossed"


def test_masks_tell_how_large_the_faults_are(masked):
    found = describe(survey(masked))
    assert found.kinds["scratch"] == Kind("ng", 10, 10, 3, Area(0.25, 1 / 16, 1.0))
    assert found.kinds["ok"].area is None
    assert set(found.useless_masks) == {"scratch/4.png"}
    assert "marks nothing" in found.useless_masks["scratch/4.png"]


def test_leaks_between_groups_and_folds(photos):
    darker(photos / "ok/1.png", photos / "ok/11.png")
    darker(photos / "ok/2.png", photos / "ok/12.png")
    darker(photos / "ok/3.png", photos / "ok/13.png")
    places = {1: ("a", 0), 11: ("b", 1), 2: ("c", 0), 12: ("d", 0), 3: ("e", 0), 13: ("e", 0)}
    rows = [{"image": f"ok/{n}.png", "label": "ok", "group": g, "fold": f} for n, (g, f) in places.items()]
    rows += [{"image": f"scratch/{n}.png", "label": "ng", "group": "s", "fold": n % 2} for n in range(1, 5)]
    found = describe(survey(write_manifest(photos, rows)))
    near = found.near_duplicates
    assert (near.pairs, near.ungrouped, near.across_labels) == (3, [], [])
    assert set(near.across_groups) == {("ok/1.png", "ok/11.png"), ("ok/2.png", "ok/12.png")}
    assert near.across_folds == [("ok/1.png", "ok/11.png")]
    assert found.divided_groups == ["s"]
    assert found.folds == {"0": {"ng": 2, "ok": 5}, "1": {"ng": 2, "ok": 1}}
    assert (found.groups, found.largest_group, found.without_group) == (6, 4, 0)


def test_a_kind_with_both_labels_has_two_rows(photos):
    rows = [{"image": f"ok/{n}.png", "label": ("ok", "ng")[n % 2], "kind": "stain"} for n in range(1, 6)]
    found = describe(survey(write_manifest(photos, rows)))
    assert {name: kind.images for name, kind in found.kinds.items()} == {"stain (ok)": 2, "stain (ng)": 3}


def test_a_set_of_which_nothing_can_be_read_is_described(photos, okng):
    for path in photos.rglob("*.png"):
        path.write_bytes(b"")
    done = okng("dataset", "describe", photos)
    assert done.status == 0, done.err
    assert "0 images, 0 ok and 0 ng" in done.out
    assert "20 images cannot be read, as ok/1.png: not an image OpenCV can read; okng train refuses the set" in done.out


SOUND = Description(
    data="parts", images=400, labels={"ok": 200, "ng": 200},
    kinds={"ok": Kind("ok", 200, 90, 0, None), "dent": Kind("ng", 200, 90, 9, Area(0.01, 0.001, 0.3))},
    groups=180, largest_group=4, without_group=0, folds={}, divided_groups=[], sizes={"640 x 480": 400},
    colours={"grey": 400}, unreadable={}, useless_masks={}, copies=[], copies_across_labels=[],
    near_duplicates=NearDuplicates(7, [], [], [], []),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"labels": {"ok": 400, "ng": 0}}, ["no ng image"]),
        ({"labels": {"ok": 368, "ng": 32}}, ["only 32 ng: about 6 of them", "may be 50%"]),
        ({"labels": {"ok": 20, "ng": 380}}, ["only 20 ok: about 4 of them", "rejected in error may be 75%"]),
        ({"kinds": {"rust": Kind("ng", 6, 1, 0, None)}}, ["rust: 6 images, of one part"]),
        ({"kinds": {"pore": Kind("ng", 9, 9, 9, Area(0.0009, 0.0001, 0.3))}}, ["pore: half", "6.7 x 6.7 pixels"]),
        ({"unreadable": {"a.png": "cut"}}, ["1 image cannot be read, as a.png: cut; okng train leaves them out"]),
        ({"unreadable": dict.fromkeys("abcdefghijklmnopqrstuvwxyz", "cut")}, ["26 images", "refuses the set"]),
        ({"useless_masks": {"a.png": "m.png: marks nothing"}}, ["1 mask cannot be used", "m.png: marks nothing"]),
        ({"copies": [["a.png", "b.png", "c.png"]]}, ["copies of other images: 2, as a.png and b.png"]),
        ({"copies_across_labels": [["a.png", "b.png"]]}, ["equal images labelled ok and ng: 1, as a.png and b.png"]),
        (
            {"near_duplicates": NearDuplicates(9, [("a", "b")] * 4, [], [], [])},
            ["4 near-duplicate pairs: one has no group, as a and b"],
        ),
        ({"near_duplicates": NearDuplicates(9, [], [("a", "b")], [], [])}, ["1 near-duplicate pair: one is ok"]),
        (
            {"near_duplicates": NearDuplicates(9, [], [], [("a", "b")] * 12, [])},
            ["12 near-duplicate pairs: ", "groups"],
        ),
        ({"near_duplicates": NearDuplicates(9, [], [], [], [("a", "b")])}, ["different folds", "flatters"]),
        ({"divided_groups": ["p 7", "p 8"]}, ["group p 7 lies in several folds, and 1 more do: okng train refuses"]),
        ({"sizes": {"640 x 480": 4, "480 x 640": 3}}, ["shapes differ, from 480 x 640 to 640 x 480"]),
        ({"sizes": {"640 x 480": 4, "1280 x 960": 3}}, []),
        ({"colours": {"colour": 3, "grey": 4}}, ["4 images without colour and 3 with"]),
    ],
)
def test_advice(changes, expected):
    said = advise(msgspec.structs.replace(SOUND, **changes))
    assert len(said) == bool(expected), said
    assert all(part in line for line in said for part in expected), said


def test_what_the_command_prints_and_leaves(flawed, okng, tmp_path):
    out = tmp_path / "described"
    done = okng("dataset", "describe", flawed, "--out", out)
    assert done.status == 0, done.err
    assert f"{flawed}: 24 images, 13 ok and 11 ng, 1.2 ok to 1 ng" in done.out
    assert "near-duplicates  pairs: 2, 1 of them across ok and ng, 0 across groups, 0 across folds" in done.out
    assert "advice\n- only 11 ng: " in done.out
    assert {path.name for path in out.iterdir()} == {"description.json", "contact-sheet.png", "near-duplicates.png"}
    printed = okng("dataset", "describe", flawed, "--json")
    assert printed.err == ""
    assert printed.json == json.loads((out / "description.json").read_text())
    assert len(printed.json["advice"]) == done.out.count("\n- ")
    again = okng("dataset", "describe", flawed, "--out", out)
    assert (again.status, again.complaint) == (2, f"okng: {out}: is already there; name a new folder or remove it")


def test_a_sheet_shows_the_images_with_their_faults_outlined(masked, okng, tmp_path):
    for path in (*masked.glob("ok/*.png"), *masked.glob("scratch/*.png")):
        cv2.imwrite(str(path), np.full((40, 48), 90, np.uint8))
    shutil.move(masked / "scratch", masked / "Riß $x$ 缺陷")
    assert okng("dataset", "describe", masked, "--out", tmp_path / "out").status == 0
    sheet = cv2.imread(str(tmp_path / "out" / "contact-sheet.png"))[..., ::-1]
    grey = (sheet == 90).all(axis=2)
    assert grey.sum() > 11 * 190 * 230, "twelve images, whole"
    outlines = (sheet == OUTLINE_RGB).all(axis=2)
    assert outlines.sum() > 300
    assert not outlines[: sheet.shape[0] // 2].any(), "ok images stand above, and have no fault"


def test_no_sheet_of_pairs_where_none_needs_a_look(photos, okng, tmp_path):
    done = okng("dataset", "describe", photos, "--out", tmp_path / "out")
    assert done.status == 0, done.err
    assert not (tmp_path / "out" / "near-duplicates.png").exists()
    assert "near-duplicates.png" not in done.out
    darker(photos / "ok/1.png", photos / "ok/11.png")
    assert okng("dataset", "describe", photos, "--out", tmp_path / "again").status == 0
    assert (tmp_path / "again" / "near-duplicates.png").exists()


def test_a_folder_that_is_no_set(tmp_path, okng):
    done = okng("dataset", "describe", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert (done.status, done.complaint) == (2, f"okng: {tmp_path / 'nowhere'}: no such folder")
    assert not (tmp_path / "out").exists()


def test_without_the_training_extra_only_the_pictures_are_missing(photos, okng, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "trainer.contact_sheet", raising=False)
    assert "20 images" in okng("dataset", "describe", photos).out
    pictures = okng("dataset", "describe", photos, "--out", tmp_path / "out")
    assert pictures.status == 2
    assert pictures.complaint.endswith(
        "--out draws pictures, which needs the training extra: pip install 'okng[train]'"
    )
    assert not (tmp_path / "out").exists()


def test_a_set_is_divided_and_its_folds_can_be_used(photos, okng, tmp_path):
    shutil.copy(photos / "ok/1.png", photos / "ok/copy.png")
    darker(photos / "ok/3.png", photos / "ok/3 again.png")
    (photos / "scratch/4.png").write_bytes(b"")
    mask = photos / "masks" / "3.png"
    mask.parent.mkdir()
    cv2.imwrite(str(mask), np.full((40, 48), 255, np.uint8))
    done = okng("dataset", "split", photos, "--out", tmp_path / "divided", "--folds", 3)
    assert done.status == 0, done.err
    assert "19 groups; 4 images share a group as copies or near-duplicates" in done.out
    assert "left out, unreadable: scratch/4.png" in done.out

    samples = {s.path.resolve().relative_to(photos).as_posix(): s for s in read_samples(tmp_path / "divided")}
    assert samples.keys() == {s.name for s in read_samples(photos)} - {"scratch/4.png"}
    assert {name: (s.label, s.kind) for name, s in samples.items()} == {
        s.name: (s.label, s.kind) for s in read_samples(photos) if s.name in samples
    }
    assert samples["ok/1.png"].group == samples["ok/copy.png"].group
    assert samples["ok/3.png"].group == samples["ok/3 again.png"].group
    assert len({s.group for s in samples.values()}) == 19
    assert read_mask(replace(samples["scratch/3.png"], size=(40, 48))).all()
    per_fold = [[s.label for s in samples.values() if s.fold == fold] for fold in range(3)]
    assert sorted(labels.count("ng") for labels in per_fold) == [3, 3, 3]
    assert sorted(labels.count("ok") for labels in per_fold) == [4, 4, 4]
    assert len(split_samples(list(samples.values()), seed=0, test_fold=2).test) == 7
    assert not (photos / "manifest.csv").exists()


def test_groups_that_are_given_stay(photos, okng, tmp_path):
    darker(photos / "ok/3.png", photos / "ok/13.png")
    rows = [{"image": f"{kind}/{n}.png", "label": label, "group": f"part {label} {n % 4}"}
            for kind, label in (("ok", "ok"), ("scratch", "ng")) for n in range(1, 11)]  # fmt: skip
    rows.append({"image": "ok/13.png", "label": "ok", "group": "another"})
    write_manifest(photos, rows)
    done = okng("dataset", "split", photos, "--out", tmp_path / "divided", "--folds", 2, "--json")
    assert done.status == 0, done.err
    assert (done.json["groups"], done.json["united"], done.json["unreadable"]) == (9, 0, [])
    kept = {Path(row["image"]).name: row["group"] for row in rows_of(tmp_path / "divided") if row["label"] == "ok"}
    assert kept == {Path(str(row["image"])).name: row["group"] for row in rows if row["label"] == "ok"}
    counted = done.json["folds"]
    assert sum(sum(kinds.values()) for kinds in counted.values()) == 21


def test_the_same_seed_writes_the_same_manifest(photos, okng, tmp_path):
    texts = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert okng("dataset", "split", photos, "--out", tmp_path / name / "manifest.csv", "--seed", seed).status == 0
        texts.append((tmp_path / name / "manifest.csv").read_bytes())
    assert texts[0] == texts[1] != texts[2]


def test_a_manifest_inside_the_set_and_one_behind_a_link(photos, okng, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    for out in (tmp_path / "link" / "divided", photos):
        done = okng("dataset", "split", photos, "--out", out)
        assert done.status == 0, done.err
        assert len(read_samples(out)) == 20
    assert read_samples(photos)[0].name == "ok/1.png"
    assert rows_of(tmp_path / "link" / "divided")[0]["image"] == "../../../photos/ok/1.png"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("taken/manifest.csv", "taken/manifest.csv: is already there"),
        ("taken", "taken/manifest.csv: is already there"),
        ("file", "file: is already there"),
        ("file/manifest.csv", "file: is already there"),
        ("new/folds.csv", "okng reads a set by its manifest.csv"),
    ],
)
def test_a_place_that_cannot_be_used(photos, okng, tmp_path, place, expected):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "manifest.csv").write_text("mine")
    (tmp_path / "file").write_text("mine")
    done = okng("dataset", "split", photos, "--out", tmp_path / place)
    assert done.status == 2
    assert expected in done.complaint
    assert (tmp_path / "taken" / "manifest.csv").read_text() == (tmp_path / "file").read_text() == "mine"


def test_too_few_parts_for_the_folds(photos, okng, tmp_path):
    for n in range(4, 11):
        (photos / "scratch" / f"{n}.png").unlink()
    done = okng("dataset", "split", photos, "--out", tmp_path / "divided")
    assert done.status == 2
    assert "5 folds need as many groups of ng images, there are 3: ask for at most 3 folds" in done.complaint
    assert not (tmp_path / "divided").exists()


def test_parts_that_all_look_alike(photos, okng, tmp_path):
    for path in photos.rglob("*.png"):
        darker(photos / "ok/1.png", path)
    line = okng("dataset", "split", photos, "--out", tmp_path / "divided").complaint
    assert "there are 1: add photos of more ok parts; 20 images share a group" in line
    assert "needs groups of its own in a manifest.csv" in line
    rows = [{"image": f"{kind}/{n}.png", "label": label, "group": f"{kind} {n}"}
            for kind, label in (("ok", "ok"), ("scratch", "ng")) for n in range(1, 11)]  # fmt: skip
    for number, path in enumerate(sorted(photos.rglob("*.png"))):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        image[0, 0] = number  # alike, but no copies
        cv2.imwrite(str(path), image)
    done = okng("dataset", "split", write_manifest(photos, rows), "--out", tmp_path / "divided", "--json")
    assert done.status == 0, done.err
    assert (done.json["groups"], done.json["united"]) == (20, 0)


def test_a_name_that_is_not_utf8(photos, okng, tmp_path, photograph):
    (photos / "ok" / os.fsdecode(b"gr\xfcn.png")).write_bytes((photos / "ok/1.png").read_bytes())
    done = okng("dataset", "split", photos, "--out", tmp_path / "divided", "--folds", 2)
    assert done.status == 2
    assert "is not UTF-8; rename it" in done.complaint


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0000057, "0.00057 %"), (0.0015, "0.15 %"), (0.0991, "9.9 %"), (0.154, "15 %"), (1, "100 %")]
)
def test_shares_are_shown_with_two_digits(share, shown):
    assert percent(share) == shown


@pytest.mark.slow
@pytest.mark.skipif(not TILES.is_dir(), reason="needs the magnetic tile set beside the project")
def test_real_tiles_known_to_differ_are_not_taken_for_one():
    """Its groups are known; eyes found seven pairs of groups that show the same tiles nevertheless."""
    one_tile = [{"6", "7", "8"}, {"31", "36"}, {"3", "9"}, {"146", "148"}, {"115", "117"}]
    found = survey(TILES)
    crossing = {frozenset((a.group, b.group)) for a, b in found.near if a.group != b.group}
    assert all(any(pair <= same for same in one_tile) for pair in crossing), crossing
    assert len(found.near) > 1500
