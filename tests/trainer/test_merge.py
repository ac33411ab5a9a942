"""Several sets as one."""

from __future__ import annotations

import csv
import shutil

from trainer.dataset import read_samples


def test_sets_of_all_layouts_become_one_and_equal_names_stay_apart(okng, photos, photograph, tmp_path) -> None:
    more = tmp_path / "more"
    for name in ("1", "2"):
        photograph(more / "images" / f"{name}.png")
        photograph(more / "masks" / f"{name}.png")
    shutil.copy(photos / "ok" / "1.png", more / "images" / "again.png")
    with (more / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([
            ("image", "label", "kind", "group", "mask", "operator"),
            ("images/1.png", "ng", "dent", "A-7", "masks/1.png", "ann"),
            ("images/2.png", "ng", "", "A-7", "", "ann"),
            ("images/again.png", "ok", "", "A-8", "", "bob"),
        ])  # fmt: skip
    other = shutil.copytree(photos / "ok", tmp_path / "other" / "ok").parent
    for path in (other / "ok").iterdir():
        photograph(path)
    done = okng("dataset", "merge", photos, more, other, "--out", tmp_path / "all")
    assert (done.status, done.out) == (0, f"{tmp_path}/all/manifest.csv: 20 ok, 12 ng; 1 copies left out\n"), done.err
    samples = read_samples(tmp_path / "all")
    assert len({sample.path.resolve() for sample in samples}) == 32
    by_name = {sample.path.resolve(): sample for sample in samples}
    first, second = (by_name[(more / "images" / f"{name}.png").resolve()] for name in "12")
    assert (first.kind, first.group, first.mask.resolve()) == ("dent", "A-7", (more / "masks" / "1.png").resolve())
    assert second.group == "A-7"
    assert (photos / "ok" / "1.png").resolve() not in by_name
    assert by_name[(more / "images" / "again.png").resolve()].group == "A-8"
    assert len({sample.group for sample in samples}) == 31


def test_a_copy_with_another_label_is_refused(okng, photos, tmp_path) -> None:
    other = tmp_path / "other" / "scratch" / "x.png"
    other.parent.mkdir(parents=True)
    shutil.copy(photos / "ok" / "1.png", other)
    done = okng("dataset", "merge", photos, tmp_path / "other", "--out", tmp_path / "all")
    assert (done.status, "decide which it is" in done.complaint) == (2, True)
    assert not (tmp_path / "all").exists()
    assert okng("dataset", "merge", photos, tmp_path / "none", "--out", tmp_path / "all").status == 2
