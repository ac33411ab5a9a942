"""The plant: stations, bridges, broker and the one who watches them all, and what is measured of them."""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.fleet.broker import HOST, Broker
from benchmarks.fleet.processes import Meter, Usage
from edge.contract.typed import decode_json

PATIENCE_S = 900.0
PLANT, LINES = "lyon", 10


@dataclass(frozen=True)
class Found:
    """What became of one run; the lag is from an inspection's trigger to the central subscriber."""

    stations: int
    results_per_s: float
    messages_per_s: float
    lag_median_ms: float
    lag_p99_ms: float
    lag_longest_ms: float
    broker: Usage
    bridges: Usage
    caught_up_s: float
    """From the broker's return until results of all stations were of the last seconds again; 0 without an outage."""
    results: int
    missing: int
    repeated: int

    def __str__(self) -> str:
        back = f"; all caught up {self.caught_up_s:.0f} s after the broker's return" if self.caught_up_s else ""
        return (
            f"{self.stations} stations: {self.results_per_s:.0f} results/s, {self.messages_per_s:.0f} messages/s; "
            f"lag median {self.lag_median_ms:.1f} ms, p99 {self.lag_p99_ms:.0f} ms, longest {self.lag_longest_ms:.0f} "
            f"ms\nbroker {self.broker}\nbridges {self.bridges} (imports are shared here)\n"
            f"{self.results} results, {self.missing} missing, {self.repeated} repeated{back}"
        )


class Header(msgspec.Struct):
    """What a central subscriber needs of a result here."""

    station: str
    sequence: int
    triggered_ns: int


class Central:
    """Who subscribes to all stations, and is remembered by the broker while it is away."""

    def __init__(self, broker: Broker) -> None:
        from paho.mqtt import client as mqtt

        self.messages = 0
        self.live: set[str] = set()
        self.last_ns: dict[str, int] = {}
        self.lags_ms: list[float] = []
        self._seen: defaultdict[str, set[int]] = defaultdict(set)
        self._received = 0
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "dashboard", clean_session=False)
        self._client.username_pw_set("dashboard", broker.password("dashboard").read_text().strip())
        self._client.tls_set(str(broker.ca))
        self._client.on_connect = lambda client, *_: client.subscribe(f"okng/{PLANT}/+/+/#", qos=1)
        self._client.on_message = self._take
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(HOST, broker.port)
        self._client.loop_start()

    def close(self) -> None:
        """Its thread too."""
        self._client.disconnect()
        self._client.loop_stop()

    def missing(self, last: dict[str, int]) -> int:
        """Results that have not come, of each station from the first that did to the `last` one it published."""
        return sum(
            sequence - min(self._seen[name], default=1) + 1 - len(self._seen[name]) for name, sequence in last.items()
        )

    @property
    def results(self) -> int:
        """Without repetitions."""
        return sum(map(len, self._seen.values()))

    @property
    def repeated(self) -> int:
        """Results that had come before."""
        return self._received - self.results

    def _take(self, _client: Any, _data: Any, message: Any) -> None:
        now_ns = time.time_ns()
        self.messages += 1
        station, what = message.topic.split("/")[-2:]
        if what == "connection":
            both = all(json.loads(message.payload).values())
            (self.live.add if both else self.live.discard)(station)
        elif what == "result":
            header = decode_json(message.payload, Header)
            self._received += 1
            self._seen[header.station].add(header.sequence)
            self.last_ns[header.station] = header.triggered_ns
            self.lags_ms.append((now_ns - header.triggered_ns) / 1e6)


def run(folder: Path, count: int, rate: float, seconds: float, outage_s: float) -> Found:
    """`count` stations with `rate` results a second each, for so many seconds; then `outage_s` without the broker."""
    names = [f"s{place:03}" for place in range(count)]
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(folder / "broker", ["dashboard", *names]))
        stations = stack.enter_context(_stations(folder, count, rate))
        central = Central(broker)
        stack.callback(central.close)
        bridges = stack.enter_context(_bridges(folder, broker, names))
        _until(lambda: central.live.issuperset(names) and central.last_ns.keys() >= set(names), "every station")
        time.sleep(2.0)  # what they did not send while the machine started them
        meters = Meter([broker.process.pid]), Meter(bridges)
        before, began, first = central.messages, time.monotonic(), len(central.lags_ms)
        time.sleep(seconds)
        took_s, lags = time.monotonic() - began, sorted(central.lags_ms[first:])
        messages, used = central.messages - before, [meter.read() for meter in meters]
        caught_up_s = _outage(broker, central, names, outage_s, rate) if outage_s else 0.0
        stations.send_signal(signal.SIGTERM)
        assert stations.stdout
        last: dict[str, int] = json.loads(stations.stdout.readline())
        _until(lambda: not central.missing(last), "the last results", fail=False)
        return Found(
            count, len(lags) / took_s, messages / took_s, statistics.median(lags), lags[len(lags) * 99 // 100],
            lags[-1], *used, caught_up_s, central.results, central.missing(last), central.repeated,
        )  # fmt: skip


def _outage(broker: Broker, central: Central, names: list[str], outage_s: float, rate: float) -> float:
    broker.stop()
    time.sleep(outage_s)
    broker.start()
    began = time.monotonic()
    recent_ns = int((2 / rate + 1) * 1e9)
    _until(lambda: min(central.last_ns[name] for name in names) > time.time_ns() - recent_ns, "all caught up")
    return time.monotonic() - began


@contextmanager
def _stations(folder: Path, count: int, rate: float) -> Iterator[subprocess.Popen[str]]:
    options = [str(folder), "--stations", str(count), "--rate", str(rate)]
    command = [sys.executable, "-m", "benchmarks.fleet.stations", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _bridges(folder: Path, broker: Broker, names: list[str]) -> Iterator[list[int]]:
    """One process for each station; gives their ids."""
    commands = [_bridge(folder, broker, name, place) for place, name in enumerate(names)]
    with (folder / "bridges.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.fleet.bridges"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log, text=True,
        )  # fmt: skip
    try:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(commands))
        process.stdin.close()
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def _bridge(folder: Path, broker: Broker, name: str, place: int) -> list[str]:
    return [
        "mqtt", "--config", str(folder / f"{name}.toml"), "--plant", PLANT, "--line", f"line-{place % LINES}",
        "--broker", f"mqtts://{name}@{HOST}:{broker.port}", "--ca", str(broker.ca),
        "--password-file", str(broker.password(name)),
    ]  # fmt: skip


def _until(done: Callable[[], bool], wanted: str, *, fail: bool = True) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > deadline:
            if fail:
                raise RuntimeError(f"not within {PATIENCE_S:g} s: {wanted}")
            return
        time.sleep(0.05)
