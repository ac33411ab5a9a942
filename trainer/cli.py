"""The commands of the trainer: `okng dataset`, `train`, `evaluate`, `demo`. Heavy imports wait until a command runs."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click


@click.group()
def dataset() -> None:
    """Make and look at sets of labelled images."""


@dataset.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--count", default=400, show_default=True, help="Number of images.")
@click.option("--ng", "ng_share", default=0.3, show_default=True, help="Share of ng images, 0 to 1.")
@click.option("--product", default="metal", show_default=True, type=click.Choice(["metal", "plastic"]),
              help="What is drawn: grey metal, or plastic in colour.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="The same seed draws the same parts.")
def synthesize(out: Path, count: int, ng_share: float, product: str, seed: int) -> None:
    """Draw parts with and without faint defects into OUT, with pixel masks.

    \b
    Example: okng dataset synthesize parts --count 600 --seed 1
    """
    from trainer.synthesize import write_dataset

    progress = _counting("drawing", quiet=False)
    write_dataset(out, count=count, ng_share=ng_share, seed=seed, product=product, progress=progress)
    click.echo(f"{out}: {count} images of {product} parts")


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run; must not exist yet.")
@click.option(
    "--size", default=224, show_default=True, type=click.IntRange(32, 1024), help="Side of the input, pixels."
)
@click.option("--steps", default=1000, show_default=True, type=click.IntRange(1), help="Training steps of 32 images.")
@click.option("--max-minutes", type=click.FloatRange(0.05), help="Finish within this time on slow machines.")
@click.option("--test-fold", type=click.IntRange(0), help="Keep this fold out, for the report.")
@click.option("--colour", type=click.Choice(["grey", "bgr"]), help="Default: grey where the images are grey.")
@click.option("--region", help="LEFT,TOP,WIDTH,HEIGHT to inspect, as fractions of the frame.")
@click.option("--clahe", type=click.FloatRange(0.1, 40), help="Equalise local contrast, with this clip limit.")
@click.option("--flat-field", type=click.Path(path_type=Path), help="Image of an evenly lit blank, to even out light.")
@click.option("--masks/--no-masks", "use_masks", default=True, show_default=True, help="Learn from masks where given.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1),
    help="The same seed and data give the same network.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def train(
    data: Path, out: Path, size: int, steps: int, max_minutes: float | None, test_fold: int | None, colour: str | None,
    region: str | None, clahe: float | None, flat_field: Path | None, use_masks: bool,
    seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Train a network on the images in DATA and leave a run, with a report, in OUT.

    \b
    DATA is a folder per class (ok/ and any others), the MVTec AD layout, or has a manifest.csv.
    Example: okng train photos --out runs/first
    """
    spec = _spec(region, clahe, flat_field)
    from trainer.framework import wake

    wake()
    from trainer.console import listening
    from trainer.session import Request, run_training
    from trainer.train import Plan

    plan = Plan(steps=steps, seed=seed, max_seconds=max_minutes * 60 if max_minutes else None)
    with listening(quiet=as_json) as listener:
        found = run_training(Request(data, out, size, colour, test_fold, use_masks, plan, spec), listener)
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"validation: AUROC {found['validation_auroc']:.3f}, average precision {found['validation_ap']:.3f}")
    click.echo(f"report: {out / 'report.html'}\nnext: okng convert {out} --out BUNDLE")


