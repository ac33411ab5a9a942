"""What is said of a run or a bundle comes from images it has not learned from, judged as the board judges."""

import csv
import json
import shutil
import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge.contract.cam import Thresholds
from edge.contract.preprocess import PreprocessSpec
from edge.contract.types import Verdict
from edge.replay.replay import ReplayLine
from tests.conftest import Outcome
from trainer.dataset import read_samples
from trainer.evaluate import Opinion, Subject, evaluate
from trainer.synthesize import write_dataset


@pytest.fixture(scope="module")
def unseen(tmp_path_factory) -> Path:
    """12 parts that the tiny run has not seen, in three folds."""
    folder = tmp_path_factory.mktemp("evaluate") / "unseen"
    write_dataset(folder, count=12, ng_share=0.5, seed=99)
    rows = list(csv.DictReader((folder / "manifest.csv").open()))
    groups = sorted({row["group"] for row in rows})
    write_rows(folder, [{**row, "fold": str(groups.index(row["group"]) % 3)} for row in rows])
    return folder


@pytest.fixture
def copied(unseen, tmp_path) -> Path:
    """The unseen parts, to spoil."""
    return Path(shutil.copytree(unseen, tmp_path / "copied"))


def write_rows(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "manifest.csv").open()))


def learned_images(tiny_run, part: str) -> list[Path]:
    rows = csv.DictReader((tiny_run.run / "provenance.csv").open())
    return [tiny_run.parts / row["image"] for row in rows if row["part"] == part]


@pytest.fixture(params=["run", "bundle"])
def subject(request, tiny_run) -> Path:
    return getattr(tiny_run, request.param)


@pytest.fixture(scope="module")
def evaluated(tiny_run, unseen, okng, tmp_path_factory) -> Callable[[Path], tuple[Outcome, Path]]:
    """What the command prints of the unseen parts, and the folder of its report: made once for each."""

    @cache
    def of(subject: Path) -> tuple[Outcome, Path]:
        report = tmp_path_factory.mktemp("evaluated") / "report"
        done = okng("evaluate", subject, unseen, "--out", report, "--json")
        assert done.status == 0, done.err
        return done, report

    return of


def test_a_run_and_a_bundle_are_evaluated_alike(subject, tiny_run, unseen, evaluated):
    done, report = evaluated(subject)
    figures = done.json
    assert (figures["subject"], figures["images"], figures["ok"], figures["ng"]) == (subject.name, 12, 6, 6)
    assert figures["learned_from"] == 0
    assert sum(sum(row.values()) for row in figures["verdicts"].values()) == 12
    assert 0 <= figures["auroc"] <= 1
    assert figures["peak_hit_rate"] is not None
    assert sum(kind["images"] for kind in figures["kinds"].values()) == 6
    assert len(figures["robustness"]) > 5, "measured where a report is asked for"
    assert figures["robustness"][0]["images"] == 12
    assert (figures["int8"] is not None) == (subject == tiny_run.bundle)

    assert {path.name for path in report.iterdir()} == {"report.html", "metrics.json", "predictions.jsonl"}
    assert json.loads((report / "metrics.json").read_text()) == figures
    page = (report / "report.html").read_text()
    assert "None of them trained the network" in page
    assert "rule of three" in page, "12 images prove little, and the page says so"
    samples = read_samples(unseen)
    lines = [json.loads(line) for line in (report / "predictions.jsonl").read_text().splitlines()]
    assert [(line["image"], line["label"], line["kind"]) for line in lines] == [
        (s.name, s.label, s.kind) for s in samples
    ]
    assert all((line["hit"] is None) == (line["label"] == "ok") for line in lines)
    assert all(0 <= line["score"] <= 1 and line["verdict"] in {"ok", "review", "ng"} for line in lines)
    hits = [line["hit"] for line in lines if line["hit"] is not None]
    assert figures["peak_hit_rate"] == pytest.approx(np.mean(hits))


