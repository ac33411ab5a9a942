from __future__ import annotations

import os
import re
import sqlite3
import zipfile
from pathlib import Path

import pytest

from edge.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.reader import JournalReader
from edge.journal.schema import APPLICATION_ID, FILE, SCHEMA


def _refusal(folder: Path) -> str:
    with pytest.raises(JournalError) as caught:
        Journal.open(folder, station="one")
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def test_each_start_is_a_boot_of_its_own(tmp_path) -> None:
    boots = set()
    for _ in range(3):
        with Journal.open(tmp_path / "a" / "b", station="one", clock=lambda: 7) as journal:
            assert re.fullmatch("[0-9a-f]{8}", journal.boot_id)
            boots.add(journal.boot_id)
    with sqlite3.connect(tmp_path / "a" / "b" / FILE) as connection:
        rows = connection.execute("SELECT * FROM boots").fetchall()
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    assert {row[0] for row in rows} == boots
    assert {row[1:] for row in rows} == {("one", 7)}


def test_a_boot_id_is_never_given_twice(tmp_path, monkeypatch) -> None:
    drawn = iter(["00000001", "00000001", "00000002"])
    monkeypatch.setattr("edge.journal.book.secrets.token_hex", lambda _: next(drawn))
    for expected in ("00000001", "00000002"):
        with Journal.open(tmp_path, station="one") as journal:
            assert journal.boot_id == expected


def test_every_commit_waits_for_the_disk(journal) -> None:
    assert journal._book._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert journal._book._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_second_okng_is_refused_and_may_come_when_the_first_is_gone(tmp_path) -> None:
    with Journal.open(tmp_path, station="one"):
        message = _refusal(tmp_path)
        assert "another okng runs on it" in message
        assert str(os.getpid()) in message
    Journal.open(tmp_path, station="two").close()


def test_closing_twice_is_no_error(journal) -> None:
    journal.close()
    journal.close()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path) -> None:
    (tmp_path / "journal").write_text("")
    assert "not a folder" in _refusal(tmp_path / "journal")
    assert "not a folder" in _refusal_of_parent(tmp_path / "journal")


def _refusal_of_parent(file: Path) -> str:
    with pytest.raises(JournalError) as caught:
        Journal.open(file / "below", station="one")
    return str(caught.value)


def test_a_newer_schema_is_refused_to_write_and_to_read(tmp_path) -> None:
    Journal.open(tmp_path, station="one").close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    assert "update okng" in _refusal(tmp_path)
    with pytest.raises(JournalError, match="update okng"):
        JournalReader(tmp_path)


def test_another_programs_database_is_refused(tmp_path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE cats (name)")
    assert "another program" in _refusal(tmp_path)


def test_an_older_schema_is_for_okng_to_bring_up_to_date(tmp_path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    with pytest.raises(JournalError, match="older okng"):
        JournalReader(tmp_path)
    Journal.open(tmp_path, station="one").close()
    JournalReader(tmp_path).close()


def test_a_journal_from_before_there_were_kinds_is_brought_up_to_date_with_all_its_rows(tmp_path, make_entry) -> None:
    with zipfile.ZipFile(Path(__file__).with_name("made") / "schema-2.zip") as made:
        made.extractall(tmp_path)
    with pytest.raises(JournalError, match="older okng"):
        JournalReader(tmp_path)
    with Journal.open(tmp_path, station="one") as journal:
        journal.record([make_entry(journal.boot_id, 1, kind="dent")])
        rows = journal.rows()
        assert len(rows) > 5
        assert [(row.kind, row.reading) for row in rows] == [(None, "")] * (len(rows) - 1) + [("dent", "")]


def test_reading_where_okng_never_ran_says_so_and_makes_nothing(tmp_path) -> None:
    with pytest.raises(JournalError, match="no journal here"):
        JournalReader(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_a_refused_open_lets_the_folder_go(tmp_path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE cats (name)")
    _refusal(tmp_path)
    (tmp_path / FILE).unlink()
    Journal.open(tmp_path, station="one").close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_refused(tmp_path) -> None:
    (tmp_path / "journal").mkdir(mode=0o500)
    assert "cannot be written" in _refusal(tmp_path / "journal")
