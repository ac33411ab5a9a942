"""The real daemon before a camera that fails: published, journaled, got over, and the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.client import Station
from edge.contract.types import Signal, Verdict
from edge.wire.messages import StateMessage, Topic
from edge.wire.requests import Trigger
from tests.edge.running import BY_COMMAND, WAIT_S, Running, station_file

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> Path:
    from trainer.synthesize import write_dataset

    folder = tmp_path_factory.mktemp("frames")
    write_dataset(folder, count=6, seed=3)
    return folder / "images"


def camera_file(folder: Path, bundle: Path, uri: str, *extra: str) -> Path:
    """A station whose camera is soon opened anew, and soon given up."""
    path = station_file(folder, bundle, uri, *extra)
    camera = f'{{uri = "{uri}", timeout_s = 0.5, reopenings = 3, backoff_s = 0.1}}'
    path.write_text(path.read_text().replace(f'{{uri = "{uri}", timeout_s = 0.5}}', camera))
    return path


def until(daemon: Running, verdict_is_fault: bool) -> None:
    while (daemon.collect(len(daemon.results) + 1)[-1].header.verdict is Verdict.FAULT) is not verdict_is_fault:
        pass


def states(daemon: Running) -> list[tuple[str, str]]:
    """State and reason, from now on to the first error."""
    found = []
    with Station(f"ipc://{daemon.folder}/r", f"ipc://{daemon.folder}/c", topics=(Topic.STATE,)) as station:
        while not found or found[-1][0] != "error":
            message = station.receive(WAIT_S)
            assert isinstance(message, StateMessage), daemon.log.read_text()
            found.append((message.header.state, message.header.reason))
    return found


@pytest.mark.parametrize("fault", ["silent", "unplug", "freeze", "black", "white", "size", "repeat", "hang"])
def test_a_fault_is_published_and_journaled_and_the_station_goes_on(tmp_path, bundle, frames, fault) -> None:
    uri = f"sim://{frames}?rate=10&fault={fault}&after=20&lasting=3"
    with Running(camera_file(tmp_path / "d", bundle, uri)) as daemon:
        until(daemon, True)
        until(daemon, False)
        assert daemon.end() == 0, daemon.log.read_text()
    rows = {row.id: row for row in daemon.rows()}
    for message in daemon.results:
        header, row = message.header, rows[message.header.id]
        assert (header.verdict, header.reason, header.signal) == (row.verdict, row.reason, row.signal)
        if header.verdict is Verdict.FAULT:
            assert (header.score, header.map, header.image, header.signal) == (None, None, None, Signal.REJECT)
            assert header.reason.startswith(f"sim://{frames}: ")


@pytest.mark.parametrize("fault", ["unplug", "hang", "freeze"])
def test_a_camera_that_does_not_come_back_is_exit_status_5(tmp_path, bundle, frames, fault) -> None:
    uri = f"sim://{frames}?rate=10&fault={fault}&after=20"
    with Running(camera_file(tmp_path / "d", bundle, uri, BY_COMMAND)) as daemon:
        assert states(daemon)[-1][1].startswith(f"sim://{frames}: ")
        daemon.station.request(Trigger("A-7"))
        assert daemon.collect(1)[0].header.verdict is Verdict.FAULT
        assert daemon.process.wait(WAIT_S) == 5
        said = daemon.log.read_text()
        assert "opened anew 3 times in vain" in said.splitlines()[-1]
        assert "Traceback" not in said
        assert [row.part for row in daemon.rows()] == ["A-7"]
