"""What a person has a running station judge by: bundles, recipes, and whether it still judges what is known right."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from edge.commands.common import station_at
from edge.errors import BundleError
from edge.options import config_option


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@config_option
def load(bundle: Path, config: Path) -> None:
    """Have the station judge with BUNDLE, once it has proved itself; if it does not, the station keeps what it had.

    It keeps a copy and judges with it after a restart too, until another is loaded or the station file names another.
    Should BUNDLE bring faults that were not there before, the station goes back to the one before by itself.

    \b
    Example: okng load bundles/second
    """
    with station_at(config) as station, _bad_bundles():
        found = station.load(str(bundle.absolute()))
    click.echo(f"{found.bundle_name} ({found.bundle[:12]}) judges from now on")


@click.command()
@config_option
def rollback(config: Path) -> None:
    """Have the station judge with the bundle before this one again.

    \b
    Example: okng rollback
    """
    with station_at(config) as station:
        found = station.rollback()
    click.echo(f"{found.bundle_name} ({found.bundle[:12]}) judges again")


@click.command()
@click.argument("recipe", metavar="NAME")
@config_option
def changeover(recipe: str, config: Path) -> None:
    """Have the station inspect another product, by recipe NAME of its folder of recipes.

    Refused while a part is in flight, and where recipe or bundle are not good: then the station keeps what it had. Its
    known frames must be judged right before the station is ready again.

    \b
    Example: okng changeover screw-m4
    """
    with station_at(config) as station, _bad_bundles():
        found = station.changeover(recipe)
    click.echo(f"{found.recipe} from now on, judged by {found.bundle_name} ({found.bundle[:12]})")


@click.command()
@config_option
def interlock(config: Path) -> None:
    """Have the station judge its known frames now; it is ready only while it judges them right. Exit status 1 if not.

    \b
    Example: okng interlock
    """
    with station_at(config) as station:
        found = station.interlock()
    for wrong in found.wrong:
        click.echo(wrong)
    click.echo(f"{found.frames} known frames, {len(found.wrong)} judged wrong")
    sys.exit(0 if found.passed else 1)


@click.command()
@click.argument("label", type=click.Choice(["ok", "ng"]))
@config_option
def golden(label: str, config: Path) -> None:
    """Inspect the known part in front of the camera, which is ok or ng. It is rejected in any case. Exit status 1 if
    it is judged wrong: then the station is not ready until it judges such a part right.

    \b
    Example: okng golden ng
    """
    with station_at(config) as station:
        found = station.golden("ok" if label == "ok" else "ng")
    click.echo(f"{found.inspection}: {'; '.join(found.wrong) or f'judged right, as {label}'}")
    sys.exit(0 if found.passed else 1)


@contextlib.contextmanager
def _bad_bundles() -> Iterator[None]:
    """What a station refuses because of the bundle is an error of the bundle, by exit status too."""
    from edge.client import CommandRefused
    from edge.wire.requests import ErrorCode

    try:
        yield
    except CommandRefused as error:
        raise BundleError(str(error)) if error.code == ErrorCode.BAD_BUNDLE else error from None


COMMANDS = (load, rollback, changeover, interlock, golden)
