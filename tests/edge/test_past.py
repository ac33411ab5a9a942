"""Looking back over the wire: the real daemon's journal, asked while it inspects."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from edge.client import AsyncStation, CommandRefused
from edge.contract.cam import Thresholds
from edge.contract.types import Decision, Verdict
from edge.wire.queries import FetchImage, Find, History, TakeSurvey
from tests.edge.running import BY_COMMAND, WAIT_S, Running, station_file

PARTS = 12


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, bundle, capture) -> Iterator[Running]:
    """It has inspected twelve parts, one of them decided."""
    folder = tmp_path_factory.mktemp("past")
    with Running(station_file(folder, bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)) as running:
        running.station.start()
        for number in range(PARTS):
            running.station.trigger(f"A-{number}")
            running.collect(number + 1)
        decided = running.results[3].header
        running.station.decide(decided.id, Decision.REJECT, "ann", "bent")
        yield running
        assert running.end() == 0, running.log.read_text()


def _ids(daemon: Running, asked: History) -> list[str]:
    return [each.header.id for each in daemon.station.history(asked).results]


def test_history_is_what_was_published_newest_first_page_by_page(daemon) -> None:
    published = [each.header for each in reversed(daemon.results)]
    found, below = [], History().below
    while below is not None:
        page = daemon.station.history(History(limit=5, below=below, thumbnails=True))
        found += page.results
        below = page.next
    assert [each.header for each in found] == published
    assert page.reached_ns == published[-1].triggered_ns
    decided = {each.header.id: each.decision for each in found if each.decision}
    assert [(name, each.operator, each.reason) for name, each in decided.items()] == [(published[8].id, "ann", "bent")]
    for each in found:
        assert (each.thumbnail is None) is (each.header.image is None)
        if each.thumbnail:
            assert max(cv2.imdecode(np.frombuffer(each.thumbnail, np.uint8), cv2.IMREAD_COLOR).shape) <= 160
            assert len(each.thumbnail) < 16_384


def test_history_is_filtered(daemon) -> None:
    headers = [each.header for each in reversed(daemon.results)]
    for verdict in Verdict:
        assert _ids(daemon, History(verdicts=(verdict,))) == [each.id for each in headers if each.verdict == verdict]
    assert _ids(daemon, History(part="A-1")) == [each.id for each in headers if "A-1" in each.part]
    assert (
        _ids(daemon, History(part="%")) == _ids(daemon, History(kind="dent")) == _ids(daemon, History(recipe="x")) == []
    )
    since, until = headers[6].triggered_ns, headers[2].triggered_ns
    assert _ids(daemon, History(since_ns=since, until_ns=until)) == [each.id for each in headers[3:7]]
    assert _ids(daemon, History(since_ns=until, until_ns=since)) == []


def test_one_inspection_comes_with_its_map_and_its_image(daemon) -> None:
    for message in daemon.results[:8]:
        found = daemon.station.find(message.header.id)
        assert found.header == message.header
        assert found.map == (None if message.map_units is None else message.map_units.tobytes())
        if message.header.image:
            full = daemon.station.image(message.header.id)
            assert (full.encoding, full.original) == ("png", True)
            assert hashlib.sha256(full.data).hexdigest() == message.header.image.sha256
            small = daemon.station.image(message.header.id, "thumbnail")
            assert (small.encoding, small.original, max(small.height, small.width)) == ("jpeg", False, 160)


def test_what_is_not_there_is_refused_with_the_reason(daemon) -> None:
    for query in (Find("00000000-7"), FetchImage("00000000-7")):
        with pytest.raises(CommandRefused, match="no inspection '00000000-7'") as caught:
            daemon.station.request(query)
        assert caught.value.code == "unknown_inspection"
    faults = [each.header for each in daemon.results if each.header.image is None]
    with pytest.raises(CommandRefused, match="there is no image: none was kept") as caught:
        daemon.station.image(faults[0].id)
    assert caught.value.code == "refused"


def test_an_image_that_was_spoilt_is_never_shown(daemon) -> None:
    spoilt = daemon.results[0].header
    path = daemon.folder / "journal" / spoilt.image.path
    data = path.read_bytes()
    path.write_bytes(data[:-9] + bytes(9))
    try:
        with pytest.raises(CommandRefused, match="not the image that was recorded"):
            daemon.station.image(spoilt.id)
        page = daemon.station.history(History(part="A-0", thumbnails=True))
        assert [each.thumbnail for each in page.results] == [None]
    finally:
        path.write_bytes(data)


def test_a_survey_counts_what_history_lists(daemon) -> None:
    supposed = Thresholds(0.0, 0.0)
    survey = daemon.station.survey(TakeSurvey(thresholds=supposed))
    listed = [each.header for each in daemon.results]
    assert survey.verdicts == {each: sum(header.verdict == each for header in listed) for each in Verdict}
    assert (survey.inspections, survey.complete, survey.learned, survey.bundles) == (PARTS, True, False, 1)
    judged = PARTS - survey.verdicts[Verdict.FAULT]
    assert sum(map(sum, survey.scores.values())) == judged == survey.supposed.verdicts[Verdict.NG]
    assert survey.thresholds == next(each.thresholds for each in listed if each.thresholds)
    assert sum(each.count for each in survey.reasons) == survey.verdicts[Verdict.FAULT]
    assert [(each.name, each.count) for each in survey.decision_reasons] == [("bent", 1)]
    assert sum(each.decided for each in survey.overruled.values()) == 1
    empty = daemon.station.survey(TakeSurvey(recipe="no-such"))
    assert (empty.inspections, empty.complete, empty.usual, empty.groups[:]) == (0, True, None, [])


def test_the_same_with_asyncio(daemon) -> None:
    async def use() -> None:
        addresses = (f"ipc://{daemon.folder}/r", f"ipc://{daemon.folder}/c")
        async with AsyncStation(*addresses, timeout_s=WAIT_S) as station:
            page = await station.history(History(limit=1))
            assert page.results[0].header == daemon.results[-1].header
            found = await station.find(page.results[0].header.id)
            assert (await station.image(found.header.id, "thumbnail")).encoding == "jpeg"
            assert (await station.survey(TakeSurvey())).inspections == PARTS

    asyncio.run(use())


def test_a_damaged_row_is_told_and_costs_the_station_nothing(daemon) -> None:
    path = daemon.folder / "journal" / "journal.sqlite3"
    with sqlite3.connect(path, timeout=WAIT_S) as connection:
        (was,) = connection.execute("SELECT verdict FROM inspections WHERE sequence = 2").fetchone()
        connection.execute("UPDATE inspections SET verdict = 'nonsense', signal = 'reject' WHERE sequence = 2")
    try:
        for query in (History(), Find(daemon.results[1].header.id), TakeSurvey()):
            with pytest.raises(CommandRefused) as caught:
                daemon.station.request(query)
            assert caught.value.code == "internal"
        assert daemon.station.status().boot == daemon.boot
    finally:
        with sqlite3.connect(path, timeout=WAIT_S) as connection:
            connection.execute("UPDATE inspections SET verdict = ? WHERE sequence = 2", (was,))
