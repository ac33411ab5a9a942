"""What a person sees of a running station: its results as they come, and its state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.commands.common import station_at
from edge.options import config_option

if TYPE_CHECKING:
    from edge.wire.messages import ResultMessage


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print each result as a JSON line.")
@click.option("--count", type=click.IntRange(1), help="End after so many results.")
@click.option("--after", default="", metavar="ID", help="First all results since inspection ID, from the journal.")
def watch(config: Path, as_json: bool, count: int | None, after: str) -> None:
    """Show the station's verdicts as they come, each of them, until Ctrl-C.

    \b
    Example: okng watch --config station.toml
    """
    import itertools

    import msgspec

    from edge.wire.messages import EventMessage, ResultMessage, StateMessage, Topic

    seen = itertools.count(1)
    with station_at(config, topics=(Topic.RESULT, Topic.STATE, Topic.EVENT), after=after) as station:
        last = None
        for message in station.messages(silence_s=5.0):
            if isinstance(message, ResultMessage):
                click.echo(msgspec.json.encode(message.header) if as_json else shown(message))
                if next(seen) == count:
                    return
            elif isinstance(message, EventMessage) and not as_json:
                click.secho(f"-- {message.header.event}", dim=True)
            elif isinstance(message, StateMessage) and not as_json:
                header = message.header
                now = (header.state, header.reason, *header.faults.values(), *header.warnings.values())
                if now != last:
                    click.secho(f"-- {': '.join(filter(None, now))}", dim=True)
                last = now


@click.command()
@config_option
def status(config: Path) -> None:
    """Print the station's state and counts as JSON."""
    import json

    from edge.wire.requests import Status

    with station_at(config) as station:
        click.echo(json.dumps(station.request(Status()), indent=1))


def shown(message: ResultMessage) -> str:
    """One line, coloured by its verdict."""
    header = message.header
    colour = {"ok": "green", "ng": "red", "review": "yellow", "fault": "magenta"}[header.verdict]
    score = "     " if header.score is None else f"{header.score:.3f}"
    verdict = click.style(f"{header.verdict.upper():<7}", fg=colour, bold=True)
    kind = f"{header.kind}  " if header.kind else ""
    return f"{verdict} {score}  {kind}{header.id}  {header.part or header.frame_name}  {header.reason}".rstrip()


COMMANDS = (watch, status)
