"""Bundles over restarts, and back again: the real daemon."""

from __future__ import annotations

import random
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

import cv2
import msgspec
import pytest

from edge.client import CommandRefused, Station
from edge.contract.bundle import MODEL, PROVENANCE, read_bundle
from edge.contract.events import JudgeEvent
from edge.contract.preprocess import Region
from edge.contract.types import Verdict
from edge.daemon.bundles import BundleStore
from edge.errors import WireError
from edge.journal.reader import JournalReader
from edge.wire.messages import Topic
from edge.wire.requests import Load, Rollback, Start, Status
from tests.edge.running import BY_COMMAND, ON_START, WAIT_S, Running, station_file
from tests.edge.test_load import another
from tests.edge.variants import write_variant


def digest(bundle: Path) -> str:
    return read_bundle(bundle).digest


def judging(daemon: Running) -> str:
    return daemon.station.request(Status())["bundle"]


def events(daemon: Running) -> list[tuple[str, str]]:
    with JournalReader(daemon.folder / "journal") as reader:
        return [(noted.event.name, noted.event.bundle) for noted in reader.events("judge")]


@pytest.fixture
def second(bundle, tmp_path, seal) -> Path:
    return another(bundle, tmp_path / "second", seal)


@pytest.mark.slow
def test_a_bundle_that_was_loaded_judges_after_a_restart_until_it_is_rolled_back(
    tmp_path, bundle, second, capture, okng
) -> None:
    config = station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)
    with Running(config) as daemon:
        addresses = (f"ipc://{daemon.folder}/r", f"ipc://{daemon.folder}/c")
        with Station(*addresses, topics=(Topic.EVENT,)) as listener:
            listener.wait_joined()
            daemon.station.request(Load(str(second)))
            while not isinstance(event := listener.receive(WAIT_S).header.event, JudgeEvent):
                pass
        assert (event.name, event.bundle) == ("bundle_active", digest(second))
        daemon.process.kill()
    shutil.rmtree(second)
    with Running(config) as daemon:
        assert judging(daemon) == read_bundle(daemon.folder / "journal" / "bundles" / judging(daemon)).digest
        assert judging(daemon) != digest(bundle)
        done = okng("rollback", "--config", config)
        assert (done.status, done.err) == (0, "")
        assert done.out.endswith(f" ({digest(bundle)[:12]}) judges again\n")
        assert judging(daemon) == digest(bundle)
        assert daemon.station.request(Status())["faults"] == {}
        with pytest.raises(CommandRefused, match="no bundle before this one"):
            daemon.station.request(Rollback())
        daemon.process.kill()
    with Running(config) as daemon:
        assert judging(daemon) == digest(bundle)
        assert daemon.end() == 0, daemon.log.read_text()
    assert [name for name, _ in events(daemon)] == ["bundle_active", "bundle_rolled_back"]
    done = okng("journal", "events", "--config", config)
    told = [line.split("  ")[1].split(":")[0] for line in done.out.splitlines()]
    assert [name for name in told if name.startswith("bundle")] == ["bundle_active", "bundle_rolled_back"]


@pytest.mark.slow
def test_the_station_file_counts_once_it_names_another_bundle(tmp_path, bundle, second, capture, seal) -> None:
    config = station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)
    with Running(config) as daemon:
        daemon.station.request(Load(str(second)))
    third = another(bundle, tmp_path / "third", seal)
    (third / PROVENANCE).write_bytes(b"path\nthird\n")
    seal(third)
    config.write_text(config.read_text().replace(f'"{bundle}"', f'"{third}"'))
    with Running(config) as daemon:
        assert judging(daemon) == digest(third)
    (third / MODEL).write_bytes(b"damaged")
    with Running(config) as daemon:
        assert judging(daemon) == events(daemon)[-1][1]
        fault = daemon.station.request(Status())["faults"]["bundle_refused"]
        assert f"{third / MODEL}: not the file" in fault
        assert daemon.end() == 0, daemon.log.read_text()


