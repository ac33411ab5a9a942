from __future__ import annotations

import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge.contract.types import Decision, Frame, Inspection, Judgement, Signal, Verdict
from edge.errors import JournalError, UsageError
from edge.journal.book import COMMITS
from edge.journal.journal import Journal
from edge.journal.reader import JournalReader
from edge.journal.rows import Entry
from edge.journal.schema import FILE


def _images(folder: Path) -> list[Path]:
    return [path for path in (folder / "images").rglob("*") if path.is_file()]


def test_a_row_holds_what_was_recorded(journal, make_entry) -> None:
    entry = make_entry(journal.boot_id, 1)
    (recorded,) = journal.record([entry])
    row = journal.find(recorded.id)
    assert row is not None
    assert (row.id, row.number, row.station, row.part, row.frame_name) == (recorded.id, 1, "one", "A-7", "part1.png")
    assert (row.verdict, row.signal, row.score, row.reason) == (Verdict.NG, Signal.REJECT, 0.75, "spot")
    assert (row.captured_ns, row.triggered_ns, row.recorded_ns) == (1001, 901, recorded.recorded_ns)
    assert (row.timings_ms, row.bundle, row.frame_index, row.decision) == ({"invoke": 1.5}, "b" * 64, 1, None)
    np.testing.assert_array_equal(row.map_units, entry.inspection.judgement.map_units)
    assert recorded.image is not None
    assert (row.image_path, row.image_sha256) == (recorded.image.path, recorded.image.sha256)
    assert journal.reader.image(row) == entry.image


def test_a_fault_without_a_frame_is_recorded(journal) -> None:
    judgement = Judgement.fault("no frame within 200 ms")
    inspection = Inspection(journal.boot_id, 1, "", None, judgement, judgement.signal, 5)
    journal.record([Entry(inspection, "b" * 64)])
    row = journal.find(inspection.id)
    assert row is not None
    assert (row.verdict, row.score, row.map_units, row.captured_ns, row.frame_index) == (
        Verdict.FAULT, None, None, None, None,
    )  # fmt: skip
    assert (row.image_path, journal.reader.image(row)) == (None, None)


def test_names_that_are_not_utf8_are_kept(journal) -> None:
    frame = Frame(np.zeros((1, 1), np.uint8), 0, 0, 0, "stra\udcdfe.png")
    judgement = Judgement.fault("x")
    inspection = Inspection(journal.boot_id, 1, "", frame, judgement, judgement.signal, 0)
    journal.record([Entry(inspection, "b")])
    assert journal.find(inspection.id).frame_name == "stra\\udcdfe.png"


def test_nothing_to_record_is_nothing_recorded(journal) -> None:
    assert journal.record([]) == []
    assert journal.count() == 0


def test_the_same_inspection_twice_keeps_the_first_and_its_image(journal, make_entry) -> None:
    entry = make_entry(journal.boot_id, 1)
    (recorded,) = journal.record([entry])
    other = Entry(entry.inspection, "c" * 64, b"other image")
    for batch in ([other], [make_entry(journal.boot_id, 2), other], [make_entry(journal.boot_id, 3)] * 2):
        with pytest.raises(JournalError, match="already"):
            journal.record(batch)
    row = journal.find(recorded.id)
    assert journal.reader.image(row) == entry.image
    assert journal.count() == 1
    assert len(_images(journal.folder)) == 1


def test_an_inspection_of_another_boot_is_refused(journal, make_entry) -> None:
    with pytest.raises(JournalError, match="not of this boot"):
        journal.record([make_entry("00000000", 1)])


def test_a_failed_batch_leaves_no_row_and_no_image(journal, make_entry) -> None:
    good = make_entry(journal.boot_id, 1)
    accepted_ng = make_entry(journal.boot_id, 2).inspection
    bad = Inspection(journal.boot_id, 2, "", None, accepted_ng.judgement, Signal.ACCEPT, 0)
    with pytest.raises(JournalError, match="CHECK"):
        journal.record([good, Entry(bad, "b" * 64, b"image")])
    assert journal.count() == 0
    assert _images(journal.folder) == []
    journal.record([good])
    assert journal.count() == 1


def test_after_an_io_error_in_the_commit_the_images_stay_until_the_next_start(journal, make_entry, monkeypatch) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC

    def failing(connection):
        raise error

    monkeypatch.setattr("edge.journal.book.transaction", failing)
    with pytest.raises(JournalError, match="check disk"):
        journal.record([make_entry(journal.boot_id, 1)])
    assert len(_images(journal.folder)) == 1
    monkeypatch.undo()
    journal.close()
    with Journal.open(journal.folder, station="one") as again:
        assert _images(again.folder) == []


