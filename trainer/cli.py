"""The commands of the trainer: `okng train`, `evaluate`, `explain`, `demo`. Heavy imports wait until a command runs."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from trainer.cli_dataset import counting, dataset
from trainer.cli_explain import explain
from trainer.networks import NAMES, read_choice, recommended
from trainer.pretrain.cli import pretrain


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run; must not exist yet.")
@click.option("--network", default="efficientnet-lite0", show_default=True, metavar="NAME[,OPTION=VALUE…]",
              help=f"One of {', '.join(NAMES)}. From mobilenetv2 on: stride=8 or 16; mobilenetv2: also alpha=0.35 to "
              "1.4.")  # fmt: skip
@click.option("--weights", default="start", show_default=True, metavar="none|start|imagenet|FILE",
              help="What the network starts with; FILE is .keras (of a run) or .h5 (of a backbone).")  # fmt: skip
@click.option("--tuning", metavar="frozen-cached|frozen|fine-tune[:LAYER]",
              help="What learns, where it starts with weights: the head, without or with variation of the images, or "
              "all from LAYER on. Default: what suits the network.")  # fmt: skip
@click.option(
    "--size", type=click.IntRange(32, 1024), help="Side of the input, pixels. Default: 224, or the network's own."
)
@click.option("--plan", "plan_file", type=click.Path(path_type=Path),
              help="TOML file of how it learns: loss, pooling, schedule, recipe (docs/training.md).")  # fmt: skip
@click.option("--recipe", metavar="NAME|FILE", help="How images are varied; `okng dataset augment` shows it. "
              "Default: standard, or the network's own.")  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(1), help="Training steps of 16 images. Default: 1000, or the network's own."
)
@click.option("--max-minutes", type=click.FloatRange(0.05), help="Finish within this time on slow machines.")
@click.option("--test-fold", type=click.IntRange(0), help="Keep this fold out, for the report.")
@click.option("--colour", type=click.Choice(["grey", "bgr"]), help="Default: grey where the images are grey.")
@click.option("--region", help="LEFT,TOP,WIDTH,HEIGHT to inspect, as fractions of the frame.")
@click.option("--clahe", type=click.FloatRange(0.1, 40), help="Equalise local contrast, with this clip limit.")
@click.option("--flat-field", type=click.Path(path_type=Path), help="Image of an evenly lit blank, to even out light.")
@click.option("--classes", default="binary", show_default=True, type=click.Choice(["binary", "kinds"]),
              help="Tell ng from ok, or also the kinds of each apart.")  # fmt: skip
@click.option("--masks/--no-masks", "use_masks", default=True, show_default=True, help="Learn from masks where given.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1),
    help="The same seed and data give the same network.",
)  # fmt: skip
@click.option(
    "--target", multiple=True, metavar="NAME=SHARE",
    help="What the thresholds promise: escape=0.01, false_reject=0.05, review=0.1 (two of them at most; what is not "
    "asked for gives way), or f1.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def train(
    data: Path, out: Path, network: str, weights: str, tuning: str | None, size: int | None, plan_file: Path | None,
    recipe: str | None, steps: int | None,
    max_minutes: float | None, test_fold: int | None, colour: str | None,
    region: str | None, clahe: float | None, flat_field: Path | None, classes: str, use_masks: bool,
    seed: int, target: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Train a network on the images in DATA and leave a run, with a report, in OUT.

    \b
    DATA is a folder per class (ok/ and any others), the MVTec AD layout, or has a manifest.csv.
    Example: okng train photos --out runs/first
    """
    spec = _spec(region, clahe, flat_field)
    from trainer.calibrate import describe, parse_target
    from trainer.framework import wake
    from trainer.run import read_run

    wanted = parse_target(target)
    chosen = read_choice(network, weights, tuning)
    side = size or recommended(chosen.name).size
    plan = _plan(chosen, plan_file, recipe, steps, seed, max_minutes)
    wake()
    from trainer.console import listening
    from trainer.session import Request, run_training

    with listening(quiet=as_json) as listener:
        request = Request(
            data, out, side, colour, test_fold, use_masks, plan, spec, wanted, chosen, kinds=classes == "kinds"
        )
        found = run_training(request, listener)
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"validation: AUROC {found['validation_auroc']:.3f}, average precision {found['validation_ap']:.3f}")
    record = read_run(out).record
    for line in describe(record.calibration, record.thresholds, record.pooling):
        click.echo(line)
    click.echo(f"report: {out / 'report.html'}\nnext: okng convert {out} --out BUNDLE")


