"""`okng convert` and `okng edgetpu`. Heavy imports wait until a command runs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edge.contract.card import Format


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the bundle; must not exist yet.")
@click.option(
    "--target", multiple=True, metavar="NAME=SHARE",
    help="What the thresholds promise, as in `okng train`; default: what was asked for there.",
)  # fmt: skip
@click.option("--sign", help="Sign the bundle with this private key: a name in the folder of keys, or a file.")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Its first line is the key's passphrase.")
@click.option("--format", "kind", default="int8", show_default=True, type=click.Choice(["int8", "float16", "dynamic"]),
              help="How it computes: the latter two in float32, slower, their weights in 16 or 8 bits.")  # fmt: skip
@click.option("--remedies/--no-remedies", default=True, show_default=True,
              help="Where int8 does not say what float says: clip ranges, then fine-tune (minutes).")  # fmt: skip
@click.option("--layers", is_flag=True, help="Show where int8 loses, operator by operator, worst first.")
@click.option("--json", "as_json", is_flag=True, help="Print the parity figures as JSON.")
def convert(
    run: Path, out: Path, target: tuple[str, ...], sign: str | None, passphrase_file: Path | None, kind: Format,
    remedies: bool, layers: bool, as_json: bool,
) -> None:  # fmt: skip
    """Make a bundle for the board of RUN: an int8 model with its card and golden set.

    \b
    Example: okng convert runs/first --out bundles/first
    """
    import msgspec

    from edge.commands.keys import read_key
    from edge.errors import UsageError
    from trainer.calibrate import describe, parse_target
    from trainer.framework import wake
    from trainer.run import read_run

    if layers and kind != "int8":
        raise UsageError(f"--layers: shows what int8 loses; a model of {kind} computes in float")
    wanted = parse_target(target) if target else None
    key = read_key(sign, passphrase_file=passphrase_file) if sign else None  # said now: the work takes a while
    opened = read_run(run)
    wake()
    from converters.convert import Wish
    from converters.convert import convert as make

    wish = Wish(kind, remedies, layers, wanted, key)
    found = make(opened, out, lambda text: None if as_json else click.echo(text, err=True), wish)
    card, parity = found.card, found.card.parity
    if as_json:
        table = {"layers": msgspec.to_builtins(found.layers)} if layers else {}
        click.echo(msgspec.json.encode({**msgspec.to_builtins(parity), "remedy": found.remedy, **table}))
        return
    click.echo(
        f"{out}: {kind} against float on {parity.images} images: {parity.equal_verdicts:.1%} equal verdicts, "
        f"score off by {parity.score_difference_mean:.4f} on average, maps correlate {parity.map_correlation:.4f}"
    )
    if found.remedy:
        click.echo(f"remedy: {found.remedy}")
    if not found.passes:
        click.echo("below the bar of int8 all the same: look at --layers, or take --format float16", err=True)
    if layers:
        _print_layers(found.layers)
    for line in describe(card.calibration, card.thresholds, card.pooling):
        click.echo(line)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path),
              help="Write a bundle with the compiled model in it here, unsigned; needs edgetpu_compiler.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def edgetpu(bundle: Path, out: Path | None, as_json: bool) -> None:
    """Say which operators of BUNDLE a Coral Edge TPU takes, and why not the others. Ends with 1 where some are left.

    \b
    Example: okng edgetpu bundles/first
    """
    import msgspec

    from converters.edgetpu import MAPPED, check_bundle

    report = check_bundle(bundle, out)
    if as_json:
        click.echo(msgspec.json.encode({**msgspec.to_builtins(report), "maps": report.maps}))
    else:
        for row in report.rules:
            shapes = ", ".join("x".join(map(str, shape)) for shape in row.shapes)
            click.echo(f"{row.operator:<24} {row.count:>3}  {row.type:<8} {row.reason or MAPPED}  [{shapes}]")
        click.echo(report.why_not_compiled or "edgetpu_compiler says:")
        for line in report.compiler or ():
            click.echo(f"{line.operator:<24} {line.count:>3}  {line.status}")
    sys.exit(0 if report.maps else 1)


def _print_layers(layers: tuple[Any, ...]) -> None:
    click.echo("signal to noise of each operator's output; own: of its rounding and clipping alone")
    click.echo("   dB    own  rms, units  clipped  operator")
    for row in layers:
        shape = "x".join(map(str, row.shape))
        click.echo(
            f"{row.snr_db:5.1f}  {row.own_snr_db:5.1f}  {row.rmse_units:10.2f}  {row.clipped:7.2%}  "
            f"{row.operator} {shape} {row.name}"
        )


def commands() -> list[click.Command]:
    """Those that can run here: converting needs the `train` extra."""
    return [convert, edgetpu] if importlib.util.find_spec("tensorflow") else []
