"""What a journal lets go, and what it never does."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.contract.types import Decision, Verdict
from edge.errors import JournalError, UsageError
from edge.journal.images import ImageStore
from edge.journal.journal import Journal
from edge.journal.protect import protect
from edge.journal.reader import JournalReader
from edge.journal.retention import DAY_NS, Bounds

IMAGE = 5_000


class Clock:
    def __init__(self) -> None:
        self.now = 400 * DAY_NS
        self.set_by = 0

    def set(self, ahead_ns: int) -> None:
        """As a person, or NTP, sets it: no time goes by."""
        self.now += ahead_ns
        self.set_by += ahead_ns

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def filled(tmp_path, make_entry, clock):
    """A journal with these bounds and an inspection for each verdict, each with an image of IMAGE bytes."""
    opened = []

    def make(bounds: Bounds, verdicts: list[Verdict]) -> Journal:
        journal = Journal.open(
            tmp_path / "journal", station="one", bounds=bounds, clock=clock, monotonic=lambda: clock.now - clock.set_by
        )
        opened.append(journal)
        entries = [make_entry(journal.boot_id, number, verdict) for number, verdict in enumerate(verdicts, 1)]
        for entry in entries:
            object.__setattr__(entry, "image", bytes(IMAGE))
        journal.record(entries)
        return journal

    yield make
    for journal in opened:
        journal.close()


def files(journal: Journal) -> set[str]:
    found = (path for path in (journal.folder / "images").rglob("*") if path.is_file())
    return {path.relative_to(journal.folder).as_posix() for path in found}


def sequences(journal: Journal) -> list[int]:
    return [row.sequence for row in journal.rows()]


def assert_rows_and_files_agree(journal: Journal) -> None:
    kept = [row for row in journal.rows() if row.image_path and row.image_removed_ns is None]
    assert {row.image_path for row in kept} == files(journal)
    assert all(journal.reader.image(row) for row in kept)


def test_without_bounds_nothing_goes(filled, clock) -> None:
    journal = filled(Bounds(), [Verdict.NG] * 5)
    clock.now += 10_000 * DAY_NS
    journal.tidy()
    assert sequences(journal) == [1, 2, 3, 4, 5]


def test_the_oldest_beyond_the_count_go_with_image_and_decision(filled) -> None:
    journal = filled(Bounds(inspections=5), [Verdict.NG] * 8)
    first = journal.rows()[0].id
    journal.decide(first, Decision.REJECT, "ann", "", "r1")
    journal.tidy()
    assert sequences(journal) == [5, 6, 7, 8]
    assert journal.reader.decisions(first) == []
    assert_rows_and_files_agree(journal)
    assert not any(journal.faults.values())


def test_what_waits_for_a_decision_or_is_protected_stays_whatever_the_bound(filled, clock) -> None:
    review = Verdict.REVIEW
    journal = filled(Bounds(size=1, days=1, inspections=1), [review, Verdict.NG, review, Verdict.OK, Verdict.FAULT])
    names = [row.id for row in journal.rows()]
    journal.protect([names[1]])
    journal.decide(names[2], Decision.ACCEPT, "ann", "", "r1")
    clock.now += 2 * DAY_NS
    journal.tidy()
    assert sequences(journal) == [1, 2]
    journal.tidy()
    assert "2 inspections, 1 are allowed" in journal.faults["journal_over"]
    assert_rows_and_files_agree(journal)
    journal.protect([names[1]], on=False)
    journal.decide(names[0], Decision.ACCEPT, "ann", "", "r2")
    journal.tidy()
    assert sequences(journal) == []
    assert files(journal) == set()
    journal.tidy()
    assert "MB are allowed" in journal.faults["journal_over"], "an empty database is larger than one byte"


def test_the_too_old_go(filled, clock, make_entry) -> None:
    journal = filled(Bounds(days=10), [Verdict.NG] * 3)
    clock.now += 9 * DAY_NS
    journal.record([make_entry(journal.boot_id, 4)])
    journal.tidy()
    assert sequences(journal) == [1, 2, 3, 4]
    clock.now += 2 * DAY_NS
    journal.tidy()
    assert sequences(journal) == [4]


def test_what_a_wrong_clock_stamped_after_younger_ones_does_not_go_early(filled, clock, make_entry) -> None:
    journal = filled(Bounds(days=10), [Verdict.NG] * 2)
    clock.set(-390 * DAY_NS)
    journal.record([make_entry(journal.boot_id, 3)])
    clock.set(390 * DAY_NS)
    for _ in range(2):
        journal.tidy()
        assert sequences(journal) == [1, 2, 3]
        clock.now += 2 * DAY_NS


def test_a_clock_that_is_set_ahead_makes_nothing_old_before_a_day_is_over(filled, clock, make_entry) -> None:
    journal = filled(Bounds(days=10), [Verdict.NG] * 2)
    clock.set(100 * DAY_NS)
    for _ in range(3):
        journal.tidy()
        clock.now += DAY_NS // 4
    assert sequences(journal) == [1, 2]
    clock.set(-100 * DAY_NS)
    clock.now += DAY_NS
    journal.tidy()
    assert sequences(journal) == [1, 2], "it was set right again"
    clock.set(100 * DAY_NS)
    for _ in range(2):
        journal.tidy()
        clock.now += DAY_NS
    journal.tidy()
    assert sequences(journal) == [], "it has stayed so"


def test_a_clock_that_was_set_ahead_while_the_station_was_off_makes_nothing_old_at_once(
    filled, clock, tmp_path
) -> None:
    filled(Bounds(days=10), [Verdict.NG] * 2).close()
    clock.set(100 * DAY_NS)
    again = filled(Bounds(days=10), [])
    again.tidy()
    assert sequences(again) == [1, 2]
    clock.now += 2 * DAY_NS
    again.tidy()
    clock.now += 2 * DAY_NS
    again.tidy()
    assert sequences(again) == []


def test_images_go_before_rows_and_their_checksum_stays(filled) -> None:
    limit = 270_000
    journal = filled(Bounds(size=limit), [Verdict.NG] * 30)
    assert journal._book.retention.size() > limit
    journal.tidy()
    rows = journal.rows()
    assert len(rows) == 30
    gone = [row for row in rows if row.image_removed_ns is not None]
    assert 0 < len(gone) < 30
    assert gone == rows[: len(gone)]
    assert all(row.image_sha256 for row in gone)
    assert journal.reader.image(gone[0]) is None
    assert journal._book.retention.size() <= limit
    assert_rows_and_files_agree(journal)


def test_rows_leave_images_half_of_the_room(filled, monkeypatch) -> None:
    monkeypatch.setattr("edge.journal.retention.CHUNK", 4)
    journal = filled(Bounds(size=110_000), [Verdict.NG] * 20)
    assert journal._book.retention._database_bytes() > 55_000
    journal.tidy()
    assert sequences(journal) == list(range(5, 21))


def test_a_step_is_small_and_steps_reach_the_bound(filled, monkeypatch) -> None:
    monkeypatch.setattr("edge.journal.retention.CHUNK", 4)
    journal = filled(Bounds(inspections=10), [Verdict.OK] * 20)
    counts = []
    for _ in range(4):
        journal.tidy()
        counts.append(journal.count())
    assert counts == [16, 12, 9, 9]


def test_sizes_and_counts_are_those_of_a_new_start(filled, tmp_path, clock) -> None:
    journal = filled(Bounds(inspections=4), [Verdict.NG] * 6)
    journal.tidy()
    before = (journal._book.retention.count, journal._book.retention.image_bytes)
    assert before == (3, 3 * IMAGE)
    journal.close()
    with Journal.open(tmp_path / "journal", station="one", clock=clock) as again:
        assert (again._book.retention.count, again._book.retention.image_bytes) == before


def test_a_removal_that_was_cut_short_is_finished_at_the_next_start(filled, tmp_path, monkeypatch) -> None:
    journal = filled(Bounds(inspections=2), [Verdict.NG] * 6)

    def cut(*_):
        raise OSError(5, "cut")

    with monkeypatch.context() as patch:
        patch.setattr(ImageStore, "sweep", cut)
        with pytest.raises(JournalError, match="cut"):
            journal.tidy()
    assert len(files(journal)) == 6
    journal.close()
    with Journal.open(tmp_path / "journal", station="one") as again:
        assert_rows_and_files_agree(again)
        assert len(files(again)) == again.count() == 1


def test_protection_by_another_process_while_okng_runs(filled) -> None:
    journal = filled(Bounds(inspections=2), [Verdict.NG] * 4)
    names = [row.id for row in journal.rows()]
    protect(journal.folder, names[:2])
    assert journal.find(names[0]).protected_ns > 0
    journal.tidy()
    assert sequences(journal)[:2] == [1, 2]
    protect(journal.folder, names[:1], on=False)
    assert journal.find(names[0]).protected_ns is None


def test_protection_of_what_is_not_there_changes_nothing(filled, tmp_path) -> None:
    journal = filled(Bounds(), [Verdict.NG])
    name = journal.rows()[0].id
    for wrong in ("00000000-1", "x", ""):
        with pytest.raises(UsageError, match="no inspection"):
            protect(journal.folder, [name, wrong])
        with pytest.raises(UsageError, match="no inspection"):
            journal.protect([name, wrong])
    assert journal.find(name).protected_ns is None
    with pytest.raises(JournalError, match="no journal here"):
        protect(tmp_path / "nowhere", [name])
    assert not (tmp_path / "nowhere").exists()


def test_each_row_says_with_which_settings_it_was_made(tmp_path, make_entry) -> None:
    for settings in (b'{"a":1}', b'{"a":2}', b'{"a":1}'):
        with Journal.open(tmp_path, station="one", settings=settings) as journal:
            journal.record([make_entry(journal.boot_id, 1)])
    with JournalReader(tmp_path) as reader:
        rows = reader.rows()
        assert [reader.recipe(row.recipe) for row in rows] == ['{"a":1}', '{"a":2}', '{"a":1}']
        assert reader.recipe("nothing") is None
    assert Path(tmp_path / "images").is_dir()
