"""`okng train` as its user meets it: what it leaves, what it says, and that it leaves nothing half done."""

import csv
import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge.contract.cam import Thresholds, pool
from edge.contract.preprocess import centred
from trainer.dataset import read_samples
from trainer.run import read_run

PATIENCE_S = 60.0


@pytest.fixture
def shallow(monkeypatch):
    """A network of one layer in the place of house-m: it trains within a second."""
    import keras

    def network(shape, classes, size):
        del size
        inputs = keras.Input(shape)
        return keras.Model(inputs, keras.layers.Conv2D(classes, 8, strides=8, padding="same", name="cam")(inputs))

    monkeypatch.setattr("trainer.networks.house.house", network)
    monkeypatch.setattr("trainer.networks.weights.shipped_weights", lambda _name: None)


def attributes(page: str, name: str) -> list[str]:
    return re.findall(rf'\s{name}\s*=\s*["\']?([^"\'\s>]+)', page)


def assert_self_contained(page: str) -> None:
    sources = attributes(page, "src")
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert not [link for link in attributes(page, "href") if not link.startswith("#")]
    assert "@import" not in page
    assert not re.search(r"url\(\s*['\"]?(?!data:)", page)


def test_what_a_run_holds(tiny_run):
    files = {path.relative_to(tiny_run.run).as_posix() for path in tiny_run.run.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith(("golden/", "tensorboard/events."))} == {
        "run.json", "model.keras", "inputs.npz", "provenance.csv", "metrics.json", "report.html",
    }  # fmt: skip
    assert any(name.startswith("tensorboard/events.") for name in files)
    golden = {name for name in files if name.startswith("golden/")}
    assert {"golden/ok-1.png", "golden/ng-1.png"} <= golden
    assert golden <= {f"golden/{label}-{number}.png" for label in ("ok", "ng") for number in range(1, 5)}
    assert not list(tiny_run.run.parent.glob(".*")), "nothing else is left beside it"


def test_the_record(tiny_run):
    record = read_run(tiny_run.run).record
    assert record.name == "parts"
    assert record.preprocess.shape == (64, 64, 1), "the parts are grey"
    assert 0 < record.thresholds.ok_below <= record.thresholds.ng_from < 1
    assert record.pooling.temperature != 1.0
    promised = record.calibration
    assert promised.scores == "float"
    rows = [row for row in csv.DictReader((tiny_run.run / "provenance.csv").open()) if row["part"] == "validation"]
    for label, bound in (("ng", promised.escape), ("ok", promised.false_reject)):
        groups = [row["group"] for row in rows if row["label"] == label]
        assert (bound.parts, bound.images) == (len(set(groups)), len(groups))
    facts = record.training
    assert facts["plan"]["steps"] == 12
    assert facts["masks"] > 10
    assert facts["unreadable"] == []
    assert set(facts["versions"]) >= {"okng", "python", "tensorflow", "keras", "numpy", "opencv"}
    assert sum(sum(kinds.values()) for kinds in facts["images"].values()) == 60


def test_the_figures(tiny_run):
    metrics = json.loads((tiny_run.run / "metrics.json").read_text())
    printed = tiny_run.train.json
    assert printed.items() >= {key: metrics[key] for key in ("images", "validation_auroc", "best_step")}.items()
    Thresholds(**printed["thresholds"])
    assert printed["calibration"] == metrics["calibration"]
    assert printed["calibration"]["escape"]["bound"] > 0
    assert [row["step"] for row in metrics["history"]] == list(range(1, len(metrics["history"]) + 1))
    assert metrics["best_step"] <= len(metrics["history"]) <= 12
    validation = metrics["validation"]
    assert validation["images"] == sum(metrics["images"]["validation"].values())
    assert validation["auroc"] == pytest.approx(metrics["validation_auroc"], abs=1e-6)
    assert validation["peak_hit_rate"] is not None
    assert tiny_run.train.err == "", "with --json nothing else is said"


