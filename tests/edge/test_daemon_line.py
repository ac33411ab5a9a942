"""The real daemon on a line: a PLC over Modbus, and parts that pass by."""

from __future__ import annotations

import socket
import time

import pytest

from edge.contract.types import Signal, Verdict
from edge.wire.requests import Status, Stop
from tests.edge.line.contract import wait_until
from tests.edge.running import Running, station_file

READY, ERROR, HEARTBEAT = 3, 4, 5


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@pytest.mark.slow
def test_a_plc_triggers_gets_each_verdict_and_sees_the_station_stop(tmp_path, bundle, capture, port) -> None:
    pytest.importorskip("pymodbus", reason="pip install 'okng[modbus]'")
    from tests.doubles.plc import PlcAsClient

    lines = ('trigger = {kind = "modbus"}', 'signal = {kind = "modbus"}', f"modbus = {{port = {port}}}")
    with Running(station_file(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", *lines)) as daemon:
        plc = PlcAsClient(port)
        wait_until(lambda: plc.bits()[READY] and not plc.bits()[ERROR])
        beats = plc.bits()[HEARTBEAT]
        wait_until(lambda: plc.bits()[HEARTBEAT] is not beats)
        for count in range(1, 13):
            assert plc.trigger(wait_until, part=100_000 + count) == count
            high, low, verdict, accept = plc.acknowledge(wait_until)[:4]
            header = daemon.collect(count)[-1].header
            assert (high << 16 | low, header.part) == (count, str(100_000 + count))
            assert (verdict, accept) == (1 + list(Verdict).index(header.verdict), header.signal is Signal.ACCEPT)
        assert {message.header.signal for message in daemon.results} == {*Signal}
        daemon.station.request(Stop())
        wait_until(lambda: not plc.bits()[READY])
        plc.write_bit(16, True)
        wait_until(lambda: daemon.station.request(Status())["missed"] == 1)
        assert not plc.bits()[7]
        plc.close()
        assert daemon.end() == 0, daemon.log.read_text()
        assert len(daemon.rows()) == 12


@pytest.mark.slow
def test_a_plc_that_cannot_be_reached_is_a_fault_that_is_shown_and_rejects_all(tmp_path, bundle, capture, port) -> None:
    pytest.importorskip("pymodbus", reason="pip install 'okng[modbus]'")
    lines = ('signal = {kind = "modbus"}', f'modbus = {{role = "client", port = {port}}}')
    with Running(station_file(tmp_path / "d", bundle, capture.as_uri(), *lines)) as daemon:
        daemon.collect(12)
        assert {message.header.signal for message in daemon.results} == {Signal.REJECT}
        while {*daemon.station.request(Status())["faults"]} != {"signal"}:
            time.sleep(0.05)  # a station answers so many requests a second and no more
        assert daemon.end() == 0, daemon.log.read_text()


def test_a_timed_station_inspects_by_itself(tmp_path, bundle, capture) -> None:
    camera, timed = f"{capture.as_uri()}?loop=true", 'trigger = {kind = "timed", timed = {period_ms = 20}}'
    with Running(station_file(tmp_path / "d", bundle, camera, timed)) as daemon:
        daemon.collect(5)
        assert daemon.end() == 0, daemon.log.read_text()
        status = [row.sequence for row in daemon.rows()]
        assert status == list(range(1, len(status) + 1))
