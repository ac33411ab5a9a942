"""From a station to a capture that has every trigger and every frame of its parts, and back through the pipeline."""

from __future__ import annotations

import json
import shutil
from collections import deque
from itertools import repeat
from pathlib import Path

import cv2
import pytest

from edge.client import CommandRefused
from edge.contract.bundle import read_bundle
from edge.contract.images import read_image
from edge.contract.types import Frame, Inspection
from edge.inference.judge import Judge
from edge.inspection.pipeline import PartJudge
from edge.inspection.recipes import read_recipe
from edge.journal.images import encode_image
from edge.journal.journal import Journal
from edge.journal.reader import JournalReader
from edge.journal.retention import Bounds
from edge.journal.rows import Entry
from edge.wire.requests import Start, Status, Trigger
from tests.edge.running import Running, station_file
from tests.edge.test_changeover import SCENARIOS, recipes

FRAMES = SCENARIOS / "two-of-three" / "frames"
NOT_TAKEN = ("before", "too-many")


@pytest.fixture(scope="module")
def journal(tmp_path_factory, bundle) -> Path:
    """Of a station that votes two of three: a trigger before it was started, parts, and more triggers than may wait."""
    folder = recipes(tmp_path_factory.mktemp("whole") / "d")
    config = station_file(
        folder, bundle, f"{FRAMES.as_uri()}?rate=16&loop=true", 'recipe = "two-of-three"',
        'trigger = {kind = "command", start = "command"}',
    )  # fmt: skip
    with Running(config) as daemon:
        with pytest.raises(CommandRefused):
            daemon.station.request(Trigger(NOT_TAKEN[0]))
        daemon.station.request(Start())
        for number in range(3):
            daemon.station.request(Trigger(f"part-{number}"))
        daemon.collect(3)
        too_many = map(daemon.station.request, repeat(Trigger(NOT_TAKEN[1])))
        with pytest.raises(CommandRefused):
            deque(too_many, maxlen=0)
        counts = daemon.station.request(Status())
        assert (counts["missed"], counts["overrun"]) == (1, 1)
        assert daemon.end() == 0, daemon.log.read_text()
    return folder / "journal"


@pytest.fixture(scope="module")
def record(journal, tmp_path_factory):
    """Folder and record of the capture."""
    from edge.journal.capture import to_capture

    out = tmp_path_factory.mktemp("made") / "whole"
    with JournalReader(journal) as reader:
        made = to_capture(reader, out)
        assert made.whole
    found = json.loads((out / "capture.json").read_text())
    assert (made.triggers, made.frames) == (len(found["triggers"]), len(list((out / "frames").iterdir())))
    return out, found


@pytest.fixture
def replay(okng, bundle, record, monkeypatch):
    monkeypatch.setattr("edge.inference.verify.verify_in_child", read_bundle)
    return lambda *options: okng("replay", record[0], "--bundle", bundle, *options)


@pytest.mark.slow
def test_every_trigger_is_in_the_capture_in_its_order_with_what_became_of_it(record) -> None:
    triggers = record[1]["triggers"]
    assert [each["outcome"] for each in triggers[:4]] == ["missed", "judged", "judged", "fault"]
    assert [each["part"] for each in triggers[:4]] == ["before", "part-0", "part-1", "part-2"]
    assert (triggers[-1]["outcome"], triggers[-1]["part"]) == ("overrun", "too-many")
    waited = triggers[4:-1]
    assert {each["outcome"] for each in waited} <= {"judged", "fault"}
    assert len(waited) >= 64
    assert all(each["reason"] and each["signal"] == "reject" for each in waited if each["outcome"] == "fault")
    for each in (triggers[0], triggers[-1]):
        assert (each["verdict"], each["inspection"], each["frames"], each["signal"]) == (None, "", [], "reject")
        assert each["triggered_ns"] > 0


def test_a_voted_part_has_all_its_frames_without_loss(record) -> None:
    out, found = record
    parts = found["triggers"][1:4]
    shown = sorted(FRAMES.iterdir(), key=lambda path: int(path.stem))[:9]
    kept = [frame for part in parts for frame in part["frames"]]
    assert len(kept) == 9
    for path, frame in zip(shown, kept, strict=True):
        assert (read_image(path) == read_image(out / frame["file"])).all()
    assert all(0 <= part["decisive"] < 3 for part in parts)
    assert len({part["decisive"] for part in parts}) > 1, "not always the first"