def test_what_is_kept_for_conversion(tiny_run):
    inputs, facts = read_run(tiny_run.run).inputs(), read_run(tiny_run.run).record.training
    ng = sum(count for kind, count in facts["images"]["train"].items() if kind != "good")
    assert inputs.calibration.shape[1:] == inputs.validation.shape[1:] == (64, 64, 1)
    assert inputs.calibration.dtype == inputs.validation.dtype == np.uint8
    assert len(inputs.calibration) == ng + facts["images"]["train"]["good"], "few: all of them"
    assert len(inputs.validation) == len(inputs.validation_truth) == sum(facts["images"]["validation"].values())
    assert inputs.validation_truth.any()
    assert not inputs.validation_truth.all()


@pytest.mark.slow
def test_it_learns_anew_from_all_parts_once_some_have_chosen_the_thresholds(tiny_run, okng, tmp_path):
    (tmp_path / "plan.toml").write_text("refit = false\n")
    few = ("--network", "house-m", "--size", 64, "--steps", 12, "--json", "--plan", tmp_path / "plan.toml")
    once = okng("train", tiny_run.parts, "--out", tmp_path / "once", *few)
    assert once.status == 0, once.err
    before, after = read_run(tmp_path / "once"), read_run(tiny_run.run)
    for key in ("validation_ap", "best_step"):
        assert tiny_run.train.json[key] == pytest.approx(once.json[key])
    assert tiny_run.train.json["thresholds"] == pytest.approx(once.json["thresholds"])
    held = [run.inputs().validation_logits for run in (before, after)]
    np.testing.assert_allclose(held[0], held[1], atol=1e-5)
    given = [
        pool(run.model().predict_on_batch(centred(run.inputs().validation)), run.record.pooling)
        for run in (before, after)
    ]
    np.testing.assert_allclose(held[0], given[0], atol=1e-5)
    assert np.abs(held[1] - given[1]).max() > 1e-3, "what is kept is another network"


def test_provenance_names_every_image_with_its_part_and_digest(tiny_run):
    rows = list(csv.DictReader((tiny_run.run / "provenance.csv").open()))
    assert {row["image"] for row in rows} == {s.name for s in read_samples(tiny_run.parts)}
    assert {row["part"] for row in rows} == {"train", "validation"}
    for row in rows:
        assert row["sha256"] == hashlib.sha256((tiny_run.parts / row["image"]).read_bytes()).hexdigest()
    sides = {part: {row["group"] for row in rows if row["part"] == part} for part in ("train", "validation")}
    assert not sides["train"] & sides["validation"]


def test_golden_frames_are_validation_images_pixel_by_pixel(tiny_run):
    from edge.contract.images import read_image

    rows = csv.DictReader((tiny_run.run / "provenance.csv").open())
    held = {row["label"]: [] for row in csv.DictReader((tiny_run.run / "provenance.csv").open())}
    for row in rows:
        if row["part"] == "validation":
            held[row["label"]].append(read_image(tiny_run.parts / row["image"]))
    for label, path in read_run(tiny_run.run).golden():
        assert any(np.array_equal(read_image(path), image) for image in held[label])


def test_the_report_needs_nothing_from_elsewhere(tiny_run):
    page = (tiny_run.run / "report.html").read_text(encoding="utf-8")
    assert_self_contained(page)
    assert "parts: training report" in page
    assert "expect less on new parts" in page, "validation images are no proof, and the page says so"


@pytest.mark.slow
@pytest.mark.usefixtures("shallow")
def test_odd_names_a_bad_image_and_an_empty_folder_for_the_run(photos, okng, tmp_path):
    data, out = tmp_path / "a <b>&amp; c", tmp_path / "run"
    photos.rename(data)
    (data / "scratch").rename(data / "<script>")
    (data / "ok" / "3.png").write_bytes(b"no image")
    out.mkdir()
    done = okng("train", data, "--out", out, "--network", "house-m", "--size", 32, "--steps", 2)
    assert done.status == 0, done.err
    assert "left out ok/3.png: not an image OpenCV can read" in done.err
    assert "training 2/2" in done.err
    assert "validation: AUROC" in done.out
    assert "escapes: " in done.out
    assert f"okng convert {out}" in done.out
    record = read_run(out).record
    assert record.training["unreadable"] == ["ok/3.png"]
    assert record.training["masks"] == 0
    assert record.name == data.name
    page = (out / "report.html").read_text(encoding="utf-8")
    assert_self_contained(page)
    assert "<script" not in page
    assert "&lt;script&gt;/" in page


