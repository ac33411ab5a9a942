"""The Prometheus bridge: what its page says, and that no result is counted twice or not at all."""

from __future__ import annotations

import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from edge.bridge.prometheus import Metrics, PrometheusPeer
from edge.contract.types import Verdict
from tests.edge.bridge.messages import result, state
from tests.edge.bridge.processes import Bridge
from tests.edge.running import BY_COMMAND, Running, station_file

pytest.importorskip("prometheus_client", reason="needs the extra bridges")
DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("one")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"station": "one", **labels})


def page(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return answer.read().decode()


def test_results_are_counted_by_verdict_and_each_verdict_is_there_from_the_first(metrics) -> None:
    assert [value(metrics, "okng_results_total", verdict=each) for each in Verdict] == [0, 0, 0, 0]
    for number, verdict in enumerate(("ok", "ok", "ng", "fault"), 1):
        metrics.count(result(number, verdict).header)
    assert [value(metrics, "okng_results_total", verdict=each) for each in Verdict] == [2, 1, 0, 1]
    assert value(metrics, "okng_judging_seconds_count") == 3
    assert value(metrics, "okng_judging_seconds_bucket", le="0.005") == 0
    assert value(metrics, "okng_judging_seconds_bucket", le="0.01") == 3


def test_cycles_are_those_from_one_trigger_to_the_next_of_a_boot(metrics) -> None:
    for one in (
        result(1, at_s=10), result(2, at_s=10.3), result(4, at_s=20), result(5, at_s=19), result(6, at_s=20.5),
        result(7, boot="00000001", at_s=21),
    ):  # fmt: skip
        metrics.count(one.header)
    assert value(metrics, "okng_cycle_seconds_count") == 2
    assert value(metrics, "okng_cycle_seconds_sum") == pytest.approx(0.3 + 1.5)


def test_a_state_is_shown_until_the_station_is_silent(metrics) -> None:
    assert value(metrics, "okng_up") == 0
    assert value(metrics, "okng_last_result_age_seconds") is None
    metrics.show(state(faults={"disk_full": "/x"}, warnings={"focus": "blurred"}).header)
    metrics.count(result(1).header)
    assert value(metrics, "okng_up") == 1
    assert (value(metrics, "okng_state", state="ready"), value(metrics, "okng_state", state="halted")) == (1, 0)
    assert value(metrics, "okng_fault", fault="disk_full") == value(metrics, "okng_warning", figure="focus") == 1
    assert value(metrics, "okng_triggers_total") == 7
    assert value(metrics, "okng_bundle_info", bundle="9d5e0c1b7a3f") == 1
    metrics.show(None)
    assert value(metrics, "okng_up") == 0
    assert value(metrics, "okng_state", state="ready") is value(metrics, "okng_triggers_total") is None
    assert value(metrics, "okng_last_result_age_seconds") > 1e9


def test_whatever_a_station_counts_is_shown(metrics) -> None:
    class Newer(msgspec.Struct):
        results: dict[Verdict, int] = {}
        overrun: int = 3

    metrics.show(msgspec.structs.replace(state().header, counters=Newer()))
    assert value(metrics, "okng_overrun_total") == 3


def test_a_result_is_taken_once_it_is_scraped() -> None:
    with PrometheusPeer("one", "127.0.0.1", 0) as peer:
        peer.take(result(1))
        with pytest.raises(urllib.error.HTTPError, match="404"):
            page(peer.port, "/")
        assert peer.taken == ""
        assert 'okng_results_total{station="one",verdict="ok"} 1.0' in page(peer.port)
        peer.take(result(2))
        assert peer.taken == "3f9a01c2-1"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def scrape_until(bridge: Bridge, port: int, done: Callable[[str], bool]) -> str:
    while bridge.process.poll() is None:
        try:
            if done(found := page(port)):
                return found
        except urllib.error.URLError:
            pass  # it does not listen yet
    raise AssertionError(bridge.log.read_text())


def counted(found: str) -> int:
    return round(sum(map(float, re.findall(r"^okng_results_total\{.*\} (.*)$", found, re.MULTILINE))))


@pytest.mark.slow
def test_what_was_not_scraped_is_counted_by_the_next_bridge(tmp_path, bundle, capture) -> None:
    config = station_file(tmp_path / "station", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)
    port, kept = free_port(), config.parent / "one.prometheus-position"
    with Running(config) as daemon:
        with Bridge("prometheus", config, "--listen", f"127.0.0.1:{port}") as bridge:
            scrape_until(bridge, port, lambda found: 'okng_up{station="one"} 1.0' in found)
            scraped = [daemon.station.trigger(f"A-{number}") for number in range(3)]
            scrape_until(bridge, port, lambda found: counted(found) == 3)
            while kept.read_text().strip() != scraped[-1]:
                assert bridge.process.poll() is None
        for number in range(2):
            daemon.station.trigger(f"B-{number}")
        daemon.collect(5)
        with Bridge("prometheus", config, "--listen", f"127.0.0.1:{port}") as bridge:
            scrape_until(bridge, port, lambda found: counted(found) == 2)
            assert bridge.end() == 0, bridge.log.read_text()


def test_the_dashboard_asks_for_nothing_else(metrics) -> None:
    metrics.show(state(faults={"disk_full": "/x"}, warnings={"focus": "blurred"}).header)
    metrics.count(result(1).header)
    known = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    known |= {"okng_missed_total", "okng_overrun_total"}  # of stations that count them
    panels = json.loads((DOCS / "examples" / "grafana-okng.json").read_text())["panels"]
    for panel in panels:
        asked = {name for target in panel["targets"] for name in re.findall(r"okng_\w+", target["expr"])}
        assert asked
        assert asked <= known, panel["title"]


@pytest.mark.parametrize("listen", ["9105", "127.0.0.1:", "127.0.0.1:99999", ":9105", "127.0.0.1:x"])
def test_an_address_that_cannot_be_is_refused(tmp_path, bundle, capture, okng, listen) -> None:
    config = station_file(tmp_path / "station", bundle, capture.as_uri())
    done = okng("bridge", "prometheus", "--config", config, "--listen", listen)
    assert (done.status, done.err) == (2, f"okng: --listen {listen}: must be HOST:PORT, with a port from 1 to 65535\n")


def test_a_port_that_is_taken_is_named(tmp_path, bundle, capture, okng) -> None:
    config = station_file(tmp_path / "station", bundle, capture.as_uri())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = okng("bridge", "prometheus", "--config", config, "--listen", listen)
    assert (done.status, done.err) == (2, f"okng: --listen {listen}: cannot be bound: Address already in use\n")


@pytest.mark.parametrize("name", ["mqtt", "prometheus"])
def test_without_the_extra_there_is_help_and_a_hint(monkeypatch, okng, tmp_path, name) -> None:
    for module in ("paho", "paho.mqtt", "paho.mqtt.client", "prometheus_client"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    assert "pip install 'okng[bridges]'" in okng("bridge", "--help").out
    assert okng("bridge", name, "--help").status == 0
    options = ("--broker", "mqtt://x", "--plant", "p", "--line", "l") if name == "mqtt" else ()
    done = okng("bridge", name, *options)
    assert done.status == 2
    assert "pip install 'okng[bridges]'" in done.err