@click.command()
@click.argument("subject", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--fold", type=click.IntRange(0), help="Only the images of this fold.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for report.html, metrics.json, predictions.jsonl.")
@click.option("--run", type=click.Path(path_type=Path), help="The run that the bundle was made of: compare with it.")
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON.")
def evaluate(subject: Path, data: Path, fold: int | None, out: Path | None, run: Path | None, as_json: bool) -> None:
    """Judge the images in DATA with SUBJECT, a run or a bundle, and say how good it is.

    \b
    Images that SUBJECT has learned from are left out and counted. With --out the images are judged once more under
    changed light, focus and the like.
    Example: okng evaluate bundles/first photos --out reports/first
    """
    from edge.contract.storage import new_folder
    from edge.errors import UsageError
    from trainer.against_float import against_float
    from trainer.dataset import read_samples
    from trainer.evaluate import evaluate as judge_all
    from trainer.evaluate import open_subject, predictions, select_fold
    from trainer.figures import figures
    from trainer.framework import wake
    from trainer.run import is_run, read_run

    if run and is_run(subject):
        raise UsageError(f"--run compares a bundle with its run, but {subject} is a run; name a bundle")
    made_of = read_run(run) if run else None
    if run or is_run(subject):
        wake()
    with new_folder(out) if out else nullcontext() as folder:
        samples = select_fold(read_samples(data), fold)
        found = judge_all(open_subject(subject), samples, counting("judging", quiet=as_json))
        metrics, float_scores = figures(found), None
        if made_of:
            beside = against_float(found, made_of, counting("judging by the float network", quiet=as_json))
            metrics["int8"], float_scores = beside.figures, beside.scores
        if folder:
            from trainer.report import render_report
            from trainer.robustness import robustness

            metrics["robustness"] = robustness(found, counting("judging changed frames", quiet=as_json))
            page = render_report(f"{subject.name} on {data.resolve().name}", found, metrics, held_out=True,
                                 float_scores=float_scores)  # fmt: skip
            _write_evaluation(folder, page, metrics, predictions(found))
    if as_json:
        click.echo(json.dumps(metrics))
    else:
        _print_metrics(metrics, out, compared=made_of is not None)


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


def _write_evaluation(folder: Path, page: str, metrics: dict[str, Any], records: Iterable[dict[str, Any]]) -> None:
    (folder / "report.html").write_text(page, encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1))
    (folder / "predictions.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def _print_metrics(metrics: dict[str, Any], out: Path | None, *, compared: bool) -> None:
    hit = metrics["peak_hit_rate"]
    click.echo(f"{metrics['images']} images: {metrics['ok']} ok, {metrics['ng']} ng")
    click.echo(f"AUROC {metrics['auroc']:.3f}  average precision {metrics['ap']:.3f}"
               + (f"  peak on the fault {hit:.1%}" if hit is not None else ""))  # fmt: skip
    for label, row in metrics["verdicts"].items():
        click.echo(f"{label}: {row['ok']} OK, {row['review']} REVIEW, {row['ng']} NG")
    for kind, row in (metrics["naming"] or {"recall": {}})["recall"].items():
        click.echo(f"{kind}: named rightly {row['named']:.1%} of {row['images']}")
    if compared:
        click.echo(f"int8 against float: {metrics['int8']['equal_verdicts']:.1%} equal verdicts, "
                   f"maps correlate {metrics['int8']['map_correlation']:.4f}")  # fmt: skip
    if metrics["unreadable"]:
        click.echo(f"left out, unreadable: {', '.join(metrics['unreadable'])}")
    if metrics["learned_from"]:
        click.echo(f"left out, learned from: {metrics['learned_from']}")
    if out:
        click.echo(f"report: {out / 'report.html'}")


def _plan(
    chosen: Any, file: Path | None, recipe: str | None, steps: int | None, seed: int, max_minutes: float | None
) -> Any:  # fmt: skip
    """What the network wants, then what the file says, then what the command line does."""
    from trainer.augment import read_recipe
    from trainer.plan import Plan, read_settings, settings_of

    settings = {**settings_of(chosen.plan_changes()), **(read_settings(file) if file else {}), "seed": seed}
    if recipe:
        settings["recipe"] = read_recipe(recipe)
    if steps:
        settings["steps"] = steps
    if max_minutes:
        settings["max_seconds"] = max_minutes * 60
    return Plan(**settings)


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


def commands() -> list[click.Command]:
    """Those that can run here: training needs the `train` extra."""
    extra = all(importlib.util.find_spec(name) for name in ("tensorflow", "sklearn", "matplotlib"))
    return [dataset, train, pretrain, evaluate, explain, demo] if extra else [dataset]
