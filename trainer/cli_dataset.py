"""The commands of `okng dataset`. Heavy imports wait until a command runs; a board without the extra has them too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trainer.cli_augment import augment

if TYPE_CHECKING:
    from trainer.survey import Survey


@click.group()
def dataset() -> None:
    """Make and look at sets of labelled images."""


dataset.add_command(augment)


@dataset.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path),
              help="New folder for description.json, contact-sheet.png, near-duplicates.png.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def describe(data: Path, out: Path | None, as_json: bool) -> None:
    """Say what DATA holds, what is wrong with it, and what occurs in it twice.

    \b
    DATA is a folder per class (ok/ and any others), the MVTec AD layout, or has a manifest.csv.
    Example: okng dataset describe photos --out photos-described
    """
    import msgspec

    from edge.contract.storage import new_folder
    from trainer.advice import advise
    from trainer.describe import as_text
    from trainer.describe import describe as figures
    from trainer.survey import survey

    draw = _sheets() if out else None
    with new_folder(out) if out else nullcontext() as folder:
        found = survey(data, counting("looking", quiet=as_json))
        description = figures(found)
        advice = advise(description)
        report = msgspec.json.encode({**msgspec.to_builtins(description), "advice": advice})
        if folder and draw:
            (folder / "description.json").write_bytes(msgspec.json.format(report, indent=1))
            drawn = draw(found, folder)
    if as_json:
        click.echo(report)
        return
    click.echo(as_text(description))
    click.echo("\nadvice" + "".join(f"\n- {line}" for line in advice) if advice else "\nadvice: none")
    if out:
        click.echo("\nlook at " + ", ".join(str(out / path.name) for path in drawn))


@dataset.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path),
              help="The new manifest.csv, or the folder for it.")  # fmt: skip
@click.option("--folds", default=5, show_default=True, type=click.IntRange(2, 100), help="Number of folds.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1),
              help="The same seed and data give the same folds.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the folds as JSON.")
def split(data: Path, out: Path, folds: int, seed: int, as_json: bool) -> None:
    """Divide DATA into folds by group, each kind spread evenly, and write a manifest.csv. DATA itself stays as it is.

    \b
    Photos that show the same part belong in one group. Where DATA names no groups, copies and near-duplicates are
    put into one; look at them with `okng dataset describe`.
    Example: okng dataset split photos --out photos-in-folds
             okng train photos-in-folds --test-fold 0 --out runs/fold-0
    """
    import json

    from edge.errors import DataError
    from trainer.describe import fold_counts, fold_table
    from trainer.duplicates import unite_groups
    from trainer.manifest import manifest_place, write_manifest
    from trainer.split import assign_folds
    from trainer.survey import propose_groups, survey

    place = manifest_place(out)
    found = survey(data, counting("looking", quiet=as_json))
    alike = propose_groups(found)
    united = len({sample.name for same in alike for sample in same})
    note = f"{united} images share a group as copies or near-duplicates, see okng dataset describe" if united else ""
    try:
        divided = assign_folds(unite_groups(found.samples, alike), folds, seed=seed)
    except DataError as error:
        hint = f"; {note}; what shows different parts needs groups of its own in a {place.name}" if note else ""
        raise DataError(f"{error}{hint}") from None
    write_manifest(place, divided)
    counts, groups = fold_counts(divided), len({sample.group for sample in divided})
    unreadable = [name for name, _ in found.unreadable]
    if as_json:
        click.echo(json.dumps({"manifest": str(place), "folds": counts, "groups": groups, "united": united,
                               "unreadable": unreadable}))  # fmt: skip
        return
    click.echo("\n".join(fold_table(counts)))
    click.echo(f"{groups} groups{note and '; '}{note}")
    if unreadable:
        click.echo(f"left out, unreadable: {', '.join(unreadable)}")
    click.echo(f"{place}\nnext: okng train {place.parent} --test-fold 0 --out RUN")


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

    progress = counting("drawing", quiet=False)
    write_dataset(out, count=count, ng_share=ng_share, seed=seed, product=product, progress=progress)
    click.echo(f"{out}: {count} images of {product} parts")


@dataset.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path),
              help="The new manifest.csv, or the folder for it.")  # fmt: skip
def merge(data: tuple[Path, ...], out: Path) -> None:
    """Make one set of all DATA: a manifest.csv that names their images where they are. DATA itself stays as it is.

    \b
    Groups of one name are one group. Of an image that occurs twice the last one stays; two labels are an error.
    Example: okng dataset merge photos decided --out photos-2
             okng train photos-2 --out runs/second
    """
    from trainer.manifest import manifest_place, write_manifest
    from trainer.merge import merge_sets

    place = manifest_place(out)
    samples, copies = merge_sets(data)
    write_manifest(place, samples)
    ng = sum(sample.is_ng for sample in samples)
    left = f"; {copies} copies left out" if copies else ""
    click.echo(f"{place}: {len(samples) - ng} ok, {ng} ng{left}")


@dataset.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def annotate(data: Path, file: Path, as_json: bool) -> None:
    """Take the masks and boxes in FILE, of Label Studio (export as JSON) or COCO, as masks of DATA's ng images.

    \b
    Images are found by name. DATA has a manifest.csv, which names the masks then; what else it says stays.
    Exit status 1 where shapes were not taken: each such image is named with the reason.
    Example: okng dataset annotate decided label-studio.json
    """
    import msgspec

    from trainer.annotations.annotate import annotate as take

    done = take(data, file)
    if as_json:
        click.echo(msgspec.json.encode(done))
    else:
        for image, reason in done.refused.items():
            click.echo(f"{image}: {reason}", err=True)
        empty = f"{done.empty} image{'' if done.empty == 1 else 's'} with nothing drawn"
        click.echo(
            f"{data}: {done.masks + done.replaced} masks, {done.replaced} of them in place of another; {done.same} as "
            f"they were, {empty}"
        )
    sys.exit(1 if done.refused else 0)


def counting(work: str, *, quiet: bool) -> Callable[[int, int], None]:
    """Shows how far the work is, on a terminal only."""

    def count(done: int, total: int) -> None:
        if not quiet and sys.stderr.isatty():
            click.echo(f"\r{work} {done}/{total}", nl=done == total, err=True)

    return count


def _sheets() -> Callable[[Survey, Path], list[Path]]:
    from edge.errors import UsageError

    try:
        from trainer.contact_sheet import draw_sheets
    except ModuleNotFoundError:
        raise UsageError("--out draws pictures, which needs the training extra: pip install 'okng[train]'") from None
    return draw_sheets