@pytest.mark.slow
def test_an_active_bundle_that_is_damaged_on_the_disk_gives_way_to_the_one_before(
    tmp_path, bundle, second, capture
) -> None:
    config = station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)
    with Running(config) as daemon:
        daemon.station.request(Load(str(second)))
    (tmp_path / "d" / "journal" / "bundles" / digest(second) / MODEL).write_bytes(b"damaged")
    with Running(config) as daemon:
        assert judging(daemon) == digest(bundle)
        assert "not the file" in daemon.station.request(Status())["faults"]["bundle_rolled_back"]
        assert daemon.end() == 0, daemon.log.read_text()
    assert events(daemon)[-1] == ("bundle_rolled_back", digest(bundle))


@pytest.fixture(scope="session")
def marked(capture, tmp_path_factory) -> Path:
    """The capture with a black corner."""
    folder = tmp_path_factory.mktemp("marked")
    for path in sorted(capture.glob("*.png")):
        if (pixels := cv2.imread(str(path))) is not None and path.stem not in {"05", "07"}:
            pixels[:32, :32] = 0
            assert cv2.imwrite(str(folder / path.name), pixels)
    return folder


@pytest.fixture
def blind(bundle, tmp_path) -> Path:
    """A bundle that looks at a corner only: its golden frames are right, and each frame with a black corner a fault."""
    spec = msgspec.structs.replace(read_bundle(bundle).card.preprocess, region=Region(0, 0, 0.1, 0.1))
    return write_variant(bundle, tmp_path / "blind", preprocess=spec)


@pytest.mark.slow
def test_a_bundle_that_brings_faults_is_rolled_back_by_itself(tmp_path, bundle, blind, marked) -> None:
    config = station_file(tmp_path / "d", bundle, f"{marked.as_uri()}?loop=true&rate=50", ON_START, images=False)
    with Running(config) as daemon:
        daemon.station.request(Start())
        daemon.collect(5)
        assert daemon.station.request(Load(str(blind)))["bundle"] == digest(blind)
        while daemon.collect(len(daemon.results) + 1)[-1].header.bundle != digest(blind):
            pass
        assert daemon.results[-1].header.verdict is Verdict.FAULT
        while daemon.collect(len(daemon.results) + 1)[-1].header.bundle != digest(bundle):
            pass
        assert daemon.results[-1].header.verdict is not Verdict.FAULT
        while "bundle_rolled_back" not in (faults := daemon.station.request(Status())["faults"]):
            threading.Event().wait(0.02)
        assert "frames were faults, 0% before" in faults["bundle_rolled_back"]
        with pytest.raises(CommandRefused, match="no bundle before this one"):
            daemon.station.request(Rollback())
        assert daemon.end() == 0, daemon.log.read_text()
    assert events(daemon) == [("bundle_active", digest(blind)), ("bundle_rolled_back", digest(bundle))]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kill_9_at_any_moment_of_a_load_leaves_one_active_bundle_that_judges(tmp_path, bundle, second, capture) -> None:
    config = station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true&rate=100", images=False)
    addresses = (f"ipc://{tmp_path}/d/r", f"ipc://{tmp_path}/d/c")
    paths = {digest(bundle): bundle, digest(second): second}
    expected, seen, took_s = {digest(bundle)}, set(), 0.0
    for number in range(25):
        with Running(config) as daemon:
            active = judging(daemon)
            assert active in expected
            assert daemon.collect(1)[0].header.bundle == active
            seen.add(active)
            wanted = next(each for each in paths if each != active)
            done = threading.Event()

            def load(wanted: str = wanted, done: threading.Event = done) -> None:
                with Station(*addresses) as station, suppress(WireError):
                    station.request(Load(str(paths[wanted])), timeout_s=10.0)
                    done.set()

            thread = threading.Thread(target=load)
            thread.start()
            if number < 2:
                began = time.monotonic()
                assert done.wait(WAIT_S)
                took_s = time.monotonic() - began
            else:
                time.sleep(random.uniform(0, 1.2 * took_s))
            expected = {wanted} if done.is_set() else {active, wanted}
            daemon.process.kill()
            daemon.process.wait()
            thread.join()
        record = BundleStore(tmp_path / "d" / "journal").record
        assert record.active in expected
        for each in filter(None, (record.active, record.previous)):
            assert read_bundle(tmp_path / "d" / "journal" / "bundles" / each).digest == each
    assert seen == {*paths}