def test_a_replay_votes_again_over_the_same_frames_and_accounts_for_every_trigger(replay, record) -> None:
    triggers = record[1]["triggers"]
    bare = sum(each["outcome"] == "fault" and not each["frames"] for each in triggers)
    same = len(triggers) - 2 - bare
    done = replay("--diff")
    said = f"{len(triggers)} triggers: {same} as recorded, {bare} fault without a frame, 1 missed, 1 overrun\n"
    assert (done.status, done.out, done.err) == (0, said, "")
    lines = [json.loads(line) for line in replay().out.splitlines()]
    assert [line["outcome"] for line in lines] == [each["outcome"] for each in triggers]
    assert [line["verdict"] for line in lines] == [each["verdict"] for each in triggers]
    assert [line["inspection"] for line in lines] == [each["inspection"] for each in triggers]
    assert "frame 2 of 3" in lines[3]["reason"]
    for line, each in zip(lines[1:4], triggers[1:4], strict=True):
        assert line["frame"] == each["frames"][each["decisive"]]["file"]
    assert replay().out == replay().out


def test_another_recipe_judges_the_same_parts_by_its_own_number_of_frames(replay, tmp_path) -> None:
    (tmp_path / "one.toml").write_text("voting = {frames = 1}\n")
    (tmp_path / "five.toml").write_text("voting = {frames = 5, ng = 5}\n")
    first = [json.loads(line) for line in replay("--recipe", tmp_path / "one.toml").out.splitlines()]
    assert [line["frame"][-6:] for line in first[1:4]] == ["-0.png"] * 3
    done = replay("--recipe", tmp_path / "five.toml", "--diff")
    assert done.err.endswith("parts have fewer frames than their recipe asks for; they vote over those\n")
    changed = replay("--recipe", tmp_path / "one.toml", "--diff", "--sheet", tmp_path / "sheet.png")
    assert changed.status == 1
    assert " -> " in changed.out.splitlines()[0]
    assert (tmp_path / "sheet.png").is_file()


def test_at_recorded_speed_the_same_comes_out(replay, monkeypatch) -> None:
    monkeypatch.setattr("edge.replay.pace.time.sleep", lambda _: None)
    assert replay("--speed", "recorded").out == replay().out


def test_a_trigger_whose_frames_were_removed_is_still_accounted_for(
    journal, okng, bundle, tmp_path, monkeypatch
) -> None:
    copy = shutil.copytree(journal, tmp_path / "journal")
    with Journal.open(copy, station="one", bounds=Bounds(size=1)) as opened:
        opened._book.retention.drop_images(1)
        left = list((copy / "images").rglob("*.png"))
        assert len(left) == len(list((journal / "images").rglob("*.png"))) - 3, "the part's frames go together"
    okng("journal", "export", tmp_path / "out", "--as", "capture", "--journal", copy)
    monkeypatch.setattr("edge.inference.verify.verify_in_child", read_bundle)
    done = okng("replay", tmp_path / "out", "--bundle", bundle, "--diff")
    assert ", 1 without a kept frame" in done.out
    assert done.status == 0


def test_a_capture_has_the_pictures_of_its_recipes_and_needs_them_as_they_were(
    tmp_path, bundle, okng, monkeypatch
) -> None:
    monkeypatch.setattr("edge.inference.verify.verify_in_child", read_bundle)
    shutil.copytree(SCENARIOS / "ignored-place", tmp_path / "scenario")
    recipe = read_recipe(tmp_path / "scenario" / "recipe.toml")
    judge, frames = PartJudge(Judge(read_bundle(bundle)), recipe), sorted((tmp_path / "scenario" / "frames").iterdir())
    with Journal.open(tmp_path / "journal", station="one", settings=b'{"station":"one"}') as opened:
        for number, path in enumerate(frames, 1):
            frame = Frame(read_image(path), number, number, number)
            found = judge.judge_part([frame])
            done = Inspection(opened.boot_id, number, "", frame, found, found.signal, number, recipe)
            opened.record([Entry(done, judge.bundle.digest, encode_image(frame.pixels))])
    made = okng("journal", "export", tmp_path / "out", "--as", "capture", "--journal", tmp_path / "journal")
    assert made.status == 0, made
    shutil.rmtree(tmp_path / "scenario")
    again = okng("replay", tmp_path / "out", "--bundle", bundle, "--diff")
    assert (again.status, again.out) == (0, "4 triggers: 4 as recorded\n"), again
    (picture,) = (tmp_path / "out" / "recipes").iterdir()
    ignored = read_image(SCENARIOS / "ignored-place" / "hole.png")
    assert cv2.imwrite(str(tmp_path / "other.png"), 255 - ignored)
    shutil.move(tmp_path / "other.png", picture)
    spoiled = okng("replay", tmp_path / "out", "--bundle", bundle)
    assert (spoiled.status, spoiled.out, spoiled.err.count("\n")) == (2, "", 1)
    assert "is another picture now; add --recipe" in spoiled.err
    picture.unlink()
    without = okng("replay", tmp_path / "out", "--bundle", bundle)
    assert (without.status, without.err.count("\n")) == (2, 1)
    assert "recorded recipe recipe (--recipe takes another): ignore" in without.err