def test_a_bad_mask_stops_it_before_the_training(tiny_run, okng, tmp_path, photograph):
    shutil.copytree(tiny_run.parts, tmp_path / "parts")
    mask = sorted((tmp_path / "parts" / "masks").iterdir())[3]
    photograph(mask, (8, 8))
    for switch in ("--masks", "--no-masks"):
        done = okng("train", tmp_path / "parts", "--out", tmp_path / "run", "--size", 32, "--steps", 2, switch)
        assert done.status == 2
        assert done.err.splitlines()[-1] == f"okng: {mask}: is 8 x 8 pixels, its image 256 x 256; draw it again"
        assert "training" not in done.err
    assert not (tmp_path / "run").exists()


def only(kind):
    def make(photos: Path) -> list[object]:
        shutil.rmtree(photos / kind)
        return [photos]

    return make


def empty(photos: Path) -> list[object]:
    shutil.rmtree(photos)
    photos.mkdir()
    return [photos]


BAD_USE = {
    "no folder": (lambda photos: [photos / "x"], "no such folder"),
    "empty folder": (empty, "no images here"),
    "ok only": (only("scratch"), "no ng image"),
    "ng only": (only("ok"), "no ok image"),
    "unknown fold": (lambda photos: [photos, "--test-fold", 3], "fold 3 is not in the data; its folds are none"),
    "bad region": (lambda photos: [photos, "--region", "0,0,1"], "--region: 0,0,1 is not four fractions"),
    "region outside": (lambda photos: [photos, "--region", "0.5,0,0.6,1"], "does not lie within the frame"),
    "no share": (lambda photos: [photos, "--target", "escape"], "--target escape: a share lies between 0 and 1"),
    "no such target": (lambda photos: [photos, "--target", "f2"], "--target f2: give each at most once"),
    "no flat field": (lambda photos: [photos, "--flat-field", photos / "x.png"], "x.png: cannot be read"),
}


@pytest.mark.parametrize("case", BAD_USE)
def test_bad_use_is_one_line_and_status_2(photos, okng, tmp_path, case):
    arguments, expected = BAD_USE[case]
    done = okng("train", *arguments(photos), "--out", tmp_path / "run")
    assert done.status == 2
    assert done.complaint.startswith("okng: ")
    assert expected in done.complaint
    assert {path.name for path in tmp_path.iterdir()} <= {"photos"}


@pytest.mark.parametrize(
    ("option", "value"), [("--seed", -1), ("--seed", 2**32), ("--size", 16), ("--steps", 0), ("--colour", "red")]
)
def test_a_value_out_of_range_is_refused_by_name(photos, okng, tmp_path, option, value):
    done = okng("train", photos, "--out", tmp_path / "run", option, value)
    assert done.status == 2
    assert option in done.err.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_a_place_that_is_taken_is_left_alone(photos, okng, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "mine").touch()
    done = okng("train", photos, "--out", out)
    assert done.status == 2
    assert done.complaint == f"okng: {out}: is already there; name a new folder or remove it"
    assert [path.name for path in out.iterdir()] == ["mine"]


def test_a_place_below_a_file_is_refused(photos, okng, tmp_path):
    (tmp_path / "file").touch()
    done = okng("train", photos, "--out", tmp_path / "file" / "run")
    assert done.status == 2
    assert done.complaint.startswith(f"okng: {tmp_path / 'file' / 'run'}: cannot be written: ")


