"""`okng pretrain`. Heavy imports wait until the command runs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--network", default="house-m", show_default=True, help="Whose weights.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write, .npz; must not exist yet.")
@click.option("--steps", default=6000, show_default=True, type=click.IntRange(1), help="Steps of 16 images.")
@click.option("--surfaces", default=7000, show_default=True, type=click.IntRange(2), help="Surfaces to draw.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 2))
@click.option("--precision", default="float32", show_default=True, help="As in a plan (docs/training.md).",
              type=click.Choice(["float32", "mixed_bfloat16", "mixed_float16"]))  # fmt: skip
def pretrain(network: str, out: Path, steps: int, surfaces: int, seed: int, precision: str) -> None:
    """Learn start weights by finding drawn faults on drawn surfaces; no image of any product takes part.

    \b
    Takes half an hour and more. An interrupted run goes on where it stood.
    Example: okng pretrain --network house-m --out house-m.npz
    """
    from trainer.framework import wake

    wake()
    import msgspec

    from trainer.console import listening
    from trainer.pretrain.learn import PLAN
    from trainer.pretrain.learn import pretrain as learn

    plan = msgspec.structs.replace(PLAN, steps=steps, seed=seed, precision=precision)
    with listening() as listener:
        found = learn(network, out, plan, surfaces, listener.reading, listener.training)
    click.echo(f"{out}: on surfaces not seen before AUROC {found['validation_auroc']:.3f}, "
               f"average precision {found['validation_ap']:.3f}")  # fmt: skip
