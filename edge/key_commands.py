"""`okng keys` and `okng sign`. Heavy imports wait until a command runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.errors import UsageError

if TYPE_CHECKING:
    from edge.contract.keys import KeyEntry, Passphrase, SigningKey

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


@click.group()
def keys() -> None:
    """Make and look at keys: with them bundles are signed, and stations know whose bundles to trust."""


@keys.command()
@click.argument("name")
@folder_option
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase to lock the private key with.")
@passphrase_option
def make(name: str, folder: Path, passphrase: bool, passphrase_file: Path | None) -> None:
    """Make a pair of keys: NAME.key signs, and stays with you; NAME.pub goes to the stations.

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
def list_(folder: Path) -> None:
    """List the keys of a folder: name, kind, whether the private half is there too, short fingerprint."""
    from edge.contract.keys import list_keys

    for entry in list_keys(folder):
        click.echo(_shown(entry))


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
