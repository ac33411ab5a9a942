"""`okng station`: the operator page. Heavy imports wait until it runs."""

from __future__ import annotations

from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.errors import UsageError
from edge.options import config_option
from edge.station.people_command import people_option

if TYPE_CHECKING:
    from edge.station.people import People


@click.command()
@config_option
@click.option("--host", default="127.0.0.1", show_default=True,
              help="Where to listen. Beyond this machine it takes PINs and a certificate.")  # fmt: skip
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65_535), help="0 takes a free one.")
@people_option
@click.option("--log", type=click.Path(path_type=Path), default="people.log", show_default=True,
              help="Where to write who did what.")  # fmt: skip
@click.option("--idle-min", type=click.FloatRange(0.1, 1440), default=5.0, show_default=True,
              help="After so long without a touch whoever is signed in no longer is.")  # fmt: skip
@click.option("--shift", "shifts", multiple=True, metavar="HH:MM", type=click.DateTime(["%H:%M"]),
              help="When a shift begins; may be given again. Else 06:00, 14:00 and 22:00.")  # fmt: skip
@click.option("--certificate", type=click.Path(path_type=Path), help="For https: the certificate, PEM, with --key.")
@click.option("--key", type=click.Path(path_type=Path), help="Its private key, PEM, which others cannot read.")
def station(
    config: Path, host: str, port: int, file: Path, log: Path, idle_min: float, shifts: tuple[datetime, ...],
    certificate: Path | None, key: Path | None,
) -> None:  # fmt: skip
    """Serve the operator page: what the line does now, and the parts that wait for a decision.

    Whoever reaches it sees the line; who may decide is said with `okng people set`.

    \b
    It needs the station extra: pip install 'okng[station]'
    Example: okng station --config station.toml
    """
    from edge.daemon.config import read_config
    from edge.station.people import People

    read = read_config(config)
    if find_spec("nicegui") is None:
        raise UsageError("okng station needs the station extra: pip install 'okng[station]'")
    from edge.station.audit import Audit
    from edge.station.feed import Feed
    from edge.station.regions import Regions
    from edge.station.serve import application, bind, check_tls, serve
    from edge.station.sessions import Sessions
    from edge.station.shift import STARTS, Shift
    from edge.wire.keys import ClientKeys

    people = People(file)
    tls = _tls(certificate, key)
    _check_reach(host, people, secure=tls is not None)
    if tls:
        check_tls(*tls)
    keys = ClientKeys.of_station(Path(read.wire.key)) if read.wire.key else None
    listener, audit = bind(host, port), Audit(log)
    shift = Shift([each.time() for each in shifts] or STARTS)
    feed = Feed(read.results_address, read.commands_address, keys, shift)
    served = application(feed, Regions(Path(read.bundle)).find, Sessions(people, audit, 60 * idle_min), audit, host)
    name = f"[{host}]" if ":" in host else host
    click.echo(f"{'https' if tls else 'http'}://{name}:{listener.getsockname()[1]}/")
    serve(listener, served, tls)


def _tls(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    if certificate and key:
        return certificate, key
    if certificate or key:
        raise UsageError("--certificate and --key belong together")
    return None


def _check_reach(host: str, people: People, *, secure: bool) -> None:
    """Raises UsageError: the page would be open to others without PINs, or their PINs to whoever listens."""
    from edge.contract.loopback import is_loopback

    if is_loopback(host):
        return
    if not people.known:
        raise UsageError(f"--host {host}: others can reach that, and nobody has a PIN yet; set one: okng people set")
    if not secure:
        raise UsageError(
            f"--host {host}: PINs would cross the network in the clear; give --certificate and --key, or keep to "
            "127.0.0.1 behind a reverse proxy (docs/operator-page.md)"
        )
