"""The program `okng`. Imports of weight wait until a command runs, so that `okng --help` is there at once."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import logging
import os
import select
import signal
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn

import click

from edge import __version__
from edge.bridge.commands import bridge
from edge.commands import changes, orders, watch
from edge.commands.journal import journal
from edge.commands.keys import find_key, keys, sign
from edge.commands.replay import replay
from edge.commands.review import review
from edge.contract import interrupts
from edge.errors import BundleError, OkngError
from edge.options import config_option
from edge.station.command import station
from edge.station.people_command import people

NEEDS_TRAINING_EXTRA = ("train", "evaluate", "convert", "demo")


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
            if not _unread():  # another pipe broke
                raise
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
for command in (*watch.COMMANDS, *orders.COMMANDS, *changes.COMMANDS):
    okng.add_command(command)


@okng.command()
@config_option
@click.option("-v", "--verbose", is_flag=True, help="Log every inspection.")
def run(config: Path, verbose: bool) -> None:
    """Inspect: the station's daemon, until SIGTERM or Ctrl-C.

    \b
    Example: okng run --config station.toml
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # nothing is begun that must be taken back
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


def main() -> NoReturn:
    """Runs `okng`; every error of ours is one line on standard error."""
    interrupts.listen()
    if not faulthandler.is_enabled():
        faulthandler.enable(2)  # what crashes in a library's own code leaves a trace in the log
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


def _unread() -> bool:
    """Whether whoever read standard output has stopped."""
    poll = select.poll()
    with contextlib.suppress(io.UnsupportedOperation):  # a stand-in for it has no descriptor
        poll.register(sys.stdout, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _drop_output() -> None:
    """What is not written yet never will be: whoever reads it has stopped, and flushing it would wait for them."""
    with contextlib.suppress(io.UnsupportedOperation):  # a stand-in for standard output has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