def test_the_bundle_is_judged_exactly_as_the_board_does(tiny_run, unseen, okng, evaluated):
    report = evaluated(tiny_run.bundle)[1]
    judged = [json.loads(line) for line in (report / "predictions.jsonl").read_text().splitlines()]
    played = okng("replay", unseen / "images", "--bundle", tiny_run.bundle)
    lines = [msgspec.json.decode(line, type=ReplayLine) for line in played.out.splitlines()]
    on_board = {f"images/{line.frame}": (line.score, line.verdict) for line in lines}
    assert {line["image"]: (line["score"], line["verdict"]) for line in judged} == on_board
    assert len(on_board) == 12


def test_the_bundle_says_nearly_what_the_run_says(tiny_run, evaluated):
    run, bundle = (evaluated(path)[0].json for path in (tiny_run.run, tiny_run.bundle))
    assert run["thresholds"] == pytest.approx(bundle["thresholds"], abs=0.05), "each chosen on its own scores"
    assert run["auroc"] == pytest.approx(bundle["auroc"], abs=0.2)


def test_a_bundle_is_compared_with_the_run_it_was_made_of(tiny_run, unseen, okng, evaluated, tmp_path):
    done = okng("evaluate", tiny_run.bundle, unseen, "--run", tiny_run.run, "--out", tmp_path / "report")
    assert done.status == 0, done.err
    figures = json.loads((tmp_path / "report" / "metrics.json").read_text())
    found, alone = figures["int8"], evaluated(tiny_run.run)[0].json
    assert (found["measured_on"], found["images"]) == ("these images", 12)
    assert found["auroc_loss"] == pytest.approx(alone["auroc"] - figures["auroc"])
    assert found["ap_loss"] == pytest.approx(alone["ap"] - figures["ap"])
    assert found["map_correlation"] > 0.9
    assert 0 <= found["score_difference_mean"] <= found["score_difference_max"] < 0.2
    assert "Float against int8: each point is an image" in (tmp_path / "report" / "report.html").read_text()
    assert "int8 against float" in done.out


def test_a_bundle_is_compared_with_no_other_run(tiny_run, unseen, okng, tmp_path):
    other = Path(shutil.copytree(tiny_run.run, tmp_path / "other"))
    lines = (other / "provenance.csv").read_text().splitlines()
    (other / "provenance.csv").write_text("\n".join([*lines[:2], *lines[3:]]))
    done = okng("evaluate", tiny_run.bundle, unseen, "--run", other)
    assert (done.status, done.complaint) == (
        2, "okng: other is not the run that bundle was made of: they learned differently",
    )  # fmt: skip
    done = okng("evaluate", tiny_run.run, unseen, "--run", other)
    assert done.status == 2
    assert "is a run; name a bundle" in done.complaint
    done = okng("evaluate", tiny_run.bundle, unseen, "--run", unseen)
    assert done.status == 2
    assert "is no run of okng train" in done.complaint


@pytest.mark.parametrize("part", ["train", "validation"])
def test_what_was_learned_from_is_known_by_content(tiny_run, copied, okng, part):
    rows = rows_of(copied)
    for number, image in enumerate(learned_images(tiny_run, part)[:3]):
        name = f"images/renamed-{number}.png"
        shutil.copy(image, copied / name)
        rows.insert(2 * number, {**rows[0], "image": name, "group": name, "fold": "0", "label": "ok", "mask": ""})
    write_rows(copied, rows)
    found = okng("evaluate", tiny_run.bundle, copied, "--json").json
    assert (found["images"], found["learned_from"]) == (12, 3)
    assert "left out, learned from: 3" in okng("evaluate", tiny_run.bundle, copied).out


def test_nothing_is_left_of_the_training_data(tiny_run, subject, okng, tmp_path):
    done = okng("evaluate", subject, tiny_run.parts, "--out", tmp_path / "report")
    assert done.status == 2
    assert done.complaint.startswith(f"okng: all 60 images trained {subject.name}: nothing is left")
    assert not list(tmp_path.iterdir())


def test_only_one_fold(tiny_run, unseen, okng, tmp_path):
    expected = [row["image"] for row in rows_of(unseen) if row["fold"] == "1"]
    assert okng("evaluate", tiny_run.bundle, unseen, "--fold", 1, "--out", tmp_path / "report").status == 0
    lines = (tmp_path / "report" / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["image"] for line in lines] == expected
    done = okng("evaluate", tiny_run.bundle, unseen, "--fold", 7)
    assert (done.status, done.complaint) == (2, "okng: fold 7 is not in the data; its folds are 0, 1, 2")


