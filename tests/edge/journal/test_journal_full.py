"""A small disk of its own that is really full, or read-only."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.contract.types import Verdict
from edge.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.reader import JournalReader
from edge.journal.retention import Bounds
from edge.journal.room import RESERVE_BYTES
from edge.journal.rows import Entry
from edge.wire.requests import Status
from tests.edge.running import Running, station_file
from tests.edge.test_capture_bounds import ask, assert_whole, recording

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk"),
]
IMAGE = 40_000


@pytest.fixture(params=["tmpfs", "ext4"])
def small_disk(request, tmp_path) -> Iterator[Path]:
    """A disk of 12 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if request.param == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], check=True)
    else:
        with (tmp_path / "image").open("wb") as file:
            file.truncate(12 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", tmp_path / "image"], check=True)
        subprocess.run(["mount", "-o", "loop", tmp_path / "image", disk], check=True)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture
def folder(small_disk) -> Path:
    return small_disk / "journal"


@pytest.fixture
def entry(make_entry):
    def make(journal: Journal, sequence: int, verdict: Verdict = Verdict.NG) -> Entry:
        made = make_entry(journal.boot_id, sequence, verdict)
        return Entry(made.inspection, made.bundle, os.urandom(IMAGE))

    return make


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))
    return ballast


