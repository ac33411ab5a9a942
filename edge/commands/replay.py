"""`okng replay`. Heavy imports wait until it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from edge.errors import BundleError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.contract.bundle import Bundle
    from edge.contract.recipe import Recipe
    from edge.contract.recording import Recording
    from edge.replay.replay import ReplayLine


@click.command()
@click.argument("capture", type=click.Path(path_type=Path))
@click.option("--bundle", "bundle_path", type=click.Path(path_type=Path),
              help="The bundle that judges; the recipe's where it names one.")  # fmt: skip
@click.option("--recipe", "recipe_path", type=click.Path(path_type=Path),
              help="The file of the recipe to inspect by; else, of a recorded capture, each part's own.")  # fmt: skip
@click.option("--speed", type=click.Choice(["full", "recorded"]), default="full", show_default=True,
              help="As fast as it goes, or as the frames were captured one after the other.")  # fmt: skip
@click.option("--expect", type=click.Path(path_type=Path), help="An earlier replay; exit status 1 on a difference.")
@click.option("--tolerance", default=2, show_default=True, type=click.IntRange(0, 255),
              help="Units of int8 by which a map may differ from the expected one.")  # fmt: skip
@click.option("--diff", is_flag=True,
              help="Print instead which verdicts or kinds are not as recorded; exit status 1 if any.")  # fmt: skip
@click.option(
    "--sheet", type=click.Path(path_type=Path), help="With --diff: a PNG of what changed, under the new maps."
)
def replay(
    capture: Path, bundle_path: Path | None, recipe_path: Path | None, speed: str, expect: Path | None,
    tolerance: int, diff: bool, sheet: Path | None,
) -> None:  # fmt: skip
    """Judge the parts of CAPTURE, a folder or a video, and print a JSON line for each. Drives no outputs.

    A frame is a part, or as many frames as the recipe says.

    A capture made by `okng journal export --as capture` must be as it was recorded: each frame's checksum is checked.
    It has all frames that are kept of a part, which votes over them again by the recipe that it had, and a line for
    every trigger: one that was missed or overrun, or of which no frame was kept, has no verdict.

    \b
    Example: okng replay monday --bundle bundles/new > new.jsonl
             okng replay monday --bundle bundles/new --expect old.jsonl > /dev/null
             okng replay monday --bundle bundles/new --diff --sheet changed.png
             okng replay screws --recipe recipes/screw-m4.toml
    """
    from edge.contract.recording import FILE, read_recording
    from edge.contract.storage import refuse_taken
    from edge.inspection.recipes import read_recipe
    from edge.replay.replay import read_lines

    if sheet and not diff:
        raise UsageError("--sheet shows what changed; add --diff")
    if diff and expect:
        raise UsageError("--diff compares with what was recorded, --expect with an earlier replay; take one")
    if sheet:
        refuse_taken(sheet)
    expected = read_lines(expect) if expect else []
    recording = read_recording(capture)
    if (diff or speed == "recorded") and recording is None:
        raise UsageError(f"{capture}: has no {FILE}; make a capture with okng journal export --as capture")
    recipe = read_recipe(recipe_path) if recipe_path else None
    named = Path(recipe.settings.bundle) if recipe and recipe.settings.bundle else None
    if not (chosen := bundle_path or named):
        raise UsageError("no bundle: add --bundle, or a --recipe that names one")
    opened, found = _proven(chosen), []
    lines = _recorded(capture, opened, recipe, recording, speed) if recording else _lines(capture, opened, recipe)
    for line in lines:
        if not diff:
            click.echo(_encoded(line))
        if expect or diff:
            found.append(line)
    if diff and recording:
        _tell_changes(recording, found, capture, opened, sheet)
    if expect:
        _tell_differences(expected, found, tolerance, expect)


def _proven(path: Path) -> Bundle:
    from edge.contract.bundle import read_bundle
    from edge.inference.verify import verify_in_child

    proof, opened = verify_in_child(path), read_bundle(path)
    if proof.digest != opened.digest:
        raise BundleError(f"{path}: changed while it was being verified; start again")
    return opened


def _lines(capture: Path, bundle: Bundle, recipe: Recipe | None) -> Iterator[ReplayLine]:
    from edge.camera import FileCamera
    from edge.inference.judge import Judge
    from edge.replay.replay import replay as play

    with FileCamera(capture.absolute()) as camera:
        yield from play(camera, Judge(bundle), recipe)


def _recorded(
    capture: Path, bundle: Bundle, recipe: Recipe | None, recording: Recording, speed: str
) -> Iterator[ReplayLine]:
    from edge.camera import FileCamera
    from edge.inference.judge import Judge
    from edge.replay.pace import paced
    from edge.replay.recorded import PartJudges, replay_recorded

    judge = Judge(bundle)
    judges = PartJudges(judge, recording, capture, recipe)
    if short := judges.short(recording):
        click.echo(f"{short} parts have fewer frames than their recipe asks for; they vote over those", err=True)
    with FileCamera(capture.absolute()) as camera:
        lines = replay_recorded(camera, judge, judges, recording)
        yield from paced(lines, recording) if speed == "recorded" else lines


def _encoded(line: ReplayLine) -> bytes:
    import msgspec

    return msgspec.json.encode(line)


def _tell_differences(expected: list[ReplayLine], found: list[ReplayLine], tolerance: int, path: Path) -> NoReturn:
    from edge.replay.replay import compare

    differences = compare(expected, found, tolerance)
    for difference in differences:
        click.echo(f"{difference.frame or 'capture'}: {difference.what}", err=True)
    click.echo(f"{len(found)} parts, {len(differences)} differences from {path}", err=True)
    sys.exit(1 if differences else 0)


def _tell_changes(
    recording: Recording, lines: list[ReplayLine], capture: Path, bundle: Bundle, sheet: Path | None
) -> NoReturn:
    from edge.replay.changes import changes, summary, write_sheet

    found = changes(recording, lines)
    for change in found:
        click.echo(str(change))
    click.echo(summary(recording, found))
    if sheet and found:
        click.echo(f"{sheet}: {write_sheet(found, capture, bundle, sheet)} of {len(found)} changed parts")
    sys.exit(1 if found else 0)
