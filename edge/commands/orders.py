"""What a person tells or asks a running station beside starting it: pauses, thresholds, protection, decisions."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge.client import Station

config_option = click.option(
    "--config", type=click.Path(path_type=Path), default="station.toml", envvar="OKNG_CONFIG", show_default=True,
    show_envvar=True, help="The station file.",
)  # fmt: skip
operator_option = click.option(
    "--operator", default=lambda: os.environ.get("USER", "operator"), help="Who says so, for the record."
)
reason_option = click.option("--reason", default="", help="Why, for the record.")


@click.command()
@operator_option
@reason_option
@config_option
def pause(operator: str, reason: str, config: Path) -> None:
    """Have the station inspect nothing until `okng resume`, over restarts too. Parts that come are rejected.

    \b
    Example: okng pause --reason 'lamp is changed'
    """
    with _station(config) as station:
        station.pause(operator, reason)


@click.command()
@operator_option
@config_option
def resume(operator: str, config: Path) -> None:
    """Let the station go on after `okng pause`.

    \b
    Example: okng resume
    """
    with _station(config) as station:
        station.resume(operator)


@click.command()
@click.argument("ok_below", type=click.FloatRange(0, 1))
@click.argument("ng_from", type=click.FloatRange(0, 1))
@operator_option
@reason_option
@config_option
def threshold(ok_below: float, ng_from: float, operator: str, reason: str, config: Path) -> None:
    """Give the recipe in use other thresholds: scores below OK_BELOW are OK, from NG_FROM on NG, REVIEW between them.

    They count once the known frames are judged right by them, and over restarts and changeovers, until the recipe's
    file says others than it does now.

    \b
    Example: okng threshold 0.2 0.6 --reason 'too many false alarms on gloss'
    """
    from edge.contract.cam import Thresholds
    from edge.errors import UsageError

    try:
        wanted = Thresholds(ok_below, ng_from)
    except ValueError as error:
        raise UsageError(str(error)) from None
    with _station(config) as station:
        found = station.threshold(wanted, operator, reason)
    click.echo(f"{found.recipe}: OK below {found.thresholds.ok_below:g}, NG from {found.thresholds.ng_from:g}")


@click.command()
@click.argument("inspection", metavar="ID")
@click.option("--off", is_flag=True, help="End its protection.")
@operator_option
@config_option
def protect(inspection: str, off: bool, operator: str, config: Path) -> None:
    """Have the station keep inspection ID and its image whatever the journal's bounds are, until --off.

    \b
    Example: okng protect 3f9a12c4-17
    """
    with _station(config) as station:
        found = station.protect(inspection, operator, on=not off)
    click.echo(f"{inspection}: {'protected' if found.protected else 'no longer protected'}")


@click.command()
@click.argument("inspection", metavar="ID")
@operator_option
@config_option
def undo(inspection: str, operator: str, config: Path) -> None:
    """Take back the decision that stands on inspection ID: the one before it counts again, or none. All stay on record.

    \b
    Example: okng undo 3f9a12c4-17
    """
    from edge.errors import UsageError

    with _station(config) as station:
        standing = [each for each in station.decisions(inspection).decisions if not each.withdrawn_by]
        if not standing:
            raise UsageError(f"{inspection}: there is no decision to take back")
        said = station.undo(standing[-1].request_id, operator).said
    click.echo(f"{inspection}: {f'{said.decision}ed by {said.operator} again' if said else 'not decided any more'}")


@click.command()
@click.argument("inspection", metavar="ID", required=False)
@config_option
def decisions(inspection: str | None, config: Path) -> None:
    """List the REVIEW parts that wait for a decision, oldest first; with ID, all that was decided on that inspection.

    \b
    Example: okng decisions 3f9a12c4-17
    """
    with _station(config) as station:
        if inspection:
            for each in station.decisions(inspection).decisions:
                why = ", ".join(filter(None, (each.code, each.reason)))
                back = f"; taken back by {each.withdrawn_by}" if each.withdrawn_by else ""
                told = f"; the line got {each.signal}" if each.signal else ""
                click.echo(f"{_when(each.decided_ns)}  {each.decision}  {each.operator}  {why}{told}{back}".rstrip())
            return
        after = ""
        while True:
            page = station.waiting(after, limit=200, maps=False)
            for header in (each.header for each in page.results):
                click.echo(
                    f"{_when(header.triggered_ns)}  {header.id}  {header.score or 0:.3f}  {header.part}".rstrip()
                )
            if not page.more:
                return
            after = page.results[-1].header.id


def _when(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9).astimezone().isoformat(timespec="seconds")


def _station(config: Path) -> Station:
    from edge.client.configured import station_of
    from edge.daemon.config import read_config

    return station_of(read_config(config))


COMMANDS = (pause, resume, threshold, protect, undo, decisions)
