"""The program `okng`. Imports of weight wait until a command runs, so that `okng --help` is there at once."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import logging
import os
import signal
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from edge import __version__
from edge.bridge.commands import bridge
from edge.commands.journal import journal
from edge.commands.keys import find_key, keys, sign
from edge.commands.orders import COMMANDS as ORDERS
from edge.commands.replay import replay
from edge.commands.review import review
from edge.contract import interrupts
from edge.errors import BundleError, OkngError
from edge.station.command import station
from edge.station.people_command import people

if TYPE_CHECKING:
    from edge.client import Station
    from edge.wire.messages import ResultMessage

NEEDS_TRAINING_EXTRA = ("train", "evaluate", "convert", "demo")
config_option = click.option(
    "--config", type=click.Path(path_type=Path), default="station.toml", envvar="OKNG_CONFIG", show_default=True,
    show_envvar=True, help="The station file.",
)  # fmt: skip


class Program(click.Group):
    """The board's commands, and those of whatever else of okng is installed here."""

    def list_commands(self, context: click.Context) -> list[str]:
        """All names, also of commands that come as entry points."""
        self._find_plugins()
        return super().list_commands(context)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that name; where it is not installed, a hint how to get it."""
        if name not in self.commands:
            self._find_plugins()
        if name not in self.commands and name in NEEDS_TRAINING_EXTRA:
            context.fail(f"okng {name} needs the training extra: pip install 'okng[train]'")
        return super().get_command(context, name)

    def invoke(self, context: click.Context) -> Any:
        """Whoever reads the output may stop reading, as `head` does; click itself would end with 1 then."""
        try:
            return super().invoke(context)
        except BrokenPipeError:
            _drop_output()
            context.exit(0)

    def _find_plugins(self) -> None:
        for entry in entry_points(group="okng.commands"):
            for command in entry.load()():
                self.add_command(command)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="okng")
def okng() -> None:
    """Visual inspection on the edge: OK or NG, part by part, and where the fault is."""


okng.add_command(bridge)
okng.add_command(journal)
okng.add_command(keys)
okng.add_command(people)
okng.add_command(replay)
okng.add_command(review)
okng.add_command(sign)
okng.add_command(station)
for order in ORDERS:
    okng.add_command(order)


@okng.command()
@config_option
@click.option("-v", "--verbose", is_flag=True, help="Log every inspection.")
def run(config: Path, verbose: bool) -> None:
    """Inspect: the station's daemon, until SIGTERM or Ctrl-C.

    \b
    Example: okng run --config station.toml
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # nothing is begun that must be taken back
    faulthandler.enable()  # what crashes in a library's own code leaves a trace in the log
    from edge.daemon.config import read_config
    from edge.daemon.systemd import log_handler

    station = read_config(config)
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=level, handlers=[log_handler(station.station)])
    from edge.daemon.daemon import Daemon

    Daemon(station).run()


@okng.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--trusted", multiple=True,
              help="A public key, by name in the folder of keys or as file; one of them must have signed.")  # fmt: skip
@click.option("--runs", default=100, show_default=True, type=click.IntRange(0, 100_000),
              help="Invokes to time, beside one for each golden frame.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the proof as JSON.")
def verify(bundle: Path, trusted: tuple[str, ...], runs: int, as_json: bool) -> None:
    """Have BUNDLE prove itself: signature, digests, card against model, golden frames, speed on this machine.

    \b
    Example: okng verify bundles/first --trusted engineering
    """
    import msgspec

    from edge.contract.bundle import read_bundle
    from edge.contract.keys import PUBLIC
    from edge.contract.signature import read_public_key
    from edge.inference.verify import verify_in_child

    opened = read_bundle(bundle, [read_public_key(find_key(key, PUBLIC)) for key in trusted])
    proof = verify_in_child(bundle, runs)
    if proof.digest != opened.digest:
        raise BundleError(f"{bundle}: changed while it was being verified; start again")
    signed_by = opened.signature.fingerprint if opened.signature else None
    if as_json:
        signature = {"signed_by": signed_by, "signature_checked": opened.signer is not None}
        click.echo(msgspec.json.encode(msgspec.to_builtins(proof) | signature))
        return
    if opened.signer:
        whose = f"signed by {opened.signer.short} ({opened.signer.name})"
    elif signed_by:
        whose = f"says it is signed by {signed_by[:16]}, not checked: no --trusted key"
    else:
        whose = "not signed"
    click.echo(
        f"{bundle}: good, {whose}. Digest {opened.short}, {proof.golden} golden frames judged as recorded (maps within "
        f"{proof.worst_units} units), invoke {proof.invoke_ms} ms, 95 % within {proof.invoke_p95_ms} ms, over "
        f"{proof.invokes} runs with {proof.runtime}"
    )


@okng.command()
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
    with _station(config, topics=(Topic.RESULT, Topic.STATE, Topic.EVENT), after=after) as station:
        last = None
        for message in station.messages(silence_s=5.0):
            if isinstance(message, ResultMessage):
                click.echo(msgspec.json.encode(message.header) if as_json else _shown(message))
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


@okng.command()
@config_option
def status(config: Path) -> None:
    """Print the station's state and counts as JSON."""
    import json

    from edge.wire.requests import Status

    with _station(config) as station:
        click.echo(json.dumps(station.request(Status()), indent=1))


@okng.command()
@config_option
def start(config: Path) -> None:
    """Let the station inspect."""
    with _station(config) as station:
        station.start()


@okng.command()
@config_option
def stop(config: Path) -> None:
    """Have the station inspect no more, until `okng start`. The daemon stays; SIGTERM ends it."""
    with _station(config) as station:
        station.stop()


