"""A small plant, through the benchmark's own code, and the rights at its broker as docs/fleet.md has them."""

from __future__ import annotations

import queue
import signal
from collections.abc import Iterator

import pytest

from benchmarks.fleet.broker import HOST, MOSQUITTO, Broker
from benchmarks.fleet.plant import run

paho = pytest.importorskip("paho.mqtt.client", reason="needs the extra bridges")
pytestmark = pytest.mark.skipif(not MOSQUITTO, reason="needs mosquitto: apt install mosquitto")
WAIT_S = 20.0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_missing_after_an_outage_of_the_broker(tmp_path) -> None:
    found = run(tmp_path, count=3, rate=5.0, seconds=1.0, outage_s=2.0)
    assert found.missing == 0
    assert found.results > 3


@pytest.fixture
def broker(tmp_path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker", ["dashboard", "press3", "press4"]) as running:
        yield running


class Client:
    """One account at the broker."""

    def __init__(self, broker: Broker, user: str, password: str) -> None:
        self.heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.gone: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        self._client.username_pw_set(user, password)
        self._client.tls_set(str(broker.ca))
        self._client.on_connect = lambda _c, _d, _f, reason, _p: self.connected.put(not reason.is_failure)
        self._client.on_disconnect = lambda *_: self.gone.put(True)
        self._client.on_message = lambda _c, _d, message: self.heard.put(message.topic)
        self._client.on_subscribe = lambda *_: self.heard.put("subscribed")
        self._client.connect(HOST, broker.port)
        self._client.loop_start()

    def publish(self, topic: str) -> None:
        self._client.publish(topic, b"{}", qos=1).wait_for_publish(WAIT_S)

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        assert self.heard.get(timeout=WAIT_S) == "subscribed"

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def client(broker) -> Iterator:
    made: list[Client] = []

    def connect(user: str, password: str = "") -> Client:
        made.append(Client(broker, user, password or broker.password(user).read_text().strip()))
        return made[-1]

    yield connect
    for each in made:
        each.close()


def test_a_station_speaks_for_itself_alone_and_hears_nobody(client) -> None:
    dashboard, press3, press4 = client("dashboard"), client("press3"), client("press4")
    dashboard.subscribe("okng/lyon/#")
    press4.subscribe("okng/lyon/#")
    for speaker, topic in (
        (press3, "okng/lyon/body/press4/result"), (press3, "okng/paris/body/press3/result"),
        (dashboard, "okng/lyon/body/press4/state"), (press3, "okng/lyon/body/press3/result"),
    ):  # fmt: skip
        speaker.publish(topic)
    assert dashboard.heard.get(timeout=WAIT_S) == "okng/lyon/body/press3/result"
    assert dashboard.heard.empty()
    assert press4.heard.empty()


def test_nobody_gets_in_without_an_account_and_one_that_is_taken_away_is_out(client, broker, tmp_path) -> None:
    assert not client("nobody", "secret").connected.get(timeout=WAIT_S)
    assert not client("press3", "press4-secret").connected.get(timeout=WAIT_S)
    press3 = client("press3")
    assert press3.connected.get(timeout=WAIT_S)
    passwords = tmp_path / "broker/okng.passwd"
    passwords.write_text("".join(line for line in passwords.read_text().splitlines(True) if "press3" not in line))
    broker.process.send_signal(signal.SIGHUP)
    assert press3.gone.get(timeout=WAIT_S)
    assert not client("press3").connected.get(timeout=WAIT_S)
