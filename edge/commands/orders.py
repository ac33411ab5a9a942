"""What a person tells or asks a running station: to inspect or not, thresholds, protection, decisions."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from edge.commands.common import operator_option, station_at
from edge.options import config_option

reason_option = click.option("--reason", default="", help="Why, for the record.")


@click.command()
@config_option
def start(config: Path) -> None:
    """Let the station inspect."""
    with station_at(config) as station:
        station.start()


@click.command()
@config_option
def stop(config: Path) -> None:
    """Have the station inspect no more, until `okng start`. The daemon stays; SIGTERM ends it."""
    with station_at(config) as station:
        station.stop()


@click.command()
@click.argument("part", default="")
@config_option
def trigger(part: str, config: Path) -> None:
    """Inspect the part in front of the camera once, and print the id of the inspection.

    \b
    Example: okng trigger A-1024
    """
    with station_at(config) as station:
        click.echo(station.trigger(part))


@click.command()
@operator_option
@reason_option
@config_option
def pause(operator: str, reason: str, config: Path) -> None:
    """Have the station inspect nothing until `okng resume`, over restarts too. Parts that come are rejected.

    \b
    Example: okng pause --reason 'lamp is changed'
    """
    with station_at(config) as station:
        station.pause(operator, reason)


@click.command()
@operator_option
@config_option
def resume(operator: str, config: Path) -> None:
    """Let the station go on after `okng pause`.

    \b
    Example: okng resume
    """
    with station_at(config) as station:
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
    with station_at(config) as station:
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
    with station_at(config) as station:
        found = station.protect(inspection, operator, on=not off)
    click.echo(f"{inspection}: {'protected' if found.protected else 'no longer protected'}")


def _decision_command(name: str, summary: str) -> click.Command:
    @click.command(name, help=f"{summary}\n\n\b\nExample: okng {name} 3f9a12c4-17 --reason 'only dust'")
    @click.argument("inspection", metavar="ID")
    @operator_option
    @click.option("--code", default="", help="Why, by one of the station's reasons (`okng status`).")
    @click.option("--reason", default="", help="Why, in words.")
    @config_option
    def decide(inspection: str, operator: str, code: str, reason: str, config: Path) -> None:
        from edge.contract.types import Decision

        with station_at(config) as station:
            station.decide(inspection, Decision(name), operator, reason, code=code)
        click.echo(f"{inspection}: {name}ed by {operator}")

    return decide


accept = _decision_command("accept", "An operator accepts the part of inspection ID; the journal keeps it.")
reject = _decision_command("reject", "An operator rejects the part of inspection ID; the journal keeps it.")


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

    with station_at(config) as station:
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
    with station_at(config) as station:
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


COMMANDS = (start, stop, trigger, pause, resume, threshold, protect, accept, reject, undo, decisions)