@okng.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@config_option
def load(bundle: Path, config: Path) -> None:
    """Have the station judge with BUNDLE, once it has proved itself; if it does not, the station keeps what it had.

    It keeps a copy and judges with it after a restart too, until another is loaded or the station file names another.
    Should BUNDLE bring faults that were not there before, the station goes back to the one before by itself.

    \b
    Example: okng load bundles/second
    """
    with _station(config) as station, _bad_bundles():
        found = station.load(str(bundle.absolute()))
    click.echo(f"{found.bundle_name} ({found.bundle[:12]}) judges from now on")


@okng.command()
@config_option
def rollback(config: Path) -> None:
    """Have the station judge with the bundle before this one again.

    \b
    Example: okng rollback
    """
    with _station(config) as station:
        found = station.rollback()
    click.echo(f"{found.bundle_name} ({found.bundle[:12]}) judges again")


@okng.command()
@click.argument("recipe", metavar="NAME")
@config_option
def changeover(recipe: str, config: Path) -> None:
    """Have the station inspect another product, by recipe NAME of its folder of recipes.

    Refused while a part is in flight, and where recipe or bundle are not good: then the station keeps what it had. Its
    known frames must be judged right before the station is ready again.

    \b
    Example: okng changeover screw-m4
    """
    with _station(config) as station, _bad_bundles():
        found = station.changeover(recipe)
    click.echo(f"{found.recipe} from now on, judged by {found.bundle_name} ({found.bundle[:12]})")


@okng.command()
@config_option
def interlock(config: Path) -> None:
    """Have the station judge its known frames now; it is ready only while it judges them right. Exit status 1 if not.

    \b
    Example: okng interlock
    """
    with _station(config) as station:
        found = station.interlock()
    for wrong in found.wrong:
        click.echo(wrong)
    click.echo(f"{found.frames} known frames, {len(found.wrong)} judged wrong")
    sys.exit(0 if found.passed else 1)


@okng.command()
@click.argument("label", type=click.Choice(["ok", "ng"]))
@config_option
def golden(label: str, config: Path) -> None:
    """Inspect the known part in front of the camera, which is ok or ng. It is rejected in any case. Exit status 1 if
    it is judged wrong: then the station is not ready until it judges such a part right.

    \b
    Example: okng golden ng
    """
    with _station(config) as station:
        found = station.golden("ok" if label == "ok" else "ng")
    click.echo(f"{found.inspection}: {'; '.join(found.wrong) or f'judged right, as {label}'}")
    sys.exit(0 if found.passed else 1)


@okng.command()
@click.argument("part", default="")
@config_option
def trigger(part: str, config: Path) -> None:
    """Inspect the part in front of the camera once, and print the id of the inspection.

    \b
    Example: okng trigger A-1024
    """
    with _station(config) as station:
        click.echo(station.trigger(part))


def _decision_command(name: str, summary: str) -> None:
    @okng.command(name, help=f"{summary}\n\n\b\nExample: okng {name} 3f9a12c4-17 --reason 'only dust'")
    @click.argument("inspection", metavar="ID")
    @click.option("--operator", default=lambda: os.environ.get("USER", "operator"), help="Who decides.")
    @click.option("--code", default="", help="Why, by one of the station's reasons (`okng status`).")
    @click.option("--reason", default="", help="Why, in words.")
    @config_option
    def decide(inspection: str, operator: str, code: str, reason: str, config: Path) -> None:
        from edge.contract.types import Decision

        with _station(config) as station:
            station.decide(inspection, Decision(name), operator, reason, code=code)
        click.echo(f"{inspection}: {name}ed by {operator}")


_decision_command("accept", "An operator accepts the part of inspection ID; the journal keeps it.")
_decision_command("reject", "An operator rejects the part of inspection ID; the journal keeps it.")


def _station(config: Path, **options: Any) -> Station:
    from edge.client.configured import station_of
    from edge.daemon.config import read_config

    return station_of(read_config(config), **options)


@contextlib.contextmanager
def _bad_bundles() -> Iterator[None]:
    """What a station refuses because of the bundle is an error of the bundle, by exit status too."""
    from edge.client import CommandRefused
    from edge.wire.requests import ErrorCode

    try:
        yield
    except CommandRefused as error:
        raise BundleError(str(error)) if error.code == ErrorCode.BAD_BUNDLE else error from None


def _shown(message: ResultMessage) -> str:
    header = message.header
    colour = {"ok": "green", "ng": "red", "review": "yellow", "fault": "magenta"}[header.verdict]
    score = "     " if header.score is None else f"{header.score:.3f}"
    verdict = click.style(f"{header.verdict.upper():<7}", fg=colour, bold=True)
    kind = f"{header.kind}  " if header.kind else ""
    return f"{verdict} {score}  {kind}{header.id}  {header.part or header.frame_name}  {header.reason}".rstrip()


def main() -> NoReturn:
    """Runs `okng`; every error of ours is one line on standard error."""
    interrupts.listen()
    try:
        okng.main(standalone_mode=False)
        status = 0
    except click.exceptions.Exit as done:
        status = done.exit_code
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except OkngError as error:
        click.echo(f"okng: {error}", err=True)
        status = error.exit_status
    except (click.Abort, KeyboardInterrupt):
        _drop_output()
        click.echo("okng: interrupted", err=True)
        status = 130
    sys.exit(status)


def _drop_output() -> None:
    """What is not written yet never will be: whoever reads it has stopped, and flushing it would wait for them."""
    with contextlib.suppress(io.UnsupportedOperation):  # a stand-in for standard output has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
