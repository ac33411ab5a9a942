"""The real daemon on a delegate that fails, comes back, and hangs."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.client import Station
from edge.contract.types import Signal, Verdict
from edge.wire.requests import Load, Start, Status, Trigger
from tests.edge.running import BY_COMMAND, GATE, ON_START, WAIT_S, Running, station_file
from tests.edge.test_load import another
from tests.edge.test_rollback import digest, events


def delegated(twin: Path, fault: str, broken: Path, **keys: float) -> str:
    more = "".join(f", {name} = {value}" for name, value in keys.items())
    return f'inference = {{delegate = "{twin}", options = {{fault = "{fault}", file = "{broken}"}}{more}}}'


def until_faults(daemon: Running, wanted: set[str]) -> dict[str, str]:
    """As long as it takes; what they say."""
    while {*(faults := daemon.station.request(Status())["faults"])} != wanted:
        daemon.collect(len(daemon.results) + 1)
    return faults


@pytest.mark.slow
def test_a_delegate_that_fails_costs_no_inspection_and_is_used_again_when_it_works(
    tmp_path, bundle, capture, twin, seal
) -> None:
    broken = tmp_path / "broken"
    uri = f"{capture.as_uri()}?loop=true&rate=50"
    config = station_file(
        tmp_path / "d", bundle, uri, ON_START, delegated(twin, "invoke", broken, retry_s=0.2), images=False
    )
    second = another(bundle, tmp_path / "second", seal)
    with Running(config) as daemon:
        daemon.station.request(Start())
        daemon.collect(5)
        assert daemon.station.request(Status())["faults"] == {}
        broken.touch()
        fault = until_faults(daemon, {"delegate"})["delegate"]
        assert "the CPU judges instead" in fault
        assert "has lost its device" in fault
        assert daemon.station.request(Load(str(second)))["bundle"] == digest(second)
        assert "delegate" in daemon.station.request(Status())["faults"]
        broken.unlink()
        until_faults(daemon, set())
        assert daemon.station.request(Status())["bundle"] == digest(second)
        assert daemon.end() == 0, daemon.log.read_text()
    assert [name for name, _ in events(daemon)] == ["delegate_lost", "bundle_active", "delegate_back"]
    faults = {message.header.frame_name for message in daemon.results if message.header.verdict is Verdict.FAULT}
    assert faults <= {"05.png", "", "07.png"}
    assert [row.sequence for row in daemon.rows()] == list(range(1, len(daemon.rows()) + 1))


@pytest.mark.slow
def test_a_station_starts_on_the_cpu_where_its_delegate_is_absent_and_says_so(tmp_path, bundle, capture) -> None:
    absent = f'inference = {{delegate = "{tmp_path}/absent.so", retry_s = 600}}'
    config = station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND, absent)
    with Running(config) as daemon:
        daemon.station.request(Trigger("A-1"))
        assert daemon.collect(1)[0].header.verdict is not Verdict.FAULT
        assert f"{tmp_path}/absent.so: cannot be loaded" in until_faults(daemon, {"delegate"})["delegate"]
        assert daemon.end() == 0, daemon.log.read_text()


@pytest.mark.slow
def test_a_frame_that_hangs_is_rejected_in_time_and_the_process_ends_for_a_restart(
    tmp_path, bundle, capture, twin
) -> None:
    broken = tmp_path / "broken"
    config = station_file(
        tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND, GATE,
        delegated(twin, "hang", broken, hang_s=2.0),
    )  # fmt: skip
    with Running(config) as daemon, Station(f"ipc://{daemon.folder}/r", f"ipc://{daemon.folder}/c") as other:
        other.wait_joined()
        daemon.station.request(Trigger("good"))
        daemon.collect(1)
        broken.touch()
        asked = [daemon.station.request(Trigger(name))["inspection"] for name in ("hangs", "waits", "waits too")]
        found = daemon.collect(4)[1:]
        assert daemon.process.wait(WAIT_S) == 6
    said = daemon.log.read_text()
    assert said.splitlines()[-1].startswith(f"okng: frame {asked[0]}: not judged within 2 s: it hangs")
    assert "Traceback" not in said
    assert [message.header.id for message in found] == asked
    for message in found:
        header = message.header
        assert (header.verdict, header.signal) == (Verdict.FAULT, Signal.REJECT)
        assert "hangs" in header.reason
    assert [row.id for row in daemon.rows()][1:] == asked
    broken.unlink()
    with Running(config) as daemon:
        daemon.station.request(Trigger("good again"))
        assert daemon.collect(1)[0].header.verdict is not Verdict.FAULT
        assert daemon.station.request(Status())["faults"] == {}
        assert daemon.end() == 0, daemon.log.read_text()
