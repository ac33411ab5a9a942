"""`okng bridge`. Heavy imports, and those of the extra `bridges`, wait until a command runs."""

from __future__ import annotations

import importlib
import logging
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.errors import UsageError
from edge.options import config_option

if TYPE_CHECKING:
    from edge.bridge.relay import Peer
    from edge.daemon.config import StationConfig

position_option = click.option(
    "--position", type=click.Path(path_type=Path), show_default="STATION.BRIDGE-position beside the journal's folder",
    help="The file that says how far the peer has taken the results.",
)  # fmt: skip


@click.group()
def bridge() -> None:
    """Pass on what a station says, in a process of its own.

    \b
    mqtt and prometheus need the extra: pip install 'okng[bridges]'

    A bridge never holds the station up. While its peer is away nothing is lost: the rest comes from the station's
    journal. Without a position file a bridge begins with the first result after it has reached its peer.
    docs/bridges.md says more.
    """


@bridge.command()
@config_option
@click.option("--broker", required=True, help="mqtt://[USER@]HOST[:PORT], or mqtts:// for TLS.")
@click.option("--plant", required=True, help="The plant, in all topics: okng/PLANT/LINE/STATION/...")
@click.option("--line", required=True, help="The line, in all topics.")
@click.option(
    "--password-file", type=click.Path(path_type=Path), help="A file (0600) whose first line is the password."
)
@click.option("--ca", type=click.Path(path_type=Path), help="Certificates to trust, instead of the system's.")
@position_option
def mqtt(
    config: Path, broker: str, plant: str, line: str, password_file: Path | None, ca: Path | None, position: Path | None
) -> None:
    """Publish a station's results, state and statistics on an MQTT broker, until SIGTERM or Ctrl-C.

    \b
    Example: okng bridge mqtt --broker mqtts://press3@broker.plant --plant lyon --line body --password-file secret
    """
    _need("paho.mqtt.client")
    from edge.bridge.mqtt import MqttPeer, read_broker
    from edge.daemon.config import read_config

    station = read_config(config)
    place = f"okng/{_level('--plant', plant)}/{_level('--line', line)}/{station.station}"
    to = read_broker(broker, _first_line(password_file) if password_file else "", ca)
    _relay(station, "mqtt", position, lambda: MqttPeer(to, place))


@bridge.command()
@config_option
@click.option("--listen", default="127.0.0.1:9105", show_default=True, help="HOST:PORT of the page that is scraped.")
@position_option
def prometheus(config: Path, listen: str, position: Path | None) -> None:
    """Show a station's metrics to Prometheus at http://HOST:PORT/metrics, until SIGTERM or Ctrl-C.

    The page has neither password nor TLS: whoever reaches HOST:PORT can read it.

    \b
    Example: okng bridge prometheus --listen 127.0.0.1:9105
    """
    _need("prometheus_client")
    from edge.bridge.prometheus import PrometheusPeer
    from edge.daemon.config import read_config

    station = read_config(config)
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise UsageError(f"--listen {listen}: must be HOST:PORT, with a port from 1 to 65535")
    _relay(station, "prometheus", position, lambda: PrometheusPeer(station.station, host, int(port)))


@bridge.command()
@config_option
@click.option("--url", required=True, help="Where to: https://HOST/PATH, or http:// within this machine or network.")
@click.option("--token-file", type=click.Path(path_type=Path), help="A file (0600) with a bearer token.")
@position_option
def webhook(config: Path, url: str, token_file: Path | None, position: Path | None) -> None:
    """Send each of a station's results to a web server as a POST, until SIGTERM or Ctrl-C.

    \b
    Example: okng bridge webhook --url https://mes.plant/okng --token-file token
    """
    from edge.bridge.webhook import WebhookPeer
    from edge.daemon.config import read_config

    token = _first_line(token_file) if token_file else ""
    WebhookPeer(url, token)  # so that a wrong one is told at once
    _relay(read_config(config), "webhook", position, lambda: WebhookPeer(url, token))


def _relay(
    station: StationConfig, name: str, position: Path | None, peer: Callable[[], AbstractContextManager[Peer]]
) -> None:
    from edge.bridge.position import Position
    from edge.bridge.relay import TOPICS, Relay
    from edge.client.configured import station_of
    from edge.daemon.systemd import log_format

    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    logging.getLogger().handlers[0].setFormatter(log_format())
    file = position or Path(station.journal.folder).parent / f"{station.station}.{name}-position"
    relay = Relay(lambda after: station_of(station, topics=TOPICS, after=after), Position(file))
    with suppress(KeyboardInterrupt):  # SIGTERM too, see edge.cli: the end that it is meant to have
        relay.run(peer)


def _need(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise UsageError(f"a bridge needs the extra bridges: pip install 'okng[bridges]' ({error})") from None


def _level(option: str, name: str) -> str:
    """A level of a topic: none of MQTT's own signs, and no other way to write the same."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
        raise UsageError(f"{option} {name!r}: must be 1 to 40 of A-Z a-z 0-9 _ -")
    return name


def _first_line(file: Path) -> str:
    from edge.contract.key_files import read_private

    lines = read_private(file).decode("utf-8", "replace").splitlines()
    if not lines or not lines[0]:
        raise UsageError(f"{file}: its first line is empty; there must be at least one character")
    return lines[0]
