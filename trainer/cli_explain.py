"""`okng explain`. Heavy imports wait until the command runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

METHODS = ("grad-cam", "grad-cam++", "layer-cam")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--method", default="grad-cam", show_default=True, type=click.Choice(METHODS), help="How to look back.")
@click.option("--layer", help="Layer whose features are weighed. Default: the last before the map.")
@click.option("--class", "kind", metavar="NAME",
              help="Explain this kind, of a network that tells kinds apart. Default: ng.")  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Picture to write, a .png.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def explain(
    run: Path, image: Path, method: str, layer: str | None, kind: str | None, out: Path, as_json: bool
) -> None:  # fmt: skip
    """Show where in IMAGE the float network of RUN looked, by its gradients: a check on the board's own map.

    \b
    Hottest is what speaks most for ng, or for the kind named, on a scale of its own in each picture.
    Example: okng explain runs/first photos/scratch/7.png --method layer-cam --out overlay.png
    """
    from edge.contract.images import read_image
    from edge.errors import UsageError
    from trainer.framework import wake
    from trainer.run import read_run

    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {out}: give it the ending .png")
    opened, pixels = read_run(run), read_image(image)
    wake()
    found = _explain(opened, pixels, method, layer, kind, out)
    if as_json:
        click.echo(json.dumps(found))
        return
    peak = (
        f"peak at {found['peak'][0]}, {found['peak'][1]}"
        if found["peak"]
        else f"nothing there speaks for {kind or 'ng'}"
    )
    named = f", named {found['kind']}" if found["kind"] else ""
    click.echo(f"{out}: {method} of layer {found['layer']}, {peak}; score {found['score']:.3f}{named}")


def _explain(
    run: Any, pixels: Any, method: str, layer: str | None, kind: str | None, out: Path
) -> dict[str, Any]:  # fmt: skip
    """Writes the overlay; the layer, the score and kind, and the peak (x, y) in the image where there is one."""
    import cv2
    import numpy as np

    from edge.contract.cam import name_kind, ng_map, peak, score
    from edge.contract.preprocess import centred, preprocess
    from edge.contract.storage import write_file
    from edge.errors import UsageError
    from trainer.explain import explain as look
    from trainer.explain import shown

    record, names = run.record, run.record.classes.names
    if kind is not None and kind not in names:
        raise UsageError(f"--class {kind}: {run.path} tells no such kind; it knows {', '.join(names)}")
    model, index = run.model(), names.index(kind) if kind else None
    seen = centred(preprocess(pixels, record.preprocess)[None])
    found = look(model, seen, method, layer, record.pooling, index, classes=record.classes)
    heat = found.maps[0]
    try:
        write_file(out, cv2.imencode(".png", shown(pixels, heat, record.preprocess))[1].tobytes())
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from None
    logits = np.asarray(model.predict_on_batch(seen))[0]
    place = peak(heat[..., None], record.preprocess, *pixels.shape[:2]) if heat.max() > 0 else None
    value = score(ng_map(logits, record.classes), record.pooling)
    named = name_kind(logits, record.pooling, record.classes, record.thresholds.verdict(value))
    return {"layer": found.layer, "method": method, "score": value, "kind": named, "peak": place}
