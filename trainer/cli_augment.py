"""`okng dataset augment`. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--recipe", default="standard", show_default=True, metavar="NAME|FILE",
              help="none, gentle, standard, strong, or a TOML file with the same keys.")  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The new picture, a PNG.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1),
              help="The same seed draws the same sheet.")  # fmt: skip
def augment(data: Path, recipe: str, out: Path, seed: int) -> None:
    """Draw a sheet that shows what a recipe of variations does to images of DATA: each part alone, then all of them.

    \b
    Faults are outlined where DATA has masks. Look whether a fault is still to be seen wherever there was one, and
    whether a good part could look like this.
    Example: okng dataset augment photos --recipe strong --out sheet.png
    """
    import cv2

    from edge.contract.storage import write_file
    from edge.errors import UsageError
    from trainer.augment.recipes import read_recipe
    from trainer.augment.sheet import draw_sheet

    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {out}: the sheet is a PNG; let its name end in .png")
    if out.exists():
        raise UsageError(f"{out}: is already there; name another file or remove it")
    sheet = draw_sheet(data, read_recipe(recipe), seed)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_file(out, cv2.imencode(".png", sheet)[1].tobytes())
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from None
    click.echo(f"look at {out}")
