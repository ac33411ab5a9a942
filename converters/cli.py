"""`okng convert`. Heavy imports wait until the command runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the bundle; must not exist yet.")
@click.option("--json", "as_json", is_flag=True, help="Print the parity figures as JSON.")
def convert(run: Path, out: Path, as_json: bool) -> None:
    """Make a bundle for the board of RUN: an int8 model with its card and golden set.

    \b
    Example: okng convert runs/first --out bundles/first
    """
    import msgspec

    from trainer.framework import wake
    from trainer.run import read_run

    opened = read_run(run)
    wake()
    from converters.convert import convert as make

    card = make(opened, out, lambda text: None if as_json else click.echo(f"{text} …", err=True))
    if as_json:
        click.echo(msgspec.json.encode(card.parity))
        return
    parity = card.parity
    click.echo(
        f"{out}: int8 against float on {parity.images} images: {parity.equal_verdicts:.1%} equal verdicts, "
        f"score off by {parity.score_difference_mean:.4f} on average, maps correlate {parity.map_correlation:.4f}"
    )


def commands() -> list[click.Command]:
    """Those that can run here: converting needs the `train` extra."""
    return [convert] if importlib.util.find_spec("tensorflow") else []
