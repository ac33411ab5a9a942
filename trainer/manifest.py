"""Writing `manifest.csv`, as `trainer.dataset.read_samples` reads it."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from pathlib import Path

from edge.contract.storage import write_file
from edge.errors import UsageError
from trainer.dataset import MANIFEST, Sample
from trainer.survey import has_group

COLUMNS = ("image", "label", "kind", "group", "fold", "mask")


def manifest_place(out: Path) -> Path:
    """The file that `out`, a folder or the file itself, stands for.

    Raises UsageError when it is there already, or when its name is one under which okng would not find it.
    """
    if out.suffix == ".csv" and out.name != MANIFEST:
        raise UsageError(f"{out}: okng reads a set by its {MANIFEST}; name a folder, or {out.with_name(MANIFEST)}")
    place = out if out.name == MANIFEST else out / MANIFEST
    if place.exists() or (place.parent.exists() and not place.parent.is_dir()):
        raise UsageError(f"{place if place.exists() else place.parent}: is already there; name another folder")
    return place


def write_manifest(place: Path, samples: list[Sample]) -> None:
    """The samples as a manifest at `place`, images and masks by paths relative to its folder.

    Raises UsageError when the place cannot be written, or a name cannot stand in it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    shared = {group for group, count in Counter(sample.group for sample in samples).items() if count > 1}
    for sample in samples:
        group = sample.group if sample.group in shared or has_group(sample) else ""
        writer.writerow(_row(sample, group, place.parent))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_file(place, text.getvalue().encode())
    except UnicodeEncodeError as error:
        raise UsageError(f"{place}: {error.object[error.start - 9 : error.end]!a} is not UTF-8; rename it") from None
    except OSError as error:
        raise UsageError(f"{place}: cannot be written: {error.strerror}") from None


def _row(sample: Sample, group: str, folder: Path) -> tuple[str, ...]:
    fold = "" if sample.fold is None else str(sample.fold)
    mask = "" if sample.mask is None else _relative(sample.mask, folder)
    return _relative(sample.path, folder), sample.label, sample.kind, group, fold, mask


def _relative(path: Path, folder: Path) -> str:
    """Both are resolved first: `..` beyond a link leads elsewhere."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
