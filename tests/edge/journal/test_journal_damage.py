"""A damaged database is set aside, and okng goes on with a new one; files of older okngs are brought up to date."""

from __future__ import annotations

import os
import sqlite3
import zipfile
from pathlib import Path

import pytest

from edge.contract.types import Decision, Verdict
from edge.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.reader import JournalReader
from edge.journal.schema import FILE, SCHEMA

MADE = sorted(Path(__file__).with_name("made").glob("schema-*.zip"))


@pytest.mark.parametrize(
    "damage", [b"this is not a database, it is a text of some length" * 100, b"SQLite format 3\0junk"]
)
def test_a_damaged_database_is_set_aside_with_its_images_and_a_new_one_begun(tmp_path, make_entry, damage) -> None:
    with Journal.open(tmp_path, station="one") as journal:
        (done,) = journal.record([make_entry(journal.boot_id, 1)])
    (tmp_path / FILE).write_bytes(damage)
    with pytest.raises(JournalError, match="damaged"):
        JournalReader(tmp_path)
    with Journal.open(tmp_path, station="one", clock=lambda: 86_400 * 10**9) as journal:
        assert journal.count() == 0
        (aside,) = tmp_path.glob("damaged-*")
        assert aside.name == "damaged-1970-01-02T00-00-00Z"
        assert (aside / FILE).read_bytes() == damage
        assert (aside / done.image.path).is_file()
        assert not (tmp_path / "images").exists()
        assert aside.name in journal.faults["journal_damaged"]
        journal.record([make_entry(journal.boot_id, 1)])
        aside.rename(tmp_path.parent / f"{tmp_path.name}-kept")
        assert journal.faults["journal_damaged"] == ""


def spoil(folder: Path) -> None:
    """Overwrites all but the first page, below the feet of whoever has it open."""
    with (folder / FILE).open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom((folder / FILE).stat().st_size - 4096))


def test_damage_that_only_shows_behind_the_first_page_is_set_aside_too(tmp_path, make_entry) -> None:
    with Journal.open(tmp_path, station="one") as journal:
        journal.record([make_entry(journal.boot_id, n, image=False) for n in range(1, 200)])
    spoil(tmp_path)
    with Journal.open(tmp_path, station="one") as journal:
        assert journal.count() == 0
        assert journal.faults["journal_damaged"]


def test_damage_found_while_running_begins_a_new_database_under_the_same_boot(tmp_path, make_entry) -> None:
    with Journal.open(tmp_path, station="one") as journal:
        boot = journal.boot_id
        journal.record([make_entry(boot, n, image=False) for n in range(1, 200)])
        journal._book.retention.restart_log()
        spoil(tmp_path)
        journal._book._connection.execute("PRAGMA shrink_memory")
        journal._book._connection.execute("PRAGMA cache_size = 0")
        (done,) = journal.record([make_entry(boot, 200)])
        assert (done.id, journal.boot_id) == (f"{boot}-200", boot)
        assert [row.sequence for row in journal.rows()] == [200]
        assert journal.reader.image(journal.find(done.id))
        assert journal.faults["journal_damaged"]
    with Journal.open(tmp_path, station="one") as journal:
        assert journal.count() == 1


@pytest.mark.parametrize("made", MADE, ids=lambda path: path.stem)
def test_a_journal_of_each_earlier_schema_keeps_all_it_had(tmp_path, made: Path) -> None:
    """The files are what the okng of that schema left behind when it was killed: the last rows in the log alone."""
    with zipfile.ZipFile(made) as archive:
        archive.extractall(tmp_path)
    assert (tmp_path / f"{FILE}-wal").stat().st_size
    before = everything(tmp_path)
    schema = int(made.stem.split("-")[1])
    assert before["user_version"] == schema < SCHEMA
    with Journal.open(tmp_path, station="one") as journal:
        after = everything(tmp_path)
        assert after["user_version"] == SCHEMA
        assert before["tables"]["inspections"]
        for name, rows in before["tables"].items():
            assert {*rows} <= {row[: len(rows[0])] if rows else () for row in after["tables"][name]}, name
        rows = journal.rows()
        assert [row.verdict for row in rows[:5]] == [
            Verdict.OK, Verdict.NG, Verdict.REVIEW, Verdict.REVIEW, Verdict.FAULT,
        ]  # fmt: skip
        assert rows[2].decision.decision is Decision.ACCEPT
        kept = [row for row in rows if row.image_path]
        assert len(kept) == 5
        sizes = [len(journal.reader.image(row)) for row in kept]
        assert journal._book.retention.image_bytes == sum(sizes)


def test_there_is_a_file_of_each_earlier_schema() -> None:
    assert [path.stem for path in MADE] == [f"schema-{number}" for number in range(1, SCHEMA)]


def everything(folder: Path) -> dict:
    """All rows of all tables."""
    connection = sqlite3.connect(folder / FILE)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = {
        "user_version": connection.execute("PRAGMA user_version").fetchone()[0],
        "tables": {
            name: connection.execute(f"SELECT * FROM {name}").fetchall()
            for name in names
            if not name.startswith("sqlite_") and name != "removals"
        },
    }
    connection.close()
    return found
