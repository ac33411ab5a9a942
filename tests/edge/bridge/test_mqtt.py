"""The MQTT bridge between a real daemon and a real mosquitto, each of which goes away and comes back."""

from __future__ import annotations

import datetime
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat

from edge.bridge.mqtt import WINDOW, read_broker
from edge.errors import UsageError
from tests.edge.bridge.processes import Bridge
from tests.edge.running import BY_COMMAND, WAIT_S, Running, station_file

paho = pytest.importorskip("paho.mqtt.client", reason="needs the extra bridges")
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
needs_mosquitto = pytest.mark.skipif(not MOSQUITTO, reason="needs mosquitto: apt install mosquitto")
PLACE = "okng/lyon/body/one"
HERE = {"bridge": True, "station": True}
ALONE = {"bridge": True, "station": False}
GONE = {"bridge": False, "station": False}


class Mosquitto:
    """A broker whose port stays its own over restarts, and which keeps for subscribers what they have not got yet."""

    def __init__(self, folder: Path, *lines: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        kept = ("persistence true", f"persistence_location {folder}/")
        lines = lines or ("allow_anonymous true",)
        self._config.write_text("\n".join([f"listener {self.port} 127.0.0.1", "user root", *kept, *lines, ""]))
        self.start()

    def start(self) -> None:
        assert MOSQUITTO
        with (self._config.parent / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-v", "-c", str(self._config)], stderr=log)
        while self.process.poll() is None:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return
        raise AssertionError((self._config.parent / "mosquitto.log").read_text())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


class Subscriber:
    """Someone in the plant: has what was retained, then all that comes."""

    def __init__(self, port: int, name: str = "plant") -> None:
        self.messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.last: dict[str, Any] = {}
        self.results: list[dict[str, Any]] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, name, clean_session=False)
        self._client.on_message = lambda _client, _data, message: self.messages.put(message)
        self._client.on_connect = lambda client, *_: client.subscribe("okng/#", qos=1)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def until(self, done: Callable[[], bool]) -> None:
        while not done():
            message = self.messages.get(timeout=WAIT_S)
            name, payload = message.topic.removeprefix(f"{PLACE}/"), json.loads(message.payload)
            self.last[name] = payload
            if name == "result":
                self.results.append(payload)

    def until_connection(self, is_: dict[str, bool]) -> None:
        self.until(lambda: self.last.get("connection") == is_)

    def until_result(self, inspection: str) -> None:
        self.until(lambda: any(each["id"] == inspection for each in self.results))

    @property
    def ids(self) -> list[str]:
        return [each["id"] for each in self.results]


@pytest.fixture
def broker(tmp_path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as running:
        yield running


@pytest.fixture
def config(tmp_path, bundle, capture) -> Path:
    return station_file(tmp_path / "station", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)


def bridge(config: Path, broker: Mosquitto, *options: str) -> Bridge:
    place = ("--broker", f"mqtt://127.0.0.1:{broker.port}", "--plant", "lyon", "--line", "body")
    return Bridge("mqtt", config, *place, *options)


def trigger(daemon: Running, *parts: str) -> list[str]:
    return [daemon.station.trigger(part) for part in parts]


@pytest.mark.slow
@needs_mosquitto
def test_birth_results_state_and_death(config, broker) -> None:
    with Running(config) as daemon, bridge(config, broker) as running, Subscriber(broker.port) as plant:
        plant.until_connection(HERE)
        plant.until(lambda: "state" in plant.last)
        asked = trigger(daemon, "A-1", "A-2", "A-3")
        plant.until_result(asked[-1])
        assert plant.results == [json.loads(msgspec.json.encode(each.header)) for each in daemon.collect(3)]
        plant.until(lambda: plant.last["state"]["sequence"] == 3)
        assert running.end() == 0, running.log.read_text()
        plant.until_connection(GONE)
        with Subscriber(broker.port, "late") as late:
            late.until(lambda: {"connection", "state"} <= late.last.keys())
            assert (late.last["connection"], late.last["state"]["sequence"]) == (GONE, 3)
            assert not late.results
    assert (config.parent / "one.mqtt-position").read_text() == f"{asked[-1]}\n"


@pytest.mark.slow
@needs_mosquitto
def test_a_broker_that_was_away_gets_what_it_missed(config, broker) -> None:
    with Running(config) as daemon, bridge(config, broker) as running, Subscriber(broker.port) as plant:
        plant.until_connection(HERE)  # and no result yet: even the first one is not missed
        broker.stop()
        asked = trigger(daemon, "B-1", "B-2", "B-3", "B-4")
        daemon.collect(4)  # the station goes on
        broker.start()
        plant.until_result(asked[-1])
        assert plant.ids == asked
        plant.until_connection(HERE)
        assert running.process.poll() is None


@needs_mosquitto
@pytest.mark.slow
def test_a_bridge_that_was_killed_is_dead_to_the_plant_and_goes_on_where_it_was(config, broker) -> None:
    with Running(config) as daemon, Subscriber(broker.port) as plant:
        with bridge(config, broker):
            plant.until_connection(HERE)
            asked = trigger(daemon, "C-1")
            plant.until_result(asked[0])
        plant.until_connection(GONE)  # the last will
        asked += trigger(daemon, "C-2", "C-3")
        with bridge(config, broker):
            plant.until_result(asked[-1])
            assert sorted(set(plant.ids)) == asked
            assert plant.ids.count(asked[-1]) == 1


@needs_mosquitto
@pytest.mark.slow
def test_a_station_that_goes_away_is_silent_and_the_next_boot_follows(config, broker) -> None:
    with bridge(config, broker), Subscriber(broker.port) as plant:
        plant.until_connection(ALONE)
        with Running(config) as first:
            plant.until_connection(HERE)
            asked = trigger(first, "D-1")
            plant.until_result(asked[0])
            first.end()
        plant.until_connection(ALONE)
        with Running(config) as second:
            asked += trigger(second, "D-2")
            plant.until_result(asked[-1])
            assert plant.ids == asked
            plant.until_connection(HERE)


@needs_mosquitto
@pytest.mark.slow
def test_a_broker_that_hangs_holds_no_inspection_up(config, broker) -> None:
    with Running(config) as daemon, bridge(config, broker), Subscriber(broker.port) as plant:
        plant.until_connection(HERE)
        broker.process.send_signal(signal.SIGSTOP)
        asked = []
        for number in range(1, 3 * WINDOW + 1):  # more than may be under way
            asked += trigger(daemon, f"E-{number}")
            daemon.collect(number)
        broker.process.send_signal(signal.SIGCONT)
        plant.until_result(asked[-1])
        assert list(dict.fromkeys(plant.ids)) == asked


def certificate(folder: Path) -> Path:
    """A broker's own certificate, which is its authority too; the key lies beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "broker.pem"
    file.write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "broker.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


@needs_mosquitto
@pytest.mark.slow
def test_over_tls_a_broker_must_be_who_it_says(config, tmp_path) -> None:
    file = certificate(tmp_path)
    lines = (f"certfile {file}", f"keyfile {tmp_path}/broker.key", "allow_anonymous true")
    with Mosquitto(tmp_path, *lines) as broker:
        address = ("--broker", f"mqtts://localhost:{broker.port}")
        with bridge(config, broker, *address) as running:
            while b"certificate verify failed" not in running.log.read_bytes():
                assert running.process.poll() is None
            assert b"takes messages" not in running.log.read_bytes()
        with bridge(config, broker, *address, "--ca", str(file)) as running:
            while b"the peer takes messages" not in running.log.read_bytes():
                assert running.process.poll() is None


@needs_mosquitto
@pytest.mark.slow
def test_a_password_opens_the_broker_and_a_wrong_one_is_named(config, tmp_path) -> None:
    tool = shutil.which("mosquitto_passwd")
    assert tool
    subprocess.run([tool, "-b", "-c", str(tmp_path / "users"), "one", "right"], check=True)
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    with Mosquitto(tmp_path, f"password_file {tmp_path}/users") as broker:
        options = ("--broker", f"mqtt://one@127.0.0.1:{broker.port}", "--password-file", str(secret))
        with bridge(config, broker, *options) as running:
            while b"refuses the connection: Not authorized" not in running.log.read_bytes():
                assert running.process.poll() is None
            secret.write_text("right\n")
        with bridge(config, broker, *options) as running:
            while b"the peer takes messages" not in running.log.read_bytes():
                assert running.process.poll() is None


@pytest.mark.parametrize(
    ("address", "password", "ca", "why"),
    [
        ("broker", "", None, "must be mqtt://HOST"),
        ("http://broker", "", None, "must be mqtt://HOST"),
        ("mqtt://", "", None, "must be mqtt://HOST"),
        ("mqtt://broker/topic", "", None, "must be mqtt://HOST"),
        ("mqtt://broker:99999", "", None, "[Pp]ort"),
        ("mqtt://[::1", "", None, "IPv6"),
        ("mqtt://ann:secret@broker", "", None, "--password-file"),
        ("mqtt://ann:secret@", "", None, "--password-file"),
        ("mqtts://broker", "secret", None, "needs a user"),
        ("mqtt://ann@broker", "secret", None, "in the clear"),
        ("mqtt://broker", "", Path("ca.pem"), "--ca is for mqtts"),
    ],
)
def test_a_broker_that_cannot_be_is_refused(address, password, ca, why) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        read_broker(address, password, ca)
    assert "secret" not in str(caught.value)


def test_a_broker_as_it_is_written() -> None:
    plain, closed = read_broker("mqtt://127.0.0.1"), read_broker("mqtts://ann@broker.plant:4", "secret")
    assert (plain.host, plain.port, plain.tls) == ("127.0.0.1", 1883, False)
    assert (closed.host, closed.port, closed.tls, closed.user) == ("broker.plant", 4, True, "ann")
    assert "secret" not in repr(closed)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--plant", "a/b"), "--plant 'a/b': must be 1 to 40 of"),
        (("--line", "#"), "--line '#': must be 1 to 40 of"),
        (("--password-file", "absent"), "absent: cannot be read"),
        (("--broker", "mqtts://broker", "--ca", "absent"), "--ca absent: no file of certificates"),
    ],
)
def test_bad_use_is_one_line(config, okng, options, why) -> None:
    done = okng("bridge", "mqtt", "--config", config, "--broker", "mqtt://x", "--plant", "p", "--line", "l", *options)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert why in done.err