def test_an_image_that_changed_on_the_disk_is_found(journal, make_entry) -> None:
    journal.record([make_entry(journal.boot_id, 1)])
    (row,) = journal.rows()
    path = journal.folder / row.image_path
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(JournalError, match="not the image that was recorded"):
        journal.reader.image(row)
    path.unlink()
    with pytest.raises(JournalError, match="No such file"):
        journal.reader.image(row)


def test_rows_are_paged_by_boot_and_over_boots(tmp_path, make_entry) -> None:
    boots = []
    for _ in range(2):
        with Journal.open(tmp_path, station="one") as journal:
            boots.append(journal.boot_id)
            journal.record([make_entry(journal.boot_id, n, image=False) for n in range(1, 6)])
    with JournalReader(tmp_path) as reader:
        assert reader.count() == 10
        assert [(row.boot_id, row.sequence) for row in reader.rows(boots[1], 2, limit=2)] == [
            (boots[1], 3),
            (boots[1], 4),
        ]
        assert [row.number for row in reader.rows(after_number=4, limit=3)] == [5, 6, 7]
        with pytest.raises(ValueError, match="boot_id"):
            reader.rows(after_sequence=3)


@pytest.mark.parametrize("name", ["", "x", "00000000-1", "00000000-99999999999999999999", "00000000-1\n", "' OR 1"])
def test_what_is_no_inspection_is_not_found_and_not_decided(journal, make_entry, name: str) -> None:
    journal.record([make_entry(journal.boot_id, 1)])
    assert journal.find(name) is None
    assert journal.reader.decisions(name) == []
    with pytest.raises(UsageError, match="no inspection"):
        journal.decide(name, Decision.ACCEPT, "ann", "", "r1")


def test_the_latest_decision_counts_and_all_are_kept(journal, make_entry) -> None:
    (recorded,) = journal.record([make_entry(journal.boot_id, 1, Verdict.REVIEW)])
    first = journal.decide(recorded.id, Decision.REJECT, "ann", "scratch", "r1")
    last = journal.decide(recorded.id, Decision.ACCEPT, "ben", "only dust", "r2")
    assert journal.find(recorded.id).decision == last
    assert journal.reader.decisions(recorded.id) == [first, last]
    assert journal.rows()[0].verdict is Verdict.REVIEW


def test_the_same_request_is_one_decision(journal, make_entry) -> None:
    (recorded,) = journal.record([make_entry(journal.boot_id, 1)])
    first = journal.decide(recorded.id, Decision.ACCEPT, "ann", "", "r1")
    journal.decide(recorded.id, Decision.REJECT, "ann", "", "r2")
    assert journal.decide(recorded.id, Decision.ACCEPT, "ann", "", "r1") == first
    assert len(journal.reader.decisions(recorded.id)) == 2
    with pytest.raises(UsageError, match="already used"):
        journal.decide(recorded.id, Decision.REJECT, "ann", "", "r1")
    assert len(journal.reader.decisions(recorded.id)) == 2


def test_readers_and_deciders_work_while_it_records(journal, make_entry) -> None:
    (first,) = journal.record([make_entry(journal.boot_id, 1, image=False)])
    done, failures, counts = threading.Event(), [], []

    def read() -> None:
        try:
            with JournalReader(journal.folder) as reader:
                while not done.is_set():
                    rows = reader.rows(journal.boot_id)
                    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
                    counts.append(len(rows))
        except BaseException as error:
            failures.append(error)

    def decide() -> None:
        try:
            for number in range(20):
                journal.decide(first.id, Decision.ACCEPT, "ann", "", f"r{number}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read), threading.Thread(target=decide)]
    for thread in threads:
        thread.start()
    for number in range(2, 60, 2):
        journal.record([make_entry(journal.boot_id, number + n, image=False) for n in range(2)])
    threads[1].join()
    done.set()
    threads[0].join()
    assert failures == []
    assert counts == sorted(counts)
    assert journal.count() == 59
    assert len(journal.reader.decisions(first.id)) == 20


def test_the_folder_is_its_owners_alone(journal, make_entry) -> None:
    journal.record([make_entry(journal.boot_id, 1)])
    for path in (journal.folder, journal.folder / "images"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for name in ("lock", FILE, f"{FILE}-wal", f"{FILE}-shm"):
        assert stat.S_IMODE((journal.folder / name).stat().st_mode) == 0o600


def test_settling_brings_the_log_into_the_database(journal, make_entry, tmp_path) -> None:
    for sequence in range(1, COMMITS + 1):
        assert b"A-7" not in (journal.folder / FILE).read_bytes()
        journal.settle()  # too early, it has nothing to do yet
        journal.record([make_entry(journal.boot_id, sequence, image=False)])
    journal.settle()
    alone = Path(shutil.copy(journal.folder / FILE, tmp_path))
    with closing(sqlite3.connect(f"{alone.as_uri()}?immutable=1", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM inspections").fetchone()[0] == COMMITS
