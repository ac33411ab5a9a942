"""What operators decided, as a folder of images that `okng train` reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.contract.storage import new_folder
from edge.contract.types import Decision
from edge.errors import JournalError, UsageError
from edge.journal.reader import JournalReader
from edge.journal.rows import Row

LABELS = {Decision.ACCEPT: "ok", Decision.REJECT: "ng"}


@dataclass(frozen=True, slots=True)
class Exported:
    """How many images there are of each label, and why the others are not, by inspection."""

    labels: dict[str, int]
    left_out: dict[str, str]


def to_dataset(reader: JournalReader, rows: Iterable[Row], out: Path) -> Exported:
    """Makes the folder `out` with `images/` and `manifest.csv`, of all inspections that an operator decided.

    The label is the decision: the machine's own verdict and kind teach it nothing. The images of one part are one
    group, so that they never fall on both sides of a split. Raises UsageError when nothing is there to export, or
    `out` cannot be written.
    """
    labels: dict[str, int] = {"ok": 0, "ng": 0}
    left_out: dict[str, str] = {}
    with new_folder(out) as folder:
        (folder / "images").mkdir()
        table = io.StringIO(newline="")
        writer = csv.writer(table)
        writer.writerow(["image", "label", "group"])
        for row in rows:
            if row.decision is None:
                continue
            if (data := _image(reader, row, left_out)) is None:
                continue
            name, label = f"images/{row.id}{Path(row.image_path or '').suffix}", LABELS[row.decision.decision]
            (folder / name).write_bytes(data)
            writer.writerow([name, label, row.part.strip() or row.id])
            labels[label] += 1
        if not any(labels.values()):
            raise UsageError(_nothing(left_out))
        (folder / "manifest.csv").write_text(table.getvalue(), encoding="utf-8", newline="")
    return Exported(labels, left_out)


def _image(reader: JournalReader, row: Row, left_out: dict[str, str]) -> bytes | None:
    try:
        data = reader.image(row)
    except JournalError as error:
        left_out[row.id] = str(error)
        return None
    if data is None:
        left_out[row.id] = "its image was not kept" if row.image_path is None else "its image made room for newer ones"
    return data


def _nothing(left_out: dict[str, str]) -> str:
    if left_out:
        name, reason = next(iter(left_out.items()))
        return f"of {len(left_out)} decided inspections none has an image, the first {name}: {reason}"
    return "no inspection there was decided; decide with okng accept and okng reject, then export"
