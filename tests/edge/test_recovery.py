"""Results from the journal once more: the same as they were published, over boots, prunings and bundles."""

from __future__ import annotations

import sqlite3

import msgspec
import numpy as np
import pytest
import zmq

from edge.contract.cam import BINARY, Classes, Thresholds
from edge.contract.card import Tensor
from edge.contract.reading import Reading
from edge.contract.types import Frame, Inspection, Judgement, Verdict
from edge.daemon.recovery import replay
from edge.journal.journal import Journal
from edge.journal.rows import Entry
from edge.journal.schema import FILE
from edge.wire.frames import decode_message
from edge.wire.messages import ImageReference
from edge.wire.publisher import Publisher
from edge.wire.requests import Replay
from edge.wire.sockets import connect

OUTPUT = Tensor((1, 2, 3, 1), "int8", 0.1, -7)
KINDS = Classes(ok=("plain",), ng=("dent", "spot"))


def inspection(boot: str, sequence: int, kind: str | None = None, faulty: bool = False) -> Inspection:
    units = np.full((1, 2, 3), sequence % 100, np.int8)
    frame = Frame(np.zeros((4, 5, 3), np.uint8), sequence, 1_000 + sequence, 1, f"{sequence}.png")
    judgement = Judgement(Verdict.NG, 0.5 / sequence, units, "", {"invoke": 1.25}, kind)
    if faulty:
        frame, judgement = None, Judgement.fault("no frame")
    return Inspection(boot, sequence, f"A-{sequence}", frame, judgement, judgement.signal, 900 + sequence)


def record(journal: Journal, sequences: range, thresholds: Thresholds | None = None, classes: Classes = BINARY) -> None:
    reading = msgspec.json.encode(Reading.of(OUTPUT, thresholds, classes))
    kind = classes.ng[0] if classes.many else None
    journal.record([Entry(inspection(journal.boot_id, each, kind), "b" * 64, reading=reading) for each in sequences])


def ids(journal: Journal, after: str, limit: int = 1000) -> list[str]:
    found = replay(journal, Replay(after, limit))
    assert found is not None
    return [each.header.id for each in found.results]


@pytest.mark.parametrize("case", ["kinds", "binary", "no thresholds", "fault"])
def test_a_result_comes_again_as_it_was_published(tmp_path, context, case) -> None:
    classes, thresholds = (KINDS if case == "kinds" else BINARY), Thresholds(0.3, 0.7)
    thresholds = None if case == "no thresholds" else thresholds
    with (
        Journal.open(tmp_path / "journal", station="one") as journal,
        Publisher(context, f"ipc://{tmp_path}/r", station="one", boot=journal.boot_id) as publisher,
        context.socket(zmq.SUB) as listener,
    ):
        listener.subscribe(b"result")
        connect(listener, publisher.address)
        while not publisher.newcomers():
            pass
        made = inspection(journal.boot_id, 1, "spot" if case == "kinds" else None, case == "fault")
        image = None if case == "fault" else b"an image"
        reading = msgspec.json.encode(Reading.of(OUTPUT, thresholds, classes))
        (done,) = journal.record([Entry(made, "b" * 64, image, reading=reading)])
        reference = ImageReference(done.image.sha256, done.image.path) if done.image else None
        publisher.result(
            made, bundle="b" * 64, output=OUTPUT, thresholds=thresholds, classes=classes, image=reference
        )  # fmt: skip
        published = decode_message(listener.recv_multipart())
        found = replay(journal, Replay(f"{journal.boot_id}-0"))
        bare = replay(journal, Replay(f"{journal.boot_id}-0", maps=False))
    assert not found.more
    (again,) = found.results
    assert again.header == published.header
    assert (again.map or b"") == (b"" if published.map_units is None else published.map_units.tobytes())
    assert (bare.results[0].header, bare.results[0].map) == (published.header, None)


def test_it_goes_on_after_any_inspection_and_over_boots(tmp_path) -> None:
    with Journal.open(tmp_path, station="one") as journal:
        first = journal.boot_id
        record(journal, range(1, 6))
    with Journal.open(tmp_path, station="one") as journal:
        second = journal.boot_id
        assert ids(journal, f"{first}-5") == []
        assert ids(journal, f"{second}-0") == []
        record(journal, range(1, 4))
        theirs = [f"{first}-{each}" for each in range(1, 6)]
        ours = [f"{second}-{each}" for each in range(1, 4)]
        assert ids(journal, f"{first}-0") == theirs + ours
        assert ids(journal, f"{first}-3") == theirs[3:] + ours
        assert ids(journal, f"{first}-99") == ours
        assert ids(journal, f"{second}-2") == ours[2:]
        assert ids(journal, f"{second}-99") == []
        assert replay(journal, Replay("00000000-1")) is None
        assert replay(journal, Replay(f"{first}-2")).boots == [first, second]
        assert replay(journal, Replay(f"{second}-2")).boots == [second]


def test_a_boot_without_results_is_one_too(tmp_path) -> None:
    boots = []
    for _ in range(3):
        with Journal.open(tmp_path, station="one") as journal:
            boots.append(journal.boot_id)
            if len(boots) != 2:
                record(journal, range(1, 3))
            if len(boots) == 3:
                assert ids(journal, f"{boots[1]}-0") == [f"{boots[2]}-1", f"{boots[2]}-2"]


def test_pages_follow_one_another(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("edge.daemon.recovery.LARGEST_MAPS", 6 * 100)
    with Journal.open(tmp_path, station="one") as journal:
        record(journal, range(1, 251))
        found, after, pages = [], f"{journal.boot_id}-0", []
        more = True
        while more:
            page = replay(journal, Replay(after, 120))
            found += [each.header.sequence for each in page.results]
            pages.append(len(page.results))
            after, more = page.results[-1].header.id, page.more
        assert found == list(range(1, 251))
        assert pages == [100, 100, 50]
        page = replay(journal, Replay(f"{journal.boot_id}-0", 120, maps=False))
        assert (len(page.results), page.more) == (120, True)


def test_what_the_journal_let_go_is_left_out(tmp_path) -> None:
    with Journal.open(tmp_path, station="one") as journal:
        record(journal, range(1, 6))
        boot = journal.boot_id
        with sqlite3.connect(tmp_path / FILE) as connection:
            connection.execute("DELETE FROM inspections WHERE sequence IN (1, 2, 4)")
        assert ids(journal, f"{boot}-0") == ids(journal, f"{boot}-1") == [f"{boot}-3", f"{boot}-5"]
        with sqlite3.connect(tmp_path / FILE) as connection:
            connection.execute("DELETE FROM inspections")
        assert ids(journal, f"{boot}-0") == []


def test_a_row_that_does_not_say_how_to_read_its_map_comes_without(tmp_path) -> None:
    with Journal.open(tmp_path, station="one") as journal:
        journal.record([Entry(inspection(journal.boot_id, 1), "b" * 64)])
        (found,) = replay(journal, Replay(f"{journal.boot_id}-0")).results
        assert (found.header.map, found.map, found.header.thresholds) == (None, None, None)
        assert found.header.score == 0.5
