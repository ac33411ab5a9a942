"""`okng demo`: the loop ends with as many results and journal rows as there are parts."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def run_demo(out: Path) -> dict:
    command = [sys.executable, "-m", "edge.cli", "demo", "--headless", "--json", "--out", out, "--bundle"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    return json.loads(line)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, run_demo(out)


def test_every_part_has_one_result_and_one_row(demo):
    _, found = demo
    assert set(found) == {
        "parts", "results", "journal_rows", "ok", "ng", "review", "fault", "auroc", "peak_hit_rate", "seconds",
    }  # fmt: skip
    assert found["parts"] == found["results"] == found["journal_rows"] == 120
    assert found["ok"] + found["ng"] + found["review"] == 120
    assert found["fault"] == 0
    assert set(found["seconds"]) == {"synthesize", "inspect", "page"}


def test_the_shipped_bundle_sees_what_it_was_made_for(demo):
    _, found = demo
    assert found["auroc"] > 0.8
    assert found["peak_hit_rate"] > 0.6


def test_there_is_a_page_to_look_at(demo):
    out, found = demo
    page = (out / "index.html").read_text(encoding="utf-8")
    assert f"<b>{found['parts']}</b>parts" in page
    assert 'src="data:image/jpeg;base64,' in page
    assert 'src="http' not in page
    sheet = cv2.imread(str(out / "overlays.png"))
    assert sheet.shape[1] > 1000


def test_a_second_demo_replaces_the_first(demo):
    out, first = demo
    (out / "old").touch()
    again = run_demo(out)
    assert not (out / "old").exists()
    assert {**again, "seconds": 0} == {**first, "seconds": 0}, "the same parts, the same verdicts"


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_not_of_a_demo_is_left_alone(tmp_path, okng, what):
    mine = tmp_path / "mine" if what == "file" else tmp_path / "mine" / "thesis.txt"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("three years of work")
    done = okng("demo", "--headless", "--json", "--bundle", "--out", tmp_path / "mine")
    assert done.status == 2
    assert "not from an earlier demo" in done.complaint
    assert mine.read_text() == "three years of work"
