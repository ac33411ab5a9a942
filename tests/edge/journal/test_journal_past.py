from __future__ import annotations

from dataclasses import replace

import pytest

from edge.contract.types import Verdict
from edge.journal import past
from edge.journal.past import Page, PastReader, Wanted
from edge.journal.reader import FOR_EVER

ROWS = 35


@pytest.fixture
def reader(journal, make_entry, monkeypatch):
    """Of 35 inspections, each seventh OK; the clock was set back by 10 after the 20th."""
    monkeypatch.setattr(past, "LOOKED_THROUGH", 10)
    monkeypatch.setattr(past, "STEP", 4)
    for number in range(1, ROWS + 1):
        entry = make_entry(journal.boot_id, number, Verdict.NG if number % 7 else Verdict.OK, image=False)
        when = number - 10 if number > 20 else number
        journal.record([replace(entry, inspection=replace(entry.inspection, triggered_ns=when))])
    with PastReader(journal.folder) as opened:
        yield opened


def _all(reader: PastReader, wanted: Wanted, limit: int = 100) -> tuple[list[int], int]:
    """Sequence numbers of all pages, and how many pages that took."""
    found, pages, below = [], 0, FOR_EVER
    while below is not None:
        page = reader.page(wanted, below, limit)
        found += [row.sequence for row in page.rows]
        pages, below = pages + 1, page.next
    return found, pages


def test_pages_hold_everything_once_however_rare_it_is(reader) -> None:
    assert _all(reader, Wanted()) == (list(range(ROWS, 0, -1)), 4)
    assert _all(reader, Wanted(verdicts=(Verdict.OK,))) == ([35, 28, 21, 14, 7], 4)
    assert _all(reader, Wanted(verdicts=(Verdict.OK,)), limit=1)[0] == [35, 28, 21, 14, 7]
    assert _all(reader, Wanted(part="no such")) == ([], 4)
    assert _all(reader, Wanted(part="-"), limit=3)[0] == list(range(ROWS, 0, -1))


def test_a_clock_that_was_set_back_hides_nothing_from_a_span(reader) -> None:
    found, _ = _all(reader, Wanted(since_ns=12, until_ns=15))
    assert found == [24, 23, 22, 14, 13, 12]
    assert reader.page(Wanted(since_ns=500), FOR_EVER, 10) == Page([], None, None)


def test_columns_are_bounded_and_say_so(reader) -> None:
    steps = list(reader.columns(Wanted(), 12))
    assert [(len(rows), more) for rows, more in steps] == [(4, True)] * 3
    assert sum(len(rows) for rows, _ in reader.columns(Wanted(), 1000)) == ROWS
    assert [more for _, more in reader.columns(Wanted(), 1000)][-1] is False
    assert list(reader.columns(Wanted(since_ns=500), 1000)) == []


def test_what_was_let_go_leaves_no_empty_pages(journal, reader) -> None:
    from edge.journal.schema import open_writer, transaction

    connection = open_writer(journal.folder / "journal.sqlite3")
    with transaction(connection):
        connection.execute("DELETE FROM inspections WHERE number BETWEEN 3 AND 30")
    connection.close()
    assert _all(reader, Wanted()) == ([35, 34, 33, 32, 31, 2, 1], 1)
