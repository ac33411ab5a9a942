"""The client against the real daemon: bookmarks over restarts, answers as types, asyncio."""

from __future__ import annotations

import asyncio
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from edge.client import AsyncStation, CommandRefused, Station, Topic
from edge.contract.types import Decision, State
from edge.errors import WireError
from edge.wire.messages import ResultMessage
from edge.wire.requests import COMMANDS, Replay
from tests.edge.running import BY_COMMAND, WAIT_S, Running, station_file


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("client")


@pytest.fixture(scope="module")
def daemon(folder, bundle, capture) -> Iterator[Running]:
    """The second boot of a station; in the first one it inspected five parts, and stopped."""
    config = station_file(folder, bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)
    with Running(config) as first:
        first.station.start()
        for number in range(5):
            first.station.trigger(f"A-{number}")
        published = first.collect(5)
        assert first.end() == 0, first.log.read_text()
    with Running(config) as second:
        second.earlier = published
        yield second
        assert second.end() == 0, second.log.read_text()


def _addresses(daemon: Running) -> tuple[str, str]:
    return f"ipc://{daemon.folder}/r", f"ipc://{daemon.folder}/c"


def _same(found: list[ResultMessage], published: list[ResultMessage]) -> None:
    assert [each.header for each in found] == [each.header for each in published]
    for one, other in zip(found, published, strict=True):
        np.testing.assert_array_equal(one.map_units, other.map_units)


@pytest.mark.slow
def test_a_bookmark_leads_over_a_restart_to_every_result(daemon) -> None:
    asked = [daemon.station.trigger(f"B-{number}") for number in range(3)]
    published = daemon.earlier + daemon.collect(len(daemon.results) + 3)[-3:]
    assert [each.header.id for each in published[5:]] == asked
    with Station(*_addresses(daemon), after=published[1].header.id, timeout_s=WAIT_S) as station:
        _same(list(islice(station.results(WAIT_S), 6)), published[2:8])
        assert (station.recovered, station.lost) == (6, 0)


def test_a_bookmark_of_another_journal_begins_with_this_boot(daemon) -> None:
    daemon.station.trigger("C")
    last = daemon.collect(len(daemon.results) + 1)[-1]
    with Station(*_addresses(daemon), after="00000000-7", timeout_s=WAIT_S) as station:
        found = list(islice(station.results(WAIT_S), last.header.sequence))
    assert [each.header.sequence for each in found] == list(range(1, last.header.sequence + 1))
    assert {each.header.boot for each in found} == {daemon.boot}


def test_answers_are_types(daemon, bundle) -> None:
    station = daemon.station
    status = station.status()
    assert (status.station, status.boot, status.state) == ("one", daemon.boot, State.READY)
    assert station.stop().state == State.HALTED
    assert station.start().state == State.READY
    inspection = station.trigger("D")
    daemon.collect(len(daemon.results) + 1)
    decided = station.decide(inspection, Decision.REJECT, "ann", "bent")
    assert (decided.inspection_id, decided.decision, decided.reason) == (inspection, Decision.REJECT, "bent")
    loaded = station.load(str(bundle))
    assert (loaded.bundle, loaded.bundle_name) == (status.bundle, status.bundle_name)
    with pytest.raises(CommandRefused, match="the journal has no boot"):
        station.request(Replay("00000000-1"))


def test_the_command_line_watches_from_a_bookmark_on(daemon, okng) -> None:
    done = okng("watch", "--config", daemon.config, "--after", daemon.earlier[2].header.id, "--count", "2")
    assert done.status == 0, done.err
    shown = [line.split()[2] for line in done.out.splitlines() if not line.startswith("--")]
    assert shown == [each.header.id for each in daemon.earlier[3:5]]
    wrong = okng("watch", "--config", daemon.config, "--after", "monday")
    assert (wrong.status, wrong.err) == (2, "okng: 'monday': not an inspection's id, such as 3f9a01c2-17\n")


def test_both_clients_have_each_command_and_all_else_alike() -> None:
    sync, other = ({name for name in vars(kind) if name[0] != "_"} for kind in (Station, AsyncStation))
    assert sync - other == {"receive"}  # asyncio has its own ways to wait with a limit
    assert other - sync == set()
    assert COMMANDS - sync == {"replay"}  # the clients fill gaps by themselves


def test_the_same_with_asyncio(daemon) -> None:
    async def use() -> None:
        async with AsyncStation(*_addresses(daemon), after=daemon.earlier[0].header.id, timeout_s=WAIT_S) as station:
            found = []
            async for result in station.results(WAIT_S):
                found.append(result)
                if len(found) == 4:
                    break
            _same(found, daemon.earlier[1:])
            statuses = await asyncio.gather(station.status(), station.status())
            assert {status.boot for status in statuses} == {daemon.boot}
            assert (await station.stop()).state == State.HALTED
            with pytest.raises(CommandRefused) as caught:
                await station.trigger("E")
            assert caught.value.code == "wrong_state"
            assert (await station.start()).state == State.READY
            asked = await station.trigger("E")
            async for result in station.results(WAIT_S):
                if result.header.id == asked:
                    break
            decided = await station.decide(asked, Decision.ACCEPT, "ann")
            assert decided.inspection_id == asked
            assert (await station.wait_joined()).header.boot == daemon.boot
            assert (station.recovered >= 4, station.lost) == (True, 0)

    asyncio.run(use())
    daemon.drain()


def test_with_asyncio_silence_is_an_error_too(tmp_path) -> None:
    nowhere = f"ipc://{tmp_path}/nobody"

    async def use() -> None:
        async with AsyncStation(nowhere, nowhere, topics=(Topic.RESULT, Topic.STATE), timeout_s=0.02) as station:
            with pytest.raises(WireError, match=r"no answer from .* is okng running"):
                await station.status()
            with pytest.raises(WireError, match=r"no state from .* is okng running"):
                await station.wait_joined()
            with pytest.raises(WireError, match=r"nothing from .* is okng running"):
                await anext(station.messages(0.02))

    asyncio.run(use())


def test_with_asyncio_an_address_is_checked_too(tmp_path) -> None:
    with pytest.raises(WireError, match="allowed"):
        AsyncStation("udp://x", f"ipc://{tmp_path}/x")


def test_a_gateway_gets_verdicts_without_maps_also_those_it_missed(daemon) -> None:
    topics = (Topic.VERDICT,)
    with Station(*_addresses(daemon), topics=topics, after=daemon.earlier[0].header.id, timeout_s=WAIT_S) as station:
        found = list(islice(station.results(WAIT_S), 4))
        assert [each.header for each in found] == [each.header for each in daemon.earlier[1:]]
        asked = daemon.station.trigger("F")
        while found[-1].header.id != asked:
            found.append(next(station.results(WAIT_S)))
    assert found[-1].header == daemon.collect(len(daemon.results) + 1)[-1].header
    assert {each.map_units for each in found} == {None}


def test_the_ten_lines_of_the_guide_run(daemon) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "client.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from edge.client import Decision.*?)```", guide, re.DOTALL)
    code = code.replace("/run/okng/line-3.results", f"{daemon.folder}/r")
    code = code.replace("/run/okng/line-3.commands", f"{daemon.folder}/c")
    with subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        assert program.stdout.readline() == "ready\n"
        while not select.select([program.stdout], [], [], 0.2)[0]:  # until it has joined
            daemon.station.trigger("G")
        name, part, *_ = program.stdout.readline().split()
        program.kill()
    assert (name.split("-")[0], part) == (daemon.boot, "G")
    daemon.drain()
