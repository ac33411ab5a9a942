from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from edge.contract.bundle import read_bundle
from edge.contract.images import read_image
from edge.contract.types import Frame
from edge.inference.judge import Judge
from edge.replay.replay import ReplayLine


@pytest.fixture
def trusted(monkeypatch) -> None:
    """The bundle was proved elsewhere; a child process for each test takes too long."""
    monkeypatch.setattr("edge.inference.verify.verify_in_child", read_bundle)


@pytest.fixture
def replay(okng, bundle, trusted):
    return lambda capture, *options: okng("replay", capture, "--bundle", bundle, *options)


@pytest.fixture
def before(replay, capture, tmp_path) -> Path:
    """An earlier replay, to compare with."""
    path = tmp_path / "before.jsonl"
    path.write_text(replay(capture).out)
    return path


def edit(path: Path, **changes) -> None:
    """Changes the first line."""
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps(json.loads(first) | changes), *rest]) + "\n")


def moved(line: str, units: int) -> str:
    """The map of a line with one place off by so many units."""
    data = bytearray(base64.b64decode(json.loads(line)["map"]))
    data[0] = data[0] + units if data[0] + units <= 127 or 128 <= data[0] <= 255 - units else data[0] - units
    return base64.b64encode(data).decode()


def test_each_frame_is_one_line_of_json_in_order(replay, capture, bundle) -> None:
    done = replay(capture)
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert (done.status, done.err) == (0, "")
    assert [line["index"] for line in lines] == list(range(12))
    judge = Judge(read_bundle(bundle))
    for index, line in enumerate(lines):
        if line["verdict"] == "fault":
            assert (line["score"], line["map"], line["signal"]) == (None, None, "reject")
            continue
        name = f"{index:02}.png"
        expected = judge.judge(Frame(read_image(capture / name), index, 0, 0, name))
        assert (line["frame"], line["verdict"], line["score"]) == (name, expected.verdict, expected.score)
        assert line["signal"] == expected.signal
        assert base64.b64decode(line["map"]) == expected.map_units.tobytes()


def test_frames_that_cannot_be_judged_are_faults_with_a_reason(replay, capture) -> None:
    lines = [json.loads(line) for line in replay(capture).out.splitlines()]
    assert [line["index"] for line in lines if line["verdict"] == "fault"] == [5, 7]
    assert "05.png: the file is cut short" in lines[5]["reason"]
    assert "blank" in lines[7]["reason"]


def test_the_same_again_is_good(replay, capture, before) -> None:
    done = replay(capture, "--expect", before, "--tolerance", 0)
    assert (done.status, done.err) == (0, f"12 parts, 0 differences from {before}\n")
    assert done.out == before.read_text()


def test_another_verdict_is_a_difference(replay, capture, before) -> None:
    found = json.loads(before.read_text().splitlines()[0])["verdict"]
    edit(before, verdict="ng" if found != "ng" else "ok")
    done = replay(capture, "--expect", before)
    assert done.status == 1
    assert done.err.startswith(f"00.png: verdict {found} (score ")
    assert "12 parts, 1 differences" in done.err


def test_a_map_may_be_off_by_the_tolerance_and_no_more(replay, capture, before) -> None:
    edit(before, map=moved(before.read_text().splitlines()[0], 3))
    done = replay(capture, "--expect", before)
    assert done.status == 1
    assert done.err.startswith("00.png: map 3 units off")
    assert replay(capture, "--expect", before, "--tolerance", 3).status == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frame": "other.png"}, "00.png: expected frame other.png"),
        ({"map": "AAAA"}, "00.png: map of "),
        ({"verdict": "fault", "score": None, "map": None}, "expected fault (score none)"),
    ],
)
def test_other_differences_are_named(replay, capture, before, change, said) -> None:
    edit(before, **change)
    done = replay(capture, "--expect", before)
    assert done.status == 1
    assert said in done.err


def test_another_kind_is_a_difference_where_both_name_one(okng, kinds_bundle, capture, trusted, tmp_path) -> None:
    before = tmp_path / "kinds.jsonl"
    before.write_text(okng("replay", capture, "--bundle", kinds_bundle).out)
    found = json.loads(before.read_text().splitlines()[0])["kind"]
    assert found in read_bundle(kinds_bundle).card.classes
    for kind, status, said in (("other", 1, f"00.png: kind {found} (score "), (None, 0, "0 differences")):
        edit(before, kind=kind)
        done = okng("replay", capture, "--bundle", kinds_bundle, "--expect", before)
        assert (done.status, said in done.err) == (status, True), done.err


@pytest.mark.parametrize("longer", ["before", "after"])
def test_another_length_is_a_difference(replay, capture, before, tmp_path, longer) -> None:
    if longer == "before":
        capture = Path(shutil.copytree(capture, tmp_path / "shorter"))
        (capture / "11.png").unlink()
        said = "capture: 12 frames were expected, 11 were found"
    else:
        before.write_text("".join(before.read_text().splitlines(keepends=True)[:-1]))
        said = "capture: 11 frames were expected, 12 were found"
    done = replay(capture, "--expect", before)
    assert done.status == 1
    assert said in done.err.splitlines()


@pytest.mark.parametrize("text", ["nothing", '{"index": 0}', "\n", "[" * 5000], ids=len)
def test_a_file_that_is_no_replay_is_refused_with_its_line(replay, capture, before, text) -> None:
    before.write_text(before.read_text() + text + "\n")
    done = replay(capture, "--expect", before)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"okng: {before}, line 13: not a result of okng replay")
    assert done.err.count("\n") == 1


def test_what_cannot_be_replayed_is_one_line(replay, okng, bundle, capture, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    for done, status in (
        (replay(tmp_path / "empty"), 4),
        (replay(tmp_path / "absent"), 4),
        (replay(capture, "--expect", tmp_path / "absent"), 2),
        (okng("replay", capture, "--bundle", tmp_path / "empty"), 3),
    ):
        assert (done.status, done.out) == (status, "")
        assert done.err.startswith("okng: ")
        assert done.err.count("\n") == 1


def test_one_image_and_a_relative_path_are_captures_too(replay, capture, monkeypatch) -> None:
    monkeypatch.chdir(capture)
    (line,) = replay("00.png").out.splitlines()
    assert msgspec.json.decode(line, type=ReplayLine).frame == "00.png"
    assert len(replay(".").out.splitlines()) == 12


def test_no_outputs_are_driven_and_the_bundle_is_proved_first(bundle, capture) -> None:
    code = """
import sys
sys.modules["gpiozero"] = sys.modules["lgpio"] = None  # importing them fails
from edge.inference import verify
real = verify.verify_in_child
def shown(path):
    print("proved", flush=True)
    return real(path)
verify.verify_in_child = shown
from edge.cli import main
main()
"""
    command = [sys.executable, "-c", code, "replay", str(capture), "--bundle", str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    proved, *lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert proved.endswith("proved")
    assert len(lines) == 12
