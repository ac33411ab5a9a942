"""`okng keys` and `okng sign`: keys that sign bundles, keys of the wire. Heavy imports wait until a command runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.errors import UsageError

if TYPE_CHECKING:
    from edge.contract.keys import KeyEntry, Passphrase, SigningKey
    from edge.wire.allowed import Allowed

folder_option = click.option(
    "--folder", type=click.Path(path_type=Path), default=lambda: default_folder(),
    show_default="$OKNG_KEYS, else ~/.config/okng/keys", help="The folder of keys.",
)  # fmt: skip
passphrase_option = click.option(
    "--passphrase-file", type=click.Path(path_type=Path), help="A file whose first line is the key's passphrase."
)


def default_folder() -> Path:
    """OKNG_KEYS, else `okng/keys` in XDG_CONFIG_HOME, as the XDG base directory specification has it."""
    if "OKNG_KEYS" in os.environ:
        return Path(os.environ["OKNG_KEYS"])
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "okng" / "keys"


station_option = click.option(
    "--config", type=click.Path(path_type=Path), default="station.toml", envvar="OKNG_CONFIG", show_default=True,
    show_envvar=True, help="The station file.",
)  # fmt: skip


@click.group()
def keys() -> None:
    """Make and look at keys.

    There are two kinds. A signing key (NAME.key, NAME.pub; `make`) signs bundles, and stations know by it whose bundles
    to trust. A key of the wire (NAME.wire-secret, NAME.wire-public; `new`) lets a program connect to a station over
    the network, once the station allows it (`allow`), until it no longer does (`revoke`).
    """


@keys.command()
@click.argument("name")
@folder_option
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase to lock the private key with.")
@passphrase_option
def make(name: str, folder: Path, passphrase: bool, passphrase_file: Path | None) -> None:
    """Make a pair of signing keys: NAME.key signs bundles, and stays with you; NAME.pub goes to the stations.

    \b
    Example: okng keys make engineering
    """
    from edge.contract.keys import make_key

    secret = b""
    if passphrase_file:
        secret = _first_line(passphrase_file)
    elif passphrase:
        secret = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True).encode()
    made = make_key(folder, name, secret)
    click.echo(f"{made.name}: {made.fingerprint}")


@keys.command("list")
@folder_option
@click.option("--config", type=click.Path(path_type=Path), help="A station file: list instead who may connect to it.")
def list_(folder: Path, config: Path | None) -> None:
    """List the keys of a folder: name, kind, whether the private half is there too, short fingerprint or public key."""
    from edge.contract.keys import list_keys
    from edge.wire.keys import WIRE, list_wire_keys

    if config:
        for name, client in _allowed(config)[1].items():
            click.echo(f"{name:<20} {client.role:<8}  {client.key}")
        return
    for entry in list_keys(folder):
        click.echo(_shown(entry))
    for key in list_wire_keys(folder):
        halves = "secret and public" if key.secret else "public"
        shown = f"{key.name:<20} {WIRE:<7}  {halves:<18}  {key.public}" if key.public else f"{key.name}:"
        click.echo(f"{shown}  {key.problem}".rstrip())


@keys.command()
@click.argument("name")
@folder_option
def new(name: str, folder: Path) -> None:
    """Make a pair of keys of the wire: NAME.wire-secret connects, and stays where it is; NAME.wire-public is to give.

    A station needs a pair of its own (`wire.key` in its file), and so does each program that connects to it.

    \b
    Example: okng keys new gateway
    """
    from edge.wire.keys import make_wire_key

    made = make_wire_key(folder, name)
    click.echo(f"{name}: {made.public}")


@keys.command()
@click.argument("key")
@click.option("--role", required=True, type=click.Choice(["viewer", "operator", "engineer"]), help="What it may do.")
@station_option
@folder_option
def allow(key: str, role: str, config: Path, folder: Path) -> None:
    """Let KEY connect to a station: a name in the folder of keys, or a file NAME.wire-public. It holds at once.

    \b
    viewer    listens, and asks how the station is
    operator  also starts, stops, triggers and decides
    engineer  everything

    \b
    Example: okng keys allow gateway --role viewer
    """
    from edge.contract.key_files import check_name
    from edge.wire.allowed import Allowed, Role, write_allowed
    from edge.wire.keys import PUBLIC, read_public

    path = find_key(key, PUBLIC, folder)
    name, public = path.name.removesuffix(PUBLIC), read_public(path)
    check_name(name)
    file, found = _allowed(config, new=True)
    if taken := next((other for other, client in found.items() if client.key == public and other != name), None):
        raise UsageError(f"{path}: this key is allowed as {taken!r} already; revoke that first")
    if name in found and found[name].key != public:
        raise UsageError(f"{file}: {name!r} is another key there; revoke that first, or name the file differently")
    write_allowed(file, found | {name: Allowed(Role(role), public)})
    click.echo(f"{name}: {role}")


@keys.command()
@click.argument("name")
@station_option
def revoke(name: str, config: Path) -> None:
    """Let the key that is allowed as NAME connect to a station no more. It holds at once.

    \b
    Example: okng keys revoke gateway
    """
    from edge.wire.allowed import write_allowed

    file, found = _allowed(config)
    if name not in found:
        raise UsageError(f"{file}: no {name!r} there; there are {', '.join(found) or 'none'}")
    write_allowed(file, {other: client for other, client in found.items() if other != name})
    click.echo(f"{name}: revoked")


def _allowed(config: Path, *, new: bool = False) -> tuple[Path, dict[str, Allowed]]:
    """A station's file of who may connect, and what is in it; a `new` one may be absent yet. Raises UsageError."""
    from edge.daemon.config import read_config
    from edge.wire.allowed import read_allowed

    wire = read_config(config).wire
    if wire.allowed is None:
        raise UsageError(f"{config}: wire.allowed is missing; name there the file of who may connect, and wire.key")
    file = Path(wire.allowed)
    return file, {} if new and not file.exists() else read_allowed(file)


