"""From the journal to a capture, and what another bundle makes of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import msgspec
import numpy as np
import pytest

from edge.contract.bundle import read_bundle
from edge.contract.images import read_image
from edge.contract.types import Frame, Inspection
from edge.errors import CameraError
from edge.inference.judge import Judge
from edge.journal.images import encode_image
from edge.journal.journal import Journal
from edge.journal.rows import Entry

SETTINGS = b'{"station":"one","camera":{"uri":"file:///x"}}'


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, capture, bundle) -> Path:
    """The journal of a station that judged the capture's 11 frames that can be read, one of them a FAULT."""
    folder, opened = tmp_path_factory.mktemp("recorded") / "journal", read_bundle(bundle)
    judge = Judge(opened)
    with Journal.open(folder, station="one", settings=SETTINGS) as journal:
        for index in (index for index in range(12) if index != 5):
            frame = Frame(read_image(capture / f"{index:02}.png"), index, index, index)
            judgement = judge.judge(frame)
            inspection = Inspection(journal.boot_id, index + 1, f"A-{index}", frame, judgement, judgement.signal, index)
            journal.record([Entry(inspection, opened.digest, encode_image(frame.pixels))])
    return folder


@pytest.fixture(scope="module")
def made(recorded, tmp_path_factory) -> Path:
    from edge.journal.capture import Captured, to_capture
    from edge.journal.reader import JournalReader

    out = tmp_path_factory.mktemp("made") / "monday"
    with JournalReader(recorded) as reader:
        assert to_capture(reader, out) == Captured(11, 11, True)
    return out