def files(folder: Path) -> set[str]:
    found = (path for path in (folder / "images").rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def test_inspection_goes_on_and_the_oldest_images_make_room(folder, entry) -> None:
    with Journal.open(folder, station="one") as journal:
        journal.record([entry(journal, 1)])
        journal.protect([journal.rows()[0].id])
        for number in range(2, 600):
            (done,) = journal.record([entry(journal, number)])
            assert done.image is not None
            if number % 20 == 0:
                journal.tidy()
        assert "the oldest images go" in journal.faults["disk_full"]
        assert_nothing_is_lost(journal, 599)
    with Journal.open(folder, station="one") as journal:
        assert_nothing_is_lost(journal, 599)
        assert journal.reader.image(journal.rows()[0])


def assert_nothing_is_lost(journal: Journal, count: int) -> None:
    rows = journal.rows(limit=10_000)
    assert [row.sequence for row in rows] == list(range(1, count + 1))
    kept = [row for row in rows if row.image_removed_ns is None and row.image_path]
    assert 20 < len(kept) < count
    assert {row.image_path for row in kept} == files(journal.folder)
    assert all(journal.reader.image(row) for row in kept)
    assert [row.sequence for row in kept[1:]] == list(range(count - len(kept) + 2, count + 1)), "the newest"


def test_the_fault_is_over_once_there_is_room(small_disk, folder, entry) -> None:
    with Journal.open(folder, station="one") as journal:
        for number in range(1, 31):
            journal.record([entry(journal, number)])
        assert not any(journal.faults.values())
        ballast = fill(small_disk)
        journal.record([entry(journal, 31)])
        journal.tidy()
        assert "disk is full" in journal.faults["disk_full"]
        ballast.unlink()
        journal.tidy()
        assert journal.faults["disk_full"] == ""
        assert (folder / "reserve").stat().st_size == RESERVE_BYTES
        journal.record([entry(journal, 32)])


def test_where_no_image_may_go_new_ones_are_not_kept_but_rows_are(small_disk, folder, entry) -> None:
    with Journal.open(folder, station="one") as journal:
        for number in range(1, 11):
            journal.record([entry(journal, number, Verdict.REVIEW)])
        ballast = fill(small_disk)
        (done,) = journal.record([entry(journal, 11, Verdict.REVIEW)])
        kept = len(files(folder))
        for number in range(12, 60):
            (done,) = journal.record([entry(journal, number, Verdict.REVIEW)])
        assert done.image is None
        assert len(files(folder)) - kept < 1 + RESERVE_BYTES / IMAGE
        assert "new images are not kept" in journal.faults["disk_full"]
        assert journal.count() == 59
        ballast.unlink()
        journal.tidy()
        (done,) = journal.record([entry(journal, 60)])
        assert done.image is not None
        assert journal.faults["disk_full"] == ""


def test_without_images_the_oldest_rows_go_and_when_none_may_it_is_an_error(small_disk, folder, make_entry) -> None:
    with Journal.open(folder, station="one") as journal:
        number = 0

        def record(verdict: Verdict, count: int) -> None:
            nonlocal number
            for _ in range(count):
                number += 1
                made = make_entry(journal.boot_id, number, verdict, image=False)
                object.__setattr__(made.inspection.judgement, "reason", "x" * 20_000)
                journal.record([made])

        record(Verdict.NG, 20)
        fill(small_disk)
        record(Verdict.NG, 400)
        assert 0 < journal.count() < 420
        assert journal.rows(after_number=number - 1)[0].sequence == number
        with pytest.raises(JournalError, match="disk is full") as caught:
            record(Verdict.REVIEW, 1000)
        assert "\n" not in str(caught.value)
        count = journal.count()
        assert journal.rows(limit=10_000)[-1].sequence == number - 1
    (small_disk / "ballast").unlink()
    with Journal.open(folder, station="one") as journal:
        assert journal.count() == count


def test_a_decision_on_a_full_disk_is_kept(small_disk, folder, entry) -> None:
    from edge.contract.types import Decision

    with Journal.open(folder, station="one") as journal:
        names = [journal.record([entry(journal, number, Verdict.REVIEW)])[0].id for number in range(1, 11)]
        fill(small_disk)
        for index, name in enumerate(names):
            journal.decide(name, Decision.ACCEPT, "ann", "x" * 1000, f"r{index}")
        assert all(row.decision for row in journal.rows())


def test_a_full_disk_at_the_start_is_refused(small_disk, folder) -> None:
    folder.mkdir()
    fill(small_disk)
    with pytest.raises(JournalError, match="disk is full"):
        Journal.open(folder, station="one")
    (small_disk / "ballast").unlink()
    Journal.open(folder, station="one").close()


def test_a_disk_that_is_full_by_its_own_journal_is_no_reason_not_to_start(small_disk, folder, entry) -> None:
    with Journal.open(folder, station="one") as journal:
        for number in range(1, 60):
            journal.record([entry(journal, number)])
    fill(small_disk)
    with Journal.open(folder, station="one", bounds=Bounds(inspections=5000)) as journal:
        assert "disk is full" in journal.faults["disk_full"]
        (done,) = journal.record([entry(journal, 1)])
        assert done.image is not None
        assert journal.count() == 60


def test_a_read_only_disk_is_refused(small_disk, folder) -> None:
    Journal.open(folder, station="one").close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for place in (folder, small_disk / "new"):
        with pytest.raises(JournalError, match="cannot be written"):
            Journal.open(place, station="one")


def test_the_daemon_goes_on_and_says_so(small_disk, folder, tmp_path, bundle, capture) -> None:
    camera = f"{capture.as_uri()}?loop=true&rate=20"
    config = station_file(tmp_path / "d", bundle, camera, journal=str(folder))
    with Running(config) as daemon:
        daemon.collect(20)
        ballast = fill(small_disk)
        until(daemon, lambda faults: "disk_full" in faults)
        daemon.collect(len(daemon.results) + 40)
        ballast.unlink()
        until(daemon, lambda faults: not faults)
        daemon.collect(len(daemon.results) + 5)
        assert daemon.end() == 0, daemon.log.read_text()
    with JournalReader(folder) as reader:
        assert {message.header.id for message in daemon.results} <= {row.id for row in reader.walk()}


def test_so_does_one_that_records_whole_parts_and_triggers_that_are_not_taken(
    small_disk, folder, tmp_path, bundle
) -> None:
    with Running(recording(tmp_path / "d", bundle, str(folder))) as daemon:
        ask(daemon, 8)
        ballast = fill(small_disk)
        ask(daemon, 20)
        until(daemon, lambda faults: "disk_full" in faults)
        ask(daemon, 20)
        ballast.unlink()
        until(daemon, lambda faults: not faults)
        ask(daemon, 5)
        counts = daemon.station.request(Status())
        assert counts["triggers"] == sum(counts["results"].values()) == 53
        assert daemon.end() == 0, daemon.log.read_text()
    assert 0 < assert_whole(folder, daemon) < 53


def until(daemon: Running, holds) -> None:
    deadline = time.monotonic() + 60
    while not holds(daemon.station.request(Status())["faults"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
