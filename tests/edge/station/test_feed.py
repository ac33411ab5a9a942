"""The feed against the real daemon: what it shows, and decisions that reach the journal once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import msgspec
import pytest

from edge.contract.types import Decision, Verdict
from edge.errors import WireError
from edge.journal.reader import JournalReader
from edge.station.feed import Feed
from edge.station.live import Part
from edge.station.regions import Regions
from edge.station.review import Progress
from edge.wire.messages import ResultMessage
from tests.edge.running import BY_COMMAND, WAIT_S, Running, station_file
from tests.edge.station.messages import image


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, bundle, capture) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("feed")
    with Running(station_file(folder, bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)) as running:
        running.station.start()
        yield running


async def until(true: Callable[[], bool]) -> None:
    """Waits for what the feed's own task brings about."""
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.02)


def feed_of(daemon: Running) -> Feed:
    return Feed(f"ipc://{daemon.folder}/r", f"ipc://{daemon.folder}/c")


def as_review(daemon: Running, feed: Feed) -> Part:
    """Puts the last result into the queue as if it had been REVIEW: what is decided is the journal's inspection."""
    message = daemon.results[-1]
    header = msgspec.structs.replace(message.header, verdict=Verdict.REVIEW)
    feed.review.put(ResultMessage(header, message.map_units))
    return feed.review.waiting[-1].part


def test_results_and_their_images_are_shown(daemon, bundle) -> None:
    async def use() -> None:
        async with feed_of(daemon) as feed:
            await until(lambda: feed.live.shown(0, 0).station == "one")
            name = daemon.station.trigger("A-1")
            daemon.collect(len(daemon.results) + 1)
            await until(lambda: feed.live.image_of(name) is not None)
            part = feed.live.shown(0, 0).part
            assert (part.result.header.part, part.image.header.id) == ("A-1", name)
            assert Regions(bundle).find(part.result.header.bundle) is not None

    asyncio.run(use())


@pytest.mark.slow
def test_a_decision_is_in_the_journal_once_whatever_is_clicked_and_however_often_the_station_goes(config) -> None:
    async def use() -> None:
        with Running(config) as daemon:
            daemon.station.start()
            async with feed_of(daemon) as feed:
                daemon.station.trigger("A-1")
                daemon.collect(1)
                name = as_review(daemon, feed).result.header.id
                assert daemon.end() == 0
                for click in range(3):
                    feed.send(feed.review.choose(name, Decision.ACCEPT, "ann", f"click-{click}"))
                await asyncio.sleep(0)
                assert feed.review.choices[0].progress is Progress.SENDING
                with Running(config):
                    await until(lambda: feed.review.choices[0].progress is Progress.DONE)
                    for number in (1, 2):
                        feed.send(feed.review.choose(name, Decision.REJECT, "ben", f"change-{number}", seen="click-0"))
                    await until(lambda: feed.review.choices[0].progress is Progress.DONE)
        with JournalReader(daemon.folder / "journal") as journal:
            found = journal.decisions(name)
        assert [(each.decision, each.operator, each.request_id) for each in found] == [
            ("accept", "ann", "click-0"),
            ("reject", "ben", "change-1"),
        ]

    asyncio.run(use())


def test_what_the_station_refuses_is_said(daemon) -> None:
    async def use() -> None:
        async with feed_of(daemon) as feed:
            daemon.station.trigger()
            daemon.collect(len(daemon.results) + 1)
            name = as_review(daemon, feed).result.header.id
            feed.send(feed.review.choose(name, Decision.ACCEPT, "x" * 201, "id-1"))
            await until(lambda: feed.review.choices[0].progress is Progress.REFUSED)
            assert "bad_request" in feed.review.choices[0].why

    asyncio.run(use())


def test_a_part_of_before_the_page_is_brought_with_what_stands_on_it_and_waits_no_more_than_before(daemon) -> None:
    name = daemon.station.trigger("B-1")
    daemon.collect(len(daemon.results) + 1)
    made = daemon.station.decide(name, Decision.ACCEPT, "ann")

    async def use() -> None:
        async with feed_of(daemon) as feed:
            await until(lambda: feed.live.shown(0, 0).station == "one")
            assert feed.review.find(name) is None
            before = feed.review.total
            await feed.decisions.bring(name)
            case = feed.review.find(name)
            assert (case.part.result.header.part, case.said.operator, case.seen) == ("B-1", "ann", made.request_id)
            assert (feed.review.total, name in [each.id for each in feed.review.waiting]) == (before, False)
            with pytest.raises(WireError, match="unknown_inspection"):
                await feed.decisions.bring("00000000-1")

    asyncio.run(use())


def test_the_region_of_another_bundle_is_not_known(bundle, tmp_path) -> None:
    assert Regions(bundle).find(image(1).header.bundle) is None
    assert Regions(tmp_path / "absent").find("d" * 64) is None
