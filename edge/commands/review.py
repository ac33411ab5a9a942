"""`okng review`: what operators decided, and what would teach most. Heavy imports wait until a command runs."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from edge.commands.journal import (
    folder_option,
    journal_folder,
    open_reader,
    since_option,
    span,
    until_option,
)
from edge.options import config_option


@click.group()
def review() -> None:
    """Learn from a station's journal: decisions as training data, and what to look at first; also while it runs."""


@review.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@since_option
@until_option
@folder_option
@config_option
def export(
    out: Path, as_json: bool, since: datetime | None, until: datetime | None, folder: Path | None, config: Path
) -> None:
    """Write what operators decided to OUT, a folder that `okng train` reads; or add to it what is new.

    Each image is labelled by the decision, and the photos of one part are one group. manifest.csv tells where each
    comes from. What was decided otherwise since the last export is changed, and said; masks and kinds that you added
    stay. Exit status 1 where a part was decided both ways, or an image is not the one that was recorded.

    \b
    Example: okng review export decided --since 2026-11-01
             okng train decided --out runs/second
    """
    import msgspec

    from edge.review.dataset import to_dataset

    with open_reader(folder, config) as reader:
        done = to_dataset(reader, reader.walk(**span(since, until)), out)
    if as_json:
        click.echo(msgspec.json.encode(done))
    else:
        for line in (*done.changed, *done.conflicts, *done.damaged):
            click.echo(line, err=True)
        for reason, count in done.without.items():
            click.echo(f"{count} left out: {reason}", err=True)
        told = f"{done.added} added, {len(done.changed)} changed"
        click.echo(f"{out}: {done.labels['ok']} ok, {done.labels['ng']} ng; {told}")
    sys.exit(0 if done.good else 1)


@review.command()
@click.option("--top", default=30, show_default=True, type=click.IntRange(1), help="How many, over all causes.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.option("--sheet", type=click.Path(path_type=Path), help="A PNG of them, each frame under its map.")
@since_option
@until_option
@folder_option
@config_option
def disagreements(
    top: int, as_json: bool, sheet: Path | None, since: datetime | None, until: datetime | None, folder: Path | None,
    config: Path,
) -> None:  # fmt: skip
    """Rank the inspections that would teach the next network most, those whose frame is kept.

    First overrides: an operator said the opposite of the verdict. Then what the machine was unsure of, then what a
    shadow bundle judged otherwise, then maps that lie beyond three sigma of those of the bundle's OK parts. Within
    each, by how far the score is off what was said (0 to 1), or by sigma.

    \b
    Example: okng review disagreements --since 2026-11-01 --sheet look.png
    """
    import msgspec

    from edge.contract.storage import refuse_taken
    from edge.journal.reader import JournalReader
    from edge.review.ranking import rank
    from edge.review.sheet import write_sheet

    if sheet:
        refuse_taken(sheet)
    place = journal_folder(folder, config)
    with JournalReader(place) as reader:
        found = rank(reader, reader.walk(**span(since, until)))
        shown = found.candidates[:top]
        if sheet and shown:
            write_sheet(shown, reader, place, sheet)
    if as_json:
        told = {"candidates": shown, "counts": found.counts, "without_image": found.without_image}
        click.echo(msgspec.json.encode(told))
        return
    for one in shown:
        click.echo(str(one))
    click.echo(", ".join(f"{count} {cause}" for cause, count in found.counts.items()))
    for cause, count in found.without_image.items():
        click.echo(f"{count} more by {cause}, of which no image is kept", err=True)
    if sheet and shown:
        click.echo(f"{sheet}: {len(shown)} frames")