@pytest.fixture
def copy(made, tmp_path) -> Path:
    """A capture to spoil."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


@pytest.fixture
def replay(okng, bundle, monkeypatch):
    monkeypatch.setattr("edge.inference.verify.verify_in_child", read_bundle)
    return lambda capture, *options, other=bundle: okng("replay", capture, "--bundle", other, *options)


@pytest.fixture
def stricter(bundle_copy, seal) -> Path:
    """The same network with other thresholds: nothing is OK."""
    card = json.loads((bundle_copy / "model.json").read_text())
    card["thresholds"] = {"ok_below": 0.0, "ng_from": 0.0}
    (bundle_copy / "model.json").write_text(json.dumps(card))
    for name in ("SIGNATURE",):
        (bundle_copy / name).unlink(missing_ok=True)
    seal(bundle_copy)
    return bundle_copy


def test_a_capture_says_with_what_it_was_judged(made, bundle) -> None:
    record = json.loads((made / "capture.json").read_text())
    triggers = record["triggers"]
    assert len(triggers) == 11
    assert {trigger["bundle"] for trigger in triggers} == {read_bundle(bundle).digest}
    (recipe,) = {trigger["recipe"] for trigger in triggers}
    assert record["recipes"][recipe] == json.loads(SETTINGS)
    assert [trigger["part"] for trigger in triggers][:2] == ["A-0", "A-1"]
    assert [trigger["triggered_ns"] for trigger in triggers][:2] == [0, 1]
    for trigger in triggers:
        assert len(trigger["frames"]) == 1
        assert trigger["signal"] == ("accept" if trigger["verdict"] == "ok" else "reject")
        assert trigger["outcome"] == ("fault" if trigger["verdict"] == "fault" else "judged")
        assert bool(trigger["reason"]) == (trigger["verdict"] == "fault")


@pytest.mark.parametrize("schema", [1, 2])
def test_a_capture_of_an_older_okng_is_replayed(replay, copy, schema: int) -> None:
    record = json.loads((copy / "capture.json").read_text())
    frames = []
    for trigger in record.pop("triggers"):
        (frame,) = trigger.pop("frames")
        del trigger["outcome"], trigger["decisive"], trigger["golden"]
        frames.append(trigger | frame)
        if schema == 1:
            for key in ("triggered_ns", "signal", "reason"):
                del frames[-1][key]
    (copy / "capture.json").write_text(json.dumps(record | {"schema": schema, "frames": frames}))
    assert replay(copy, "--diff").out == "11 triggers: 11 as recorded\n"
    frames[0]["file"] = "../../etc/passwd"
    (copy / "capture.json").write_text(json.dumps(record | {"schema": schema, "frames": frames}))
    assert "not a capture's record" in replay(copy, "--diff").err


def test_it_is_replayed_at_the_speed_of_its_recording(replay, copy, monkeypatch) -> None:
    record = json.loads((copy / "capture.json").read_text())
    seconds = [10, 13, None, 5, *range(20, 27)]
    for trigger, second in zip(record["triggers"], seconds, strict=True):
        trigger["frames"][0]["captured_ns"] = None if second is None else second * 10**9
    (copy / "capture.json").write_text(json.dumps(record))
    clock = SimpleNamespace(now_s=100.0, waits=[])
    monkeypatch.setattr(
        "edge.replay.pace.time",
        SimpleNamespace(monotonic=lambda: clock.now_s, sleep=lambda pause_s: wait(clock, pause_s)),
    )
    done = replay(copy, "--speed", "recorded")
    assert len(done.out.splitlines()) == 11
    assert clock.waits == [0, 3, 0, 7, 1, 1, 1, 1, 1, 1]
    assert done.out == replay(copy).out


def wait(clock, pause_s: float) -> None:
    clock.waits.append(pause_s)
    clock.now_s += pause_s


def test_what_has_no_recording_has_no_recorded_speed(replay, capture) -> None:
    done = replay(capture, "--speed", "recorded")
    assert (done.status, "has no capture.json" in done.err) == (2, True)


def test_the_same_bundle_judges_as_it_did(replay, made) -> None:
    done = replay(made, "--diff")
    assert (done.status, done.out, done.err) == (0, "11 triggers: 11 as recorded\n", "")
    assert len(replay(made).out.splitlines()) == 11


def test_another_bundle_is_told_apart_with_a_sheet(replay, made, stricter, tmp_path) -> None:
    verdicts = [each["verdict"] for each in json.loads((made / "capture.json").read_text())["triggers"]]
    changed = [verdict for verdict in verdicts if verdict in {"ok", "review"}]
    assert changed
    sheet = tmp_path / "changed.png"
    done = replay(made, "--diff", "--sheet", sheet, other=stricter)
    *lines, summary, about_sheet = done.out.splitlines()
    assert done.status == 1
    assert len(lines) == len(changed)
    assert all(line.startswith("frames/0000000") and " -> ng " in line for line in lines)
    assert summary.startswith(f"11 triggers: {11 - len(changed)} as recorded")
    assert f"{changed.count('ok')} ok -> ng" in summary
    assert about_sheet == f"{sheet}: {len(changed)} of {len(changed)} changed parts"
    picture = cv2.imread(str(sheet))
    assert picture.shape == (-(-len(changed) // 5) * 276, 1200, 3)
    assert picture[:240, :240].std() > 5, "a frame, not an empty tile"
    again = replay(made, "--diff", "--sheet", sheet, other=stricter)
    assert (again.status, "is already there" in again.err) == (2, True)


def test_another_kind_is_a_change_where_both_name_one(replay, copy, kinds_bundle, tmp_path) -> None:
    judged = [json.loads(line) for line in replay(copy, other=kinds_bundle).out.splitlines()]
    same, other, unnamed = [index for index, line in enumerate(judged) if line["kind"]][:3]
    record = json.loads((copy / "capture.json").read_text())
    triggers = record["triggers"]
    for trigger, line in zip(triggers, judged, strict=True):
        trigger |= {"verdict": line["verdict"], "kind": line["kind"]}
    triggers[other]["kind"], triggers[unnamed]["kind"] = "other", None
    assert triggers[same]["kind"]
    (copy / "capture.json").write_text(json.dumps(record))
    done = replay(copy, "--diff", "--sheet", tmp_path / "changed.png", other=kinds_bundle)
    verdict, kind = judged[other]["verdict"], judged[other]["kind"]
    assert (done.status, len(done.out.splitlines())) == (1, 3), done
    assert f"11 triggers: 10 as recorded, 1 {verdict} other -> {verdict} {kind}\n" in done.out


def test_a_bound_ends_a_capture_before_it_is_larger(okng, recorded, tmp_path) -> None:
    sizes = [path.stat().st_size for path in sorted((recorded / "images").rglob("*.png"))]
    entry_bytes = 500  # of each trigger in the record, about
    limit = (sum(sizes[:4]) + 4 * entry_bytes + sizes[4] // 2) / 1e6
    done = okng("journal", "export", tmp_path / "c", "--as", "capture", "--max-mb", limit, "--journal", recorded)
    assert done.status == 0
    assert "4 triggers, 4 frames, the first that are not more than" in done.out
    assert len(list((tmp_path / "c" / "frames").iterdir())) == 4
    for arguments, said in (
        (("--max-mb", "1"), "--as capture"),
        (("--as", "capture", "--max-mb", "0.0001"), "no frame"),
    ):
        done = okng("journal", "export", tmp_path / "d", *arguments, "--journal", recorded)
        assert (done.status, said in done.err, done.err.count("\n")) == (2, True, 1)
    assert not (tmp_path / "d").exists()


def change(path: Path, **fields) -> None:
    record = json.loads(path.read_text())
    record["triggers"][0]["frames"][0] |= fields
    path.write_text(json.dumps(record))


def spoil(copy: Path, how: str) -> None:
    first = copy / "frames" / "000000001.png"
    record = copy / "capture.json"
    match how:
        case "changed":
            cv2.imwrite(str(first), np.zeros((9, 9), np.uint8))
        case "missing":
            first.unlink()
        case "more":
            shutil.copy(first, copy / "frames" / "000000099.png")
        case "outside":
            change(record, file="../../etc/passwd")
        case "digest":
            change(record, sha256="x")
        case "newer":
            record.write_text(record.read_text().replace('"schema": 3', '"schema": 4'))
        case "none":
            record.write_text("[" * 5000)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("changed", "not the frame that was recorded"),
        ("missing", "cannot be read"),
        ("more", "was not recorded with this capture"),
        ("outside", "not a capture's record"),
        ("digest", "not a capture's record"),
        ("newer", "update okng here"),
        ("none", "not a capture's record"),
    ],
)
def test_a_capture_that_is_not_as_recorded_is_refused(replay, copy, how: str, said: str) -> None:
    spoil(copy, how)
    for options in ((), ("--diff",)):
        done = replay(copy, *options)
        assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
        assert said in done.err


def test_frames_that_cannot_be_judged_now_are_changes_too(made, monkeypatch, replay, tmp_path) -> None:
    monkeypatch.setattr("edge.camera.file.FileCamera._do_read", _broken())
    done = replay(made, "--diff", "--sheet", tmp_path / "sheet.png")
    assert done.status == 1
    assert "-> fault" in done.out.splitlines()[0]
    assert (tmp_path / "sheet.png").is_file()


def _broken():
    from edge.camera.file import FileCamera

    real = FileCamera._do_read

    def read(self, timeout_s):
        frame = real(self, timeout_s)
        if frame and frame.index == 0:
            raise CameraError("cannot be read")
        return frame

    return read


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--diff",), "has no capture.json"),
        (("--sheet", "x.png"), "add --diff"),
        (("--diff", "--expect", "x"), "take one"),
    ],
)
def test_what_does_not_go_together_is_refused(replay, capture, options, said) -> None:
    done = replay(capture, *options)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err


def test_a_record_reads_as_it_was_written(made) -> None:
    from edge.contract.recording import Recording, read_recording

    found = read_recording(made)
    assert found == msgspec.json.decode(msgspec.json.encode(found), type=Recording)
    assert read_recording(made / "frames") is None
