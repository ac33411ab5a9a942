"""`manifest.csv` of an export: what `okng train` reads of each image, and where the image comes from."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from edge.contract.storage import write_file
from edge.errors import UsageError
from edge.journal.rows import Row

MANIFEST = "manifest.csv"
COLUMNS = (
    "image", "label", "kind", "group", "mask",
    "inspection", "station", "boot", "sequence", "part", "recorded", "bundle", "recipe", "verdict", "score", "named",
    "decision", "operator", "decided", "code", "reason", "sha256",
)  # fmt: skip
"""The first five are the trainer's. `recorded` and `decided` are UTC; `bundle` is a digest; `recipe` the product's
name; `named` the kind that the bundle named; `code` and `reason` the operator's; `sha256` the image's, as the journal
has it."""
Line = dict[str, str]
"""One line by column."""


def describe(row: Row, label: str) -> Line:
    """The line of a decided inspection, without its image. The operator's code is a rejected one's kind."""
    said = row.decision
    assert said is not None
    return {
        "label": label,
        "kind": said.code if label == "ng" else "",
        "group": row.part.strip() or row.id,
        "inspection": row.id,
        "station": row.station,
        "boot": row.boot_id,
        "sequence": str(row.sequence),
        "part": row.part,
        "recorded": _utc(row.recorded_ns),
        "bundle": row.bundle,
        "recipe": row.recipe_name,
        "verdict": row.verdict.value,
        "score": "" if row.score is None else f"{row.score:.6g}",
        "named": row.kind or "",
        "decision": said.decision.value,
        "operator": said.operator,
        "decided": _utc(said.decided_ns),
        "code": said.code,
        "reason": said.reason,
        "sha256": row.image_sha256 or "",
    }


def read_manifest(folder: Path) -> dict[str, Line]:
    """The lines of an earlier export, by inspection. Raises UsageError when the folder is not one."""
    place = folder / MANIFEST
    try:
        with place.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lines = [{key: text or "" for key, text in line.items() if key} for line in reader]
            columns = set(reader.fieldnames or ())
    except FileNotFoundError:
        raise UsageError(f"{folder}: is already there and is no export; name a new folder") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{place}: cannot be read: {error}; mend it, or name a new folder") from None
    if missing := [name for name in COLUMNS if name not in columns]:
        raise UsageError(f"{place}: column {missing[0]} is missing, so it is no export; name a new folder")
    found: dict[str, Line] = {}
    for number, line in enumerate(lines, 2):
        if not line["inspection"] or line["inspection"] in found:
            what = f"{line['inspection']} stands there twice" if line["inspection"] else "names no inspection"
            raise UsageError(f"{place}, line {number}: {what}; mend it, or name a new folder")
        found[line["inspection"]] = line
    return found


def write_manifest(folder: Path, lines: Iterable[Line]) -> None:
    """All lines, with the columns that a person added behind; whole, and on the disk. Raises OSError."""
    lines = list(lines)
    own = dict.fromkeys(name for line in lines for name in line if name not in COLUMNS)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*COLUMNS, *own], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_file(folder / MANIFEST, text.getvalue().encode())


def _utc(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="milliseconds")