@keys.command()
@click.argument("key")
@folder_option
def show(key: str, folder: Path) -> None:
    """Print the public half of KEY, a name in the folder or a file, and its whole fingerprint.

    \b
    Example: okng keys show engineering
    """
    from edge.contract.keys import PUBLIC
    from edge.contract.signature import encode_public_key, read_public_key

    found = read_public_key(find_key(key, PUBLIC, folder))
    click.echo(encode_public_key(found.raw), nl=False)
    click.echo(found.fingerprint)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--key", required=True, help="The private key: a name in the folder of keys, or a file.")
@folder_option
@passphrase_option
def sign(bundle: Path, key: str, folder: Path, passphrase_file: Path | None) -> None:
    """Sign BUNDLE, so that stations which trust the key run it. Its digest stays the same.

    \b
    Example: okng sign bundles/first --key engineering
    """
    from edge.contract.bundle import sign_bundle

    signed = sign_bundle(bundle, read_key(key, folder, passphrase_file))
    click.echo(f"{bundle}: {signed.short} is signed by {signed.signer and signed.signer.short}")


def read_key(key: str, folder: Path | None = None, passphrase_file: Path | None = None) -> SigningKey:
    """The private key of that name or in that file; where it is locked, asks for the passphrase. Raises UsageError."""
    from edge.contract.keys import PRIVATE, read_signing_key

    path = find_key(key, PRIVATE, folder)
    return read_signing_key(path, _passphrase(path, passphrase_file))


def find_key(key: str, suffix: str, folder: Path | None = None) -> Path:
    """The file that `key` means: a name, which has neither a folder nor a suffix, is looked up in `folder`."""
    path = Path(key)
    if path.suffix or len(path.parts) != 1:
        return path
    return (folder or default_folder()) / f"{key}{suffix}"


def _passphrase(path: Path, file: Path | None) -> Passphrase:
    def ask() -> bytes:
        if file:
            return _first_line(file)
        if not sys.stdin.isatty():
            raise UsageError(f"{path}: is locked, and nobody is here to ask; give --passphrase-file")
        return str(click.prompt(f"Passphrase of {path}", hide_input=True, err=True)).encode()

    return ask


def _first_line(path: Path) -> bytes:
    try:
        line, *_ = path.read_bytes().splitlines() or [b""]
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if not line:
        raise UsageError(f"{path}: its first line is empty; a passphrase has at least one character")
    return line


def _shown(entry: KeyEntry) -> str:
    if entry.public is None:
        return f"{entry.name}: {entry.problem}"
    halves = "private and public" if entry.private else "public"
    line = f"{entry.name:<20} {entry.kind}  {halves:<18}  {entry.public.short}"
    return f"{line}  {entry.problem}".rstrip()
