"""MQTT: results, state and statistics of a station on a broker, with birth and death. See docs/bridges.md."""

from __future__ import annotations

import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import msgspec

from edge.bridge.relay import PeerAway
from edge.contract.loopback import is_loopback
from edge.errors import UsageError
from edge.wire.messages import Message, ResultMessage, StateMessage

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessageInfo

WINDOW = 100
"""Results under way that the broker has not confirmed."""
CONNECT_S = 10.0
CONFIRM_S = 10.0
"""A broker that confirms nothing for so long is away."""
KEEPALIVE_S = 15
"""A broker says that a bridge is gone after one and a half of these."""
GOODBYE_S = 1.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and how to connect; `ca` is a file of certificates, None: those of the system."""

    host: str
    port: int
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None


def read_broker(address: str, password: str = "", ca: Path | None = None) -> Broker:
    """`mqtt://[USER@]HOST[:1883]`, `mqtts://[USER@]HOST[:8883]`.

    Raises UsageError for anything else, and for a password that would go through a network in the clear.
    """
    try:
        parts = urlsplit(address)
        tls, port = parts.scheme == "mqtts", parts.port
    except ValueError as error:
        raise UsageError(f"--broker {address}: {error}") from None
    if parts.password is not None:
        raise UsageError("--broker: has a password in it, which all users of this machine can see; --password-file")
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise UsageError(f"--broker {address}: must be mqtt://HOST, mqtt://USER@HOST:1883, or the same with mqtts://")
    if password and not parts.username:
        raise UsageError(f"--broker {address}: a password needs a user, as in {parts.scheme}://USER@{parts.hostname}")
    if password and not tls and not is_loopback(parts.hostname):
        raise UsageError(f"--broker {address}: the password would go through the network in the clear; use mqtts://")
    if ca and not tls:
        raise UsageError(f"--broker {address}: --ca is for mqtts://")
    return Broker(parts.hostname, port or (8883 if tls else 1883), tls, parts.username or "", password, ca)


class MqttPeer:
    """One connection to a broker; when it is lost, this is of no use any more."""

    def __init__(self, broker: Broker, place: str) -> None:
        """`place` is what all topics begin with. Raises UsageError when the certificates cannot be read."""
        from paho.mqtt import client as mqtt

        self.taken = ""
        self._broker, self._place = broker, place
        self._window: deque[tuple[MQTTMessageInfo, str, float]] = deque()
        self._answered, self._lost = threading.Event(), ""
        self._speaks: bool | None = None
        # The same id after a lost connection, so that the broker ends the old one before the new one's birth.
        self._client: Client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=place.replace("/", "."), reconnect_on_failure=False
        )
        self._client.max_inflight_messages_set(WINDOW)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.will_set(f"{place}/connection", _connection(False, False), qos=1, retain=True)
        if broker.user:
            self._client.username_pw_set(broker.user, broker.password or None)
        if broker.tls:
            self._client.tls_set_context(_trust(broker.ca))

    @property
    def name(self) -> str:
        """For people."""
        return f"{self._broker.host}:{self._broker.port}"

    def take(self, message: Message) -> None:
        """Passes it on; waits while as many results as may are under way."""
        self._station_speaks(True)
        payload = msgspec.json.encode(message.header)
        if isinstance(message, ResultMessage):
            self._settle(WINDOW - 1)
            sent = self._publish("result", payload, qos=1)
            self._window.append((sent, message.header.id, time.monotonic()))
        else:  # comes again by itself: no need that each one arrives
            topic = "state" if isinstance(message, StateMessage) else "statistics"
            self._publish(topic, payload, qos=0, retain=True)
        self._settle(WINDOW)

    def silent(self) -> None:
        """Says so, once."""
        self._station_speaks(False)
        self._settle(WINDOW)

    def __enter__(self) -> Self:
        try:
            self._client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise PeerAway(f"{self.name}: {getattr(error, 'strerror', None) or error}") from None
        self._client.loop_start()
        if not self._answered.wait(CONNECT_S):
            self._lost = self._lost or f"no answer within {CONNECT_S:g} s"
        if self._lost:
            self._client.loop_stop()
            raise PeerAway(f"{self.name}: {self._lost}")
        self._station_speaks(False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Says goodbye where it can, and hears what was still under way confirmed.

        An orderly disconnection takes the last will back.
        """
        if not self._lost:
            info = self._client.publish(f"{self._place}/connection", _connection(False, False), qos=1, retain=True)
            if not info.rc:
                info.wait_for_publish(GOODBYE_S)
            self._note()
        self._client.disconnect()
        self._client.loop_stop()

    def _station_speaks(self, speaks: bool) -> None:
        if speaks is not self._speaks:
            self._publish("connection", _connection(True, speaks), qos=1, retain=True)
            self._speaks = speaks

    def _publish(self, topic: str, payload: bytes, qos: int, retain: bool = False) -> MQTTMessageInfo:
        if not self._lost:
            info = self._client.publish(f"{self._place}/{topic}", payload, qos, retain)
            if not info.rc:
                return info
        raise PeerAway(f"{self.name}: {self._lost or 'the connection is lost'}")

    def _note(self) -> None:
        """What is confirmed by now."""
        while self._window and self._window[0][0].is_published():
            self.taken = self._window.popleft()[1]

    def _settle(self, most: int) -> None:
        """Notes what is confirmed; waits while more than `most` results are not."""
        while True:
            self._note()
            if self._lost:
                raise PeerAway(f"{self.name}: {self._lost}")
            if self._window and time.monotonic() - self._window[0][2] > CONFIRM_S:
                raise PeerAway(f"{self.name}: a result is not confirmed within {CONFIRM_S:g} s")
            if len(self._window) <= most:
                return
            self._window[0][0].wait_for_publish(0.5)

    def _connected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._lost = f"the broker refuses the connection: {reason}"
        self._answered.set()

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._lost = self._lost or f"the connection is lost: {reason}"
        self._answered.set()


def _connection(bridge: bool, station: bool) -> bytes:
    return msgspec.json.encode({"bridge": bridge, "station": station})


def _trust(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:  # an SSLError is one too
        raise UsageError(f"--ca {ca}: no file of certificates: {error.strerror or error}") from None
