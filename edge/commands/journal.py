"""`okng journal`: what a station's record says. Heavy imports wait until a command runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.errors import UsageError
from edge.options import config_option

if TYPE_CHECKING:
    from edge.journal.reader import JournalReader

SUFFIXES = {".csv": "csv", ".parquet": "parquet"}
folder_option = click.option(
    "--journal", "folder", type=click.Path(path_type=Path), help="The journal's folder itself, without a station file."
)
since_option = click.option(
    "--since",
    type=click.DateTime(),
    metavar="TIME",
    help="From this local time on: 2026-11-21, or 2026-11-21T06:00:00.",
)
until_option = click.option("--until", type=click.DateTime(), metavar="TIME", help="Before this local time.")


@click.group()
def journal() -> None:
    """Look at, protect and export what a station recorded; also while it runs."""


@journal.command()
@click.argument("inspections", metavar="ID...", nargs=-1, required=True)
@click.option("--off", is_flag=True, help="End their protection.")
@folder_option
@config_option
def protect(inspections: tuple[str, ...], off: bool, folder: Path | None, config: Path) -> None:
    """Keep inspections ID and their images whatever the journal's bounds are, until --off.

    \b
    Example: okng journal protect 3f9a12c4-17 3f9a12c4-18
    """
    from edge.journal.protect import protect as mark

    mark(journal_folder(folder, config), inspections, on=not off)
    click.echo(f"{len(inspections)} {'no longer protected' if off else 'protected'}")


@journal.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--as", "form", type=click.Choice(["csv", "parquet", "capture"]),
              help="Told by OUT's suffix else: .csv or .parquet.")  # fmt: skip
@click.option(
    "--max-mb", type=click.FloatRange(0, min_open=True), help="A capture ends before it is larger (10^6 bytes)."
)
@since_option
@until_option
@folder_option
@config_option
def export(
    out: Path, form: str | None, max_mb: float | None, since: datetime | None, until: datetime | None,
    folder: Path | None, config: Path,
) -> None:  # fmt: skip
    """Write the journal to OUT: a table as CSV or Parquet (with the maps), or a capture.

    A capture is a folder that `okng replay` reads: every trigger, missed and overrun ones too, with its result and all
    frames of its part that are kept, the settings, and the digest of the bundle that judged. The journal keeps the
    frames of all parts with images = "all", without loss as PNG. What operators decided, for `okng train`: okng review
    export.

    \b
    Example: okng journal export november.csv --since 2026-11-01
             okng journal export monday --as capture --max-mb 500
    """
    from edge.journal.capture import to_capture
    from edge.journal.export import to_csv, to_parquet

    if max_mb and form != "capture":
        raise UsageError("--max-mb bounds a capture; add --as capture")
    if (form := form or SUFFIXES.get(out.suffix.lower())) is None:
        raise UsageError(
            f"{out}: as what? Name a .csv or .parquet, or add --as capture; what operators decided is exported by okng "
            "review export"
        )
    with open_reader(folder, config) as reader:
        if form == "capture":
            made = to_capture(reader, out, **span(since, until), most_bytes=int(max_mb * 1e6) if max_mb else None)
            bound = "" if made.whole else f", the first that are not more than {max_mb:g} MB"
            click.echo(f"{out}: {made.triggers} triggers, {made.frames} frames{bound}")
            return
        count = (to_csv if form == "csv" else to_parquet)(reader.walk(**span(since, until)), out)
    click.echo(f"{out}: {count} inspections")


@journal.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@folder_option
@config_option
def summary(as_json: bool, folder: Path | None, config: Path) -> None:
    """Print what the journal holds, and what process control says of each bundle.

    \b
    Example: okng journal summary
    """
    import msgspec

    from edge.control.memory import decode_memory
    from edge.control.summary import describe

    with open_reader(folder, config) as reader:
        totals = reader.totals()
        memories = {each.bundle: decode_memory(each.memory) for each in reader.all_remembered()}
    if as_json:
        points = {bundle: memory.point for bundle, memory in memories.items() if memory}
        click.echo(msgspec.json.encode({"totals": totals, "points": points}))
        return
    click.echo(
        ", ".join(f"{totals.get(name, 0)} {name}" for name in ("ok", "ng", "review", "fault"))
        + f"; {totals['waiting']} wait for a decision, {totals['protected']} protected; "
        f"{totals['images']} images, {totals['image_bytes'] / 1e6:.1f} MB"
    )
    for bundle, memory in memories.items():
        for line in describe(memory) if memory else ["remembered by another okng"]:
            click.echo(f"{bundle[:12]}{bundle[64:]}: {line}")  # behind the digest, a recipe's name


@journal.command()
@click.option("--last", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--json", "as_json", is_flag=True, help="Print each as a JSON line.")
@since_option
@until_option
@folder_option
@config_option
def statistics(
    last: int, as_json: bool, since: datetime | None, until: datetime | None, folder: Path | None, config: Path
) -> None:
    """Print what process control said over time, a line for each group of inspections by one bundle and recipe: share
    accepted and share of NG with its limits, drift of scores and maps, median times, and the alarms that stood.

    They are kept as long as the inspections of their time.

    \b
    Example: okng journal statistics --since 2026-11-01 --last 1000 --json
    """
    import msgspec

    from edge.control.summary import in_one_line

    with open_reader(folder, config) as reader:
        points = reader.points(**span(since, until), last=last)
    for each in points:
        if as_json:
            click.echo(msgspec.json.encode(each))
        else:
            judge = f"{each.bundle[:12]} {each.recipe}".rstrip()
            click.echo(f"{local_time(each.point.ended_ns)}  {judge}: {in_one_line(each.point)}")


@journal.command()
@click.option("--last", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--kind", default="", help="Only those of one kind, such as changeover or judge.")
@click.option("--json", "as_json", is_flag=True, help="Print each as a JSON line.")
@folder_option
@config_option
def events(last: int, kind: str, as_json: bool, folder: Path | None, config: Path) -> None:
    """Print what happened beside inspections: changeovers, what the golden interlock said, bundles that took over or
    came back, delegates lost and found again.

    \b
    Example: okng journal events --last 5
    """
    import msgspec

    with open_reader(folder, config) as reader:
        noted = reader.events(kind, last=last)
    for each in noted:
        click.echo(msgspec.json.encode(each) if as_json else f"{local_time(each.happened_ns)}  {each.event}")


@journal.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, with each disagreement.")
@folder_option
@config_option
def shadow(as_json: bool, folder: Path | None, config: Path) -> None:
    """Print how a shadow bundle and the station's own judged the same frames.

    \b
    Example: okng journal shadow
    """
    import msgspec

    from edge.journal.shadowed import lines

    with open_reader(folder, config) as reader:
        counts, disagreements = reader.shadow_counts(), reader.disagreements()
    if as_json:
        click.echo(msgspec.json.encode({"counts": counts, "disagreements": disagreements}))
        return
    for line in lines(counts, disagreements):
        click.echo(line)


def local_time(at_ns: int) -> str:
    """Unix time in nanoseconds, for people."""
    return datetime.fromtimestamp(at_ns / 1e9).astimezone().isoformat(timespec="seconds")


def journal_folder(folder: Path | None, config: Path) -> Path:
    """The folder that was named, else the station's."""
    if folder:
        return folder
    from edge.daemon.config import read_config

    return Path(read_config(config).journal.folder)


def open_reader(folder: Path | None, config: Path) -> JournalReader:
    """The journal that was asked for, to read."""
    from edge.journal.reader import JournalReader

    return JournalReader(journal_folder(folder, config))


def span(since: datetime | None, until: datetime | None) -> dict[str, int]:
    """What `JournalReader.walk` takes. Raises UsageError when it ends before it begins."""
    if since and until and until <= since:
        raise UsageError(f"--until {until}: not after --since {since}")
    times = {"since_ns": since, "until_ns": until}
    return {name: int(time.timestamp() * 1e9) for name, time in times.items() if time}
