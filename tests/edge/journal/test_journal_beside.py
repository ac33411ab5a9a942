"""The other frames of a part, triggers that were not taken, and points of process control: kept, and let go in time."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from edge.contract.events import PauseEvent
from edge.contract.recording import read_recording
from edge.contract.statistics import Point
from edge.contract.triggers import PassedOver, Untaken
from edge.contract.types import Verdict
from edge.errors import JournalError
from edge.journal.capture import to_capture
from edge.journal.journal import Journal
from edge.journal.reader import JournalReader
from edge.journal.retention import DAY_NS, Bounds
from edge.journal.rows import Entry, OtherFrame
from edge.journal.schema import FILE

IMAGE = 5_000
MISSED, OVERRUN = Untaken.MISSED, Untaken.OVERRUN
POINT = Point(
    group=1, inspections=200, ended_ns=7, verdicts={Verdict.OK: 200}, accepted=1.0, ng_rate=0.0, ng_limits=None,
    score_drift=None, map_drift=None, cycle_ms=None, judging_ms=None, alarms={},
)  # fmt: skip


@pytest.fixture
def voted(make_entry):
    """An inspection of a part of three frames, the second of them decisive, each image of IMAGE bytes."""

    def make(journal: Journal, sequence: int, verdict: Verdict = Verdict.NG) -> Entry:
        others = tuple(OtherFrame(position, 10 * sequence + position, os.urandom(IMAGE)) for position in (0, 2))
        return replace(make_entry(journal.boot_id, sequence, verdict), image=os.urandom(IMAGE), others=others)

    return make


def files(journal: Journal) -> set[str]:
    found = (path for path in (journal.folder / "images").rglob("*") if path.is_file())
    return {path.relative_to(journal.folder).as_posix() for path in found}


def test_all_frames_of_a_part_are_kept_each_with_its_checksum(journal, voted) -> None:
    entry = voted(journal, 7)
    (done,) = journal.record([entry])
    assert len(done.images) == 3
    row = journal.find(done.id)
    assert journal.reader.image(row) == entry.image
    others = journal.reader.frames(row)
    assert [(each.position, each.captured_ns) for each in others] == [(0, 70), (2, 72)]
    assert [journal.reader.frame(each) for each in others] == [each.image for each in entry.others]
    assert files(journal) == {row.image_path, *(each.path for each in others)}
    assert journal._book.retention.image_bytes == journal.reader.totals()["image_bytes"] == 3 * IMAGE
    (journal.folder / others[0].path).write_bytes(b"x")
    with pytest.raises(JournalError, match="not the image that was recorded"):
        journal.reader.frame(others[0])


@pytest.mark.parametrize("how", ["images", "rows"])
def test_they_go_with_the_decisive_one_and_are_counted(tmp_path, voted, how: str) -> None:
    with Journal.open(tmp_path, station="one") as journal:
        first, second = (journal.record([voted(journal, number)])[0] for number in (1, 2))
        retention = journal._book.retention
        if how == "images":
            assert retention.drop_images(1) == 1
        else:
            journal.protect([second.id])
            assert retention.drop_rows() == 1
        assert files(journal) == {image.path for image in second.images}
        assert retention.image_bytes == 3 * IMAGE
        gone = journal.find(first.id)
        assert gone is None if how == "rows" else journal.reader.frames(gone) == []
    with Journal.open(tmp_path, station="one") as journal:
        assert journal._book.retention.image_bytes == 3 * IMAGE
        assert files(journal) == {image.path for image in second.images}


def test_what_a_crash_left_without_a_row_goes_and_what_has_one_stays(tmp_path, voted) -> None:
    with Journal.open(tmp_path, station="one") as journal:
        (done,) = journal.record([voted(journal, 1)])
        stray = tmp_path / done.image.path.replace(".png", "-9.png")
        stray.write_bytes(b"x")
    with Journal.open(tmp_path, station="one") as journal:
        assert files(journal) == {image.path for image in done.images}


def untaken(journal: Journal) -> list[tuple[str, int, str]]:
    return [(each.trigger.part, each.trigger.after, each.trigger.why) for each in journal.reader.untaken()]


def test_triggers_that_were_not_taken_are_kept_in_order_over_boots(tmp_path) -> None:
    with Journal.open(tmp_path, station="one") as journal:
        journal.pass_over([PassedOver(MISSED, "a", 100, 0), PassedOver(OVERRUN, "b\ud800", 200, 3)])
    with Journal.open(tmp_path, station="one") as journal:
        journal.pass_over([PassedOver(MISSED, "", 50, 0)])
        assert untaken(journal) == [("a", 0, "missed"), ("b\\ud800", 3, "overrun"), ("", 0, "missed")]
        first, second, third = journal.reader.untaken()
        assert first.boot_id == second.boot_id != third.boot_id == journal.boot_id
        assert [each.trigger.part for each in journal.reader.untaken(since_ns=third.recorded_ns)] == [""]


def test_points_are_kept_with_the_memory_by_bundle_and_recipe(journal) -> None:
    journal.remember("b" * 64 + " screw", "{}", [POINT, replace_group(2)])
    journal.remember("c" * 64, "{}", [POINT])
    found = journal.reader.points()
    assert [(each.bundle[0], each.recipe, each.point.group) for each in found] == [
        ("b", "screw", 1), ("b", "screw", 2), ("c", "", 1),
    ]  # fmt: skip
    assert found[0].point == POINT
    assert journal.reader.points(last=1) == found[-1:]
    assert journal.reader.points(until_ns=found[0].recorded_ns) == []


def replace_group(group: int) -> Point:
    return msgspec.structs.replace(POINT, group=group)


def beside(journal: Journal, number: int) -> None:
    journal.pass_over([PassedOver(MISSED, f"p{number}", 1, number)])
    journal.remember("b" * 64, "{}", [replace_group(number)])
    journal.note(PauseEvent(paused=True, operator="ann", reason=str(number), bundle=""))


def test_they_go_with_the_inspections_of_their_time_and_what_the_station_needs_stays(tmp_path, make_entry) -> None:
    with Journal.open(tmp_path, station="one", bounds=Bounds(inspections=4)) as journal:
        for number in range(1, 9):
            journal.record([make_entry(journal.boot_id, number, Verdict.OK, image=False)])
            beside(journal, number)
        journal.tidy()
        left = [row.sequence for row in journal.rows()]
        assert left == [6, 7, 8]
        assert [each.trigger.after for each in journal.reader.untaken()] == left
        assert [each.point.group for each in journal.reader.points()] == left
        assert len(journal.reader.events()) == 8


def test_faults_and_drifts_go_too(tmp_path, make_entry) -> None:
    """As rows: their types belong to the wire."""
    with Journal.open(tmp_path, station="one", bounds=Bounds(inspections=2)) as journal:
        for number in range(1, 5):
            journal.record([make_entry(journal.boot_id, number, Verdict.OK, image=False)])
            beside(journal, number)
        with sqlite3.connect(tmp_path / FILE) as connection:
            connection.execute("UPDATE events SET kind = 'fault' WHERE number < 4")
        journal.tidy()
        with sqlite3.connect(tmp_path / FILE) as connection:
            left = connection.execute("SELECT kind, newest FROM events").fetchall()
        assert [row.sequence for row in journal.rows()] == [4]
        assert left == [("pause", 4)]


def test_the_too_old_go_though_no_inspection_does(tmp_path) -> None:
    clock = Clock()
    with Journal.open(tmp_path, station="one", bounds=Bounds(days=10), clock=clock, monotonic=clock) as journal:
        for number in range(3):
            beside(journal, number)
            journal.tidy()
            clock.now += 6 * DAY_NS
        journal.tidy()
        assert [each.trigger.after for each in journal.reader.untaken()] == [2]
        assert [each.point.group for each in journal.reader.points()] == [2]


def test_a_step_is_small_and_steps_reach_the_bound(tmp_path, make_entry, monkeypatch) -> None:
    monkeypatch.setattr("edge.journal.beside.STEP", 4)
    clock = Clock()
    with Journal.open(tmp_path, station="one", bounds=Bounds(days=10), clock=clock, monotonic=clock) as journal:
        journal.pass_over([PassedOver(MISSED, "", 1, number) for number in range(10)])
        clock.now += 12 * DAY_NS
        counts = []
        for _ in range(4):
            journal.tidy()
            counts.append(len(list(journal.reader.untaken())))
        assert counts == [6, 2, 0, 0]


def test_where_no_inspection_may_go_they_make_room(tmp_path, make_entry) -> None:
    with Journal.open(tmp_path, station="one", bounds=Bounds(size=1)) as journal:
        journal.record([make_entry(journal.boot_id, 1, Verdict.REVIEW, image=False)])
        beside(journal, 1)
        for _ in range(3):
            journal.tidy()
        assert (list(journal.reader.untaken()), journal.reader.points(), journal.count()) == ([], [], 1)
        assert "are allowed" in journal.faults["journal_over"]


class Clock:
    now = 400 * DAY_NS

    def __call__(self) -> int:
        return self.now


def test_a_row_that_the_disk_changed_is_named(tmp_path: Path) -> None:
    with Journal.open(tmp_path, station="one") as journal:
        beside(journal, 1)
        with sqlite3.connect(tmp_path / FILE) as connection:
            connection.execute("UPDATE untaken SET why = 'x'")
            connection.execute("UPDATE points SET point = '[]'")
        for read in (lambda: list(journal.reader.untaken()), journal.reader.points):
            with pytest.raises(JournalError, match="the journal's row is damaged"):
                read()


@pytest.mark.parametrize("when", ["frames", "image", "frame"])
def test_a_part_whose_frames_go_while_a_capture_is_made_has_none_of_them(tmp_path, voted, monkeypatch, when) -> None:
    real, going = getattr(JournalReader, when), [1]

    def first_they_go(self, asked):
        if going:
            journal._book.retention.drop_images(going.pop())
        return real(self, asked)

    with Journal.open(tmp_path / "journal", station="one") as journal:
        journal.record([voted(journal, 1), voted(journal, 2)])
        monkeypatch.setattr(JournalReader, when, first_they_go)
        made = to_capture(journal.reader, tmp_path / "out")
        assert (made.triggers, made.frames, made.whole) == (2, 3, True)
        assert [len(trigger.frames) for trigger in read_recording(tmp_path / "out").triggers] == [0, 3]
        (lost,) = (tmp_path / "journal").rglob("000000002-2.png")
        lost.unlink()
        with pytest.raises(JournalError, match=r"000000002-2\.png"):
            to_capture(journal.reader, tmp_path / "again")