def test_one_class_alone_can_be_evaluated(tiny_run, copied, okng, tmp_path):
    write_rows(copied, [row for row in rows_of(copied) if row["label"] == "ok"])
    done = okng("evaluate", tiny_run.bundle, copied, "--out", tmp_path / "report", "--json")
    assert done.status == 0, done.err
    assert (done.json["auroc"], done.json["peak_hit_rate"], done.json["ng"]) == (0.5, None, 0)


def test_a_bad_image_is_left_out_and_named(tiny_run, copied, okng):
    rows = rows_of(copied)
    for number in range(10):  # so that one bad image is less than 5 %
        name = f"images/more-{number}.png"
        assert cv2.imwrite(str(copied / name), np.random.default_rng(number).integers(0, 255, (99, 80), np.uint8))
        rows.append({**rows[0], "image": name, "group": name, "label": "ok", "mask": ""})
    write_rows(copied, rows)
    (copied / rows[1]["image"]).write_bytes(b"")
    found = okng("evaluate", tiny_run.bundle, copied, "--json").json
    assert (found["images"], found["unreadable"]) == (21, [rows[1]["image"]])


def test_a_frame_the_board_would_not_judge_is_left_out(tiny_run, copied, okng):
    blank = rows_of(copied)[0]["image"]
    assert cv2.imwrite(str(copied / blank), np.full((256, 256), 30, np.uint8))
    done = okng("evaluate", tiny_run.bundle, copied)
    assert done.status == 0, done.err
    assert "11 images" in done.out
    assert f"left out, unreadable: {blank}" in done.out


def test_only_blank_frames_leave_nothing_to_evaluate(tiny_run, photos, okng):
    for path in photos.rglob("*.png"):
        assert cv2.imwrite(str(path), np.full((64, 64), 30, np.uint8))
    done = okng("evaluate", tiny_run.bundle, photos)
    assert done.status == 2
    assert "can judge none of the 20 images" in done.complaint


def test_a_mask_of_another_size_is_named(tiny_run, copied, photograph, okng):
    mask = next(row["mask"] for row in rows_of(copied) if row["mask"])
    photograph(copied / mask, (20, 30))
    done = okng("evaluate", tiny_run.bundle, copied)
    assert done.status == 2
    assert done.complaint == f"okng: {copied / mask}: is 30 x 20 pixels, its image 256 x 256; draw it again"


def test_a_place_that_is_taken_is_said_before_the_work(tiny_run, unseen, okng, tmp_path, monkeypatch):
    (tmp_path / "mine").touch()
    monkeypatch.setattr("edge.inference.judge.Judge.judge", lambda *_: pytest.fail("it was judging already"))
    done = okng("evaluate", tiny_run.bundle, unseen, "--out", tmp_path)
    assert done.status == 2
    assert "is already there" in done.complaint
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_neither_run_nor_bundle(unseen, okng, tmp_path):
    done = okng("evaluate", tmp_path, unseen)
    assert done.status == 3
    assert "is this a bundle?" in done.complaint


def test_a_bundle_without_provenance_is_refused(tiny_run, unseen, okng, tmp_path):
    from edge.contract.bundle import write_bundle

    files = {
        path.relative_to(tiny_run.bundle).as_posix(): path for path in tiny_run.bundle.rglob("*") if path.is_file()
    }
    del files["provenance.csv"], files["SHA256SUMS"]
    write_bundle(tmp_path / "bundle", {name: path.read_bytes() for name, path in files.items()})
    done = okng("evaluate", tmp_path / "bundle", unseen)
    assert done.status == 2
    assert "provenance.csv: cannot be read" in done.complaint


def test_no_more_than_one_image_is_held_at_a_time(unseen):
    held, alive = [], []

    def judge(pixels):
        alive.append(sum(reference() is not None for reference in held))
        held.append(weakref.ref(pixels))
        return Opinion(0.5, Verdict.REVIEW, np.zeros((4, 4, 1), np.float32))

    subject = Subject("fake", judge, PreprocessSpec(32, 32), Thresholds(0.1, 0.9), set())
    assert len(evaluate(subject, read_samples(unseen)).judged) == 12
    assert max(alive) <= 1, "the one before, until the next is read"
