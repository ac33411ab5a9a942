"""`okng review`: what operators decided, and what would teach most. Heavy imports wait until a command runs."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from edge.commands.journal import config_option, folder_option, open_reader, since_option, span, until_option


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
