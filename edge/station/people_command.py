"""`okng people`: who may sign in to the operator page. Heavy imports wait until a command runs."""

from __future__ import annotations

from pathlib import Path

import click

from edge.errors import UsageError

people_option = click.option(
    "--people", "file", type=click.Path(path_type=Path), default="people.toml", envvar="OKNG_PEOPLE",
    show_default=True, show_envvar=True, help="The file of those who may sign in to the page.",
)  # fmt: skip


@click.group()
def people() -> None:
    """Say who may decide, or set up, at the operator page, and by which PIN. It holds at once.

    \b
    viewer    whoever is not signed in: sees the line
    operator  also decides
    engineer  everything
    """


@people.command("set")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(["operator", "engineer"]), help="What they may do.")
@click.option("--token", is_flag=True, help="Make a token and print it, for a badge that a scanner reads.")
@click.option("--pin-file", type=click.Path(path_type=Path), help="A file whose first line is the PIN.")
@people_option
def set_(name: str, role: str, token: bool, pin_file: Path | None, file: Path) -> None:
    """Let NAME sign in, with the PIN that is asked for; a new one replaces the old and ends its sessions.

    \b
    Example: okng people set Ann --role operator
    """
    from edge.station.people import Person, check_person, hashed, read_people, write_people
    from edge.wire.allowed import Role

    found = read_people(file)
    pin = _pin(name, token, pin_file)
    check_person(name, pin)
    write_people(file, found | {name: Person(Role(role), hashed(pin))})
    click.echo(f"{name}: {role}" + (f", token {pin}" if token else ""))


@people.command("list")
@people_option
def list_(file: Path) -> None:
    """List who may sign in, and as what.

    \b
    Example: okng people list
    """
    from edge.station.people import read_people

    for name, person in read_people(file).items():
        click.echo(f"{name:<20} {person.role}")


@people.command()
@click.argument("name")
@people_option
def remove(name: str, file: Path) -> None:
    """Let NAME sign in no more, and end the sessions of that name.

    \b
    Example: okng people remove Ann
    """
    from edge.station.people import read_people, write_people

    found = read_people(file)
    if name not in found:
        raise UsageError(f"{file}: no {name!r} there; there are {', '.join(found) or 'none'}")
    write_people(file, {other: person for other, person in found.items() if other != name})
    click.echo(f"{name}: removed")


def _pin(name: str, token: bool, pin_file: Path | None) -> str:
    if token:
        import secrets

        return secrets.token_hex(12)
    if pin_file is None:
        return str(click.prompt(f"PIN of {name}", hide_input=True, confirmation_prompt=True))
    try:
        with pin_file.open(encoding="utf-8") as lines:
            return lines.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{pin_file}: cannot be read: {getattr(error, 'strerror', error)}") from None