@pytest.mark.system
@pytest.mark.usefixtures("shallow")
@pytest.mark.parametrize("size", ["16k", "64k", "128k", "160k"])
def test_a_full_disk_leaves_nothing(photos, okng, tmp_path, size):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=True)
    try:
        done = okng("train", photos, "--out", disk / "run", "--network", "house-m", "--size", 32, "--steps", 2)
        assert done.status == 2
        left = sorted(path.name for path in disk.iterdir())
        states = [".run.training", ".run.training-again"]
        assert left in ([], states[:1], states), "at most where the trainings stood, to go on from"
        state = f"only {disk / '.run.training'} was kept, from which the same command goes on"
        complaint = f"okng: {disk / 'run'}: cannot be written: No space left on device; "
        assert done.err.splitlines()[-1] == complaint + (state if left else "nothing was kept")
    finally:
        subprocess.run(["umount", disk], check=True)


class Command:
    """A real `okng` process, of which we read what it says so far."""

    def __init__(self, log: Path, *arguments: object) -> None:
        self._log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge.cli", *map(str, arguments)],
                stdout=subprocess.DEVNULL, stderr=errors, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._log.read_text()

    def wait_until_it_says(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)


def many_photos(tmp_path: Path, photograph) -> Path:
    """So many that reading them takes a while; no two are the same file, though they look alike."""
    for kind in ("ok", "ng"):
        first = photograph(tmp_path / "many" / kind / "0.png", (300, 400))
        for number in range(1, 600):
            (first.parent / f"{number}.png").write_bytes(first.read_bytes() + bytes(number))
    return tmp_path / "many"


@pytest.mark.parametrize("where", ["load_images", "train", "render_report"])
@pytest.mark.usefixtures("shallow")
def test_an_interrupt_anywhere_is_cleaned_up(photos, okng, tmp_path, monkeypatch, where):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    train = ("train", photos, "--out", tmp_path / "run", "--network", "house-m", "--size", 32, "--steps", 1)
    with monkeypatch.context() as patch:
        patch.setattr(f"trainer.session.{where}", interrupted)
        done = okng(*train, "--json")
    assert (done.status, done.complaint) == (130, "okng: interrupted")
    left = {path.name for path in tmp_path.iterdir()} - {"photos"}
    states = {".run.training", ".run.training-again"} if where == "render_report" else set()
    assert left == states, "trainings that have ended are not lost"
    if left:
        done = okng(*train)
        assert done.status == 0, done.err
        assert "going on with the training that was interrupted" in done.err
        assert "training 1/1" not in done.err, "it had ended"
        assert {path.name for path in tmp_path.iterdir()} == {"photos", "run"}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("stage", ["reading", "training", "converting"])
def test_an_interrupt_leaves_nothing(tiny_run, photograph, tmp_path, stage, number):
    out = tmp_path / "place" / "out"
    out.parent.mkdir()
    if stage == "reading":
        arguments, marker = ("train", many_photos(tmp_path, photograph), "--out", out), "reading images 1/"
    elif stage == "training":
        arguments = ("train", tiny_run.parts, "--out", out, "--network", "house-m", "--size", 64)
        marker = "training 1/2000"
    else:
        arguments, marker = ("convert", tiny_run.run, "--out", out), "quantising"
    command = Command(tmp_path / "log", *arguments)
    try:
        command.wait_until_it_says(marker)
        if stage != "converting":
            assert list(out.parent.glob(".out.partial-*")), "there is something to clean up"
        command.process.send_signal(number)
        assert command.process.wait(PATIENCE_S) == 130, command.said
    finally:
        command.process.kill()
        command.process.wait()
    before, last = command.said.rstrip("\n").rsplit("\n", 1)
    assert last == "okng: interrupted"
    assert "Traceback" not in before
    left = sorted(path.name for path in out.parent.iterdir())
    states = [".out.training", ".out.training-again"]
    assert left in ([], states[:1], states), "at most where the trainings stood, to go on from"
