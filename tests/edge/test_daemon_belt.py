"""The real daemon and a PLC that counts the belt, triggers parts and changes products over."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from edge.contract.types import Signal, State, Verdict
from edge.line.modbus_image import Changed
from edge.wire.requests import Interlock, Status
from tests.edge.line.contract import wait_until
from tests.edge.running import Running, station_file
from tests.edge.test_daemon_line import port  # noqa: F401

pytest.importorskip("pymodbus", reason="pip install 'okng[modbus]'")

from tests.doubles.plc import PlcAsClient, PlcAsServer

READY = 3
NUMBERS = {1: "plain", 2: "strict", 3: "typo", 4: "lax", 5: "far"}
RECIPES = {
    "plain": "",
    "strict": 'review = "ng"\nthresholds = {ok_below = 0.0, ng_from = 0.5}',
    "typo": "reveiw = 'ng'",
    "lax": "thresholds = {ok_below = 1.0, ng_from = 1.0}",
    "far": "trigger = {delay_counts = 1_000_000}",
}


def status(daemon: Running) -> dict:
    time.sleep(0.05)  # a station answers so many requests a second and no more
    return daemon.station.request(Status())


def station(folder: Path, bundle: Path, camera: str, modbus: str, *more: str) -> Path:
    (folder / "recipes").mkdir(parents=True)
    for name, text in RECIPES.items():
        (folder / "recipes" / f"{name}.toml").write_text(text)
    names = ", ".join(f'{number} = "{name}"' for number, name in NUMBERS.items())
    lines = ('trigger = {kind = "modbus"}', f"modbus = {{{modbus}, recipes = {{{names}}}}}", *more)
    return station_file(folder, bundle, camera, *lines, images=False)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["server", "client"])
def test_a_plc_changes_over_by_number_and_reads_what_became_of_it(tmp_path, bundle, capture, port, role) -> None:  # noqa: F811
    plc = PlcAsServer() if role == "client" else None
    modbus = f'role = "{role}", port = {plc.port if plc else port}'
    with Running(station(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", modbus)) as daemon:
        plc = plc or PlcAsClient(port)
        assert plc.words()[6:8] == [0, Changed.NONE]
        assert plc.change_over(wait_until, 2) == [2, Changed.DONE]
        assert status(daemon)["recipe"] == "strict"
        plc.trigger(wait_until, part=7)
        header = daemon.collect(1)[0].header
        assert (header.recipe, header.thresholds.ng_from) == ("strict", 0.0)
        for number, changed, reason in (
            (9, Changed.UNKNOWN, "no recipe has number 9 in modbus.recipes; there are: 1, 2, 3, 4, 5"),
            (3, Changed.REFUSED, "typo.toml: reveiw: no such key"),
            (5, Changed.REFUSED, "recipe far: trigger.delay_counts = 1000000: needs the table encoder"),
        ):
            assert plc.change_over(wait_until, number) == [2, changed]
            assert reason in status(daemon)["faults"]["changeover"]
        assert plc.change_over(wait_until, 4) == [2, Changed.REFUSED], "known faults would pass"
        assert (now := status(daemon))["state"] == State.ERROR
        assert "the changeover to lax failed" in now["faults"]["changeover"]
        assert plc.change_over(wait_until, 1) == [1, Changed.DONE]
        now = status(daemon)
        assert (now["recipe"], now["state"], now["faults"]) == ("plain", State.READY, {})
        plc.close()
        assert daemon.end() == 0, daemon.log.read_text()


@pytest.mark.slow
def test_a_part_on_the_belt_comes_by_counts_and_no_product_changes_meanwhile(
    tmp_path, bundle, capture, noise_frames, port  # noqa: F811
) -> None:  # fmt: skip
    """A belt that stands still keeps it in flight until its deadline; then it is a FAULT and rejected."""
    more = ('encoder = {kind = "modbus"}', 'signal = {kind = "modbus", delay_counts = 900}')
    config = station(tmp_path / "d", bundle, f"sim://{noise_frames}?rate=10", f"port = {port}", *more)
    text = config.read_text().replace('kind = "modbus"}', 'kind = "modbus", delay_counts = 400, deadline_ms = 3000}', 1)
    config.write_text(text)
    with Running(config) as daemon:
        plc = PlcAsClient(port)
        wait_until(lambda: plc.bits()[READY])
        plc.write_count(5_000)
        assert plc.trigger(wait_until, part=1) == 1
        assert plc.change_over(wait_until, 1) == [0, Changed.BUSY]
        plc.write_count(5_399)
        threading.Event().wait(0.2)
        assert not daemon.results
        plc.write_count(5_400)
        header = daemon.collect(1)[0].header
        assert (header.part, header.verdict is Verdict.FAULT) == ("1", False), header.reason
        assert plc.acknowledge(wait_until)[:2] == [0, 1]
        assert plc.trigger(wait_until, part=2) == 2
        found = daemon.collect(2)[1].header
        assert (found.part, found.verdict, found.signal) == ("2", Verdict.FAULT, Signal.REJECT)
        assert found.reason == "the belt did not go 400 counts by the deadline; does it stand still?"
        assert plc.acknowledge(wait_until)[:4] == [0, 2, 4, 0]
        wait_until(lambda: plc.change_over(wait_until, 1)[1] == Changed.DONE)
        assert daemon.station.request(Interlock())["passed"]
        plc.close()
        assert daemon.end() == 0, daemon.log.read_text()