@click.command()
@click.argument("subject", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--fold", type=click.IntRange(0), help="Only the images of this fold.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for report.html, metrics.json, predictions.jsonl.")
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON.")
def evaluate(subject: Path, data: Path, fold: int | None, out: Path | None, as_json: bool) -> None:
    """Judge the images in DATA with SUBJECT, a run or a bundle, and say how good it is.

    \b
    Images that SUBJECT has learned from are left out and counted.
    Example: okng evaluate bundles/first photos --out reports/first
    """
    from edge.contract.storage import new_folder
    from trainer.dataset import read_samples
    from trainer.evaluate import evaluate as judge_all
    from trainer.evaluate import figures, open_subject, select_fold
    from trainer.framework import wake
    from trainer.run import is_run

    if is_run(subject):
        wake()
    with new_folder(out) if out else nullcontext() as folder:
        samples = select_fold(read_samples(data), fold)
        found = judge_all(open_subject(subject), samples, _counting("judging", quiet=as_json))
        metrics = figures(found)
        if folder:
            _write_evaluation(folder, f"{subject.name} on {data.resolve().name}", found, metrics)
    if as_json:
        click.echo(json.dumps(metrics))
    else:
        _print_metrics(metrics, out)


@click.command()
@click.option("--out", default="demo", show_default=True, type=click.Path(path_type=Path), help="Folder for all of it.")
@click.option("--bundle", is_flag=False, flag_value="shipped", metavar="[BUNDLE]",
              help="Train nothing: use the shipped bundle, or this one.")  # fmt: skip
@click.option("--headless", is_flag=True, help="Needs no terminal and shows nothing live.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line.")
def demo(out: Path, bundle: str | None, headless: bool, as_json: bool) -> None:
    """The whole loop without hardware: draw parts, train, convert, inspect, and a page to look at.

    \b
    Example: okng demo
             okng demo --bundle   (seconds instead of minutes)
    """
    from edge.shipped import shipped_bundle
    from trainer.demo.loop import run_demo

    given = None if bundle is None else shipped_bundle() if bundle == "shipped" else Path(bundle)
    say = (lambda _text: None) if headless else (lambda text: click.echo(text, err=True))
    found = run_demo(out, given, shown=not headless, say=say)
    if as_json:
        click.echo(json.dumps(found))
        return
    hit = found["peak_hit_rate"]
    click.echo(f"{found['parts']} parts, {found['results']} results, {found['journal_rows']} journal rows: "
               f"{found['ok']} OK, {found['review']} REVIEW, {found['ng']} NG, {found['fault']} FAULT")  # fmt: skip
    click.echo(
        f"AUROC {found['auroc']:.3f}, peak on the fault {hit:.1%}" if hit is not None else f"AUROC {found['auroc']}"
    )
    click.echo(f"look at {out / 'index.html'}")


def _write_evaluation(folder: Path, title: str, found: Any, metrics: dict[str, Any]) -> None:
    from trainer.evaluate import predictions
    from trainer.report import render_report

    (folder / "report.html").write_text(render_report(title, found, metrics, held_out=True), encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1))
    lines = (json.dumps(record) + "\n" for record in predictions(found))
    (folder / "predictions.jsonl").write_text("".join(lines))


def _print_metrics(metrics: dict[str, Any], out: Path | None) -> None:
    hit = metrics["peak_hit_rate"]
    click.echo(f"{metrics['images']} images: {metrics['ok']} ok, {metrics['ng']} ng")
    click.echo(f"AUROC {metrics['auroc']:.3f}  average precision {metrics['ap']:.3f}"
               + (f"  peak on the fault {hit:.1%}" if hit is not None else ""))  # fmt: skip
    for label, row in metrics["verdicts"].items():
        click.echo(f"{label}: {row['ok']} OK, {row['review']} REVIEW, {row['ng']} NG")
    if metrics["unreadable"]:
        click.echo(f"left out, unreadable: {', '.join(metrics['unreadable'])}")
    if metrics["learned_from"]:
        click.echo(f"left out, learned from: {metrics['learned_from']}")
    if out:
        click.echo(f"report: {out / 'report.html'}")


def _spec(region: str | None, clahe: float | None, flat_field: Path | None) -> Any:
    from edge.contract.preprocess import Clahe, PreprocessSpec, Region
    from edge.errors import UsageError

    try:
        corners = [float(value) for value in region.split(",")] if region else [0.0, 0.0, 1.0, 1.0]
        if len(corners) != 4 or not all(0 <= value <= 1 for value in corners):
            raise ValueError(f"{region} is not four fractions from 0 to 1")
        area = Region(*corners)
    except ValueError as error:
        raise UsageError(f"--region: {error}; give LEFT,TOP,WIDTH,HEIGHT such as 0.1,0.1,0.8,0.8") from None
    blank = _flat_field_png(flat_field) if flat_field else None
    return PreprocessSpec(region=area, clahe=Clahe(clip_limit=clahe) if clahe else None, flat_field=blank)


def _flat_field_png(path: Path) -> bytes:
    """The blank as PNG, small: uneven light is smooth, so detail would only carry its dust into the card."""
    import cv2

    from edge.contract.images import read_image

    image = read_image(path)
    scale = min(1.0, 256 / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", small)[1].tobytes()


def _counting(work: str, *, quiet: bool) -> Callable[[int, int], None]:
    """Shows how far the work is, on a terminal only."""

    def count(done: int, total: int) -> None:
        if not quiet and sys.stderr.isatty():
            click.echo(f"\r{work} {done}/{total}", nl=done == total, err=True)

    return count


def commands() -> list[click.Command]:
    """Those that can run here: training needs the `train` extra."""
    extra = all(importlib.util.find_spec(name) for name in ("tensorflow", "sklearn", "matplotlib"))
    return [dataset, train, evaluate, demo] if extra else [dataset]
