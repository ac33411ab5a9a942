"""`okng station`: the operator page. Heavy imports wait until it runs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from edge.errors import UsageError


@click.command()
@click.option(
    "--config", type=click.Path(path_type=Path), default="station.toml", envvar="OKNG_CONFIG", show_default=True,
    show_envvar=True, help="The station file.",
)  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True,
              help="Where to listen. Beyond this machine anybody who reaches the page can decide.")  # fmt: skip
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65_535), help="0 takes a free one.")
@click.option("--operator", "operators", multiple=True, metavar="NAME",
              help="Who may decide; may be given again. Without it, a name is typed.")  # fmt: skip
def station(config: Path, host: str, port: int, operators: tuple[str, ...]) -> None:
    """Serve the operator page: what the line does now, and the parts that wait for a decision.

    \b
    It needs the station extra: pip install 'okng[station]'
    Example: okng station --operator ann --operator ben
    """
    from edge.daemon.config import read_config

    read = read_config(config)
    if find_spec("nicegui") is None:
        raise UsageError("okng station needs the station extra: pip install 'okng[station]'")
    from edge.station.feed import Feed
    from edge.station.regions import Regions
    from edge.station.serve import application, bind, serve
    from edge.wire.keys import ClientKeys

    keys = ClientKeys.of_station(Path(read.wire.key)) if read.wire.key else None
    listener = bind(host, port)
    feed = Feed(read.results_address, read.commands_address, keys)
    served = application(feed, Regions(Path(read.bundle)).find, operators, host)
    if host not in {"127.0.0.1", "::1", "localhost"}:
        click.echo(f"okng: whoever can reach {host} can see this page and decide; there is no password", err=True)
    name = f"[{host}]" if ":" in host else host
    click.echo(f"http://{name}:{listener.getsockname()[1]}/")
    serve(listener, served)
