"""Photos with labels: three layouts on disk, one table in memory.

Read are a folder per class (`ok/` and any other names, each of them ng), the MVTec AD layout (`train/good`,
`test/KIND`, `ground_truth/KIND/NAME_mask.png`), and a folder with `manifest.csv` (image, label, kind, group, fold,
mask; the last four may be left out). Images of one group never fall on both sides of a split.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.contract.images import IMAGE_SUFFIXES, decode_image, read_image
from edge.contract.types import Pixels
from edge.errors import DataError

OK, NG = "ok", "ng"
MANIFEST = "manifest.csv"
GOOD_NAMES = frozenset({"ok", "good"})
MASK_FOLDERS = frozenset({"masks", "ground_truth"})
UNREADABLE_LIMIT = 0.05
"""Share of the images that may be unreadable before the whole set is refused."""
COLOURLESS = 8
"""Grey levels by which the channels of a pixel may differ in an image that shows no colour."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled image. `name` is its path relative to the set.

    `sha256` of the file and `size` (height, width) are known once it was read.
    """

    name: str
    path: Path
    label: str
    kind: str
    group: str
    fold: int | None = None
    mask: Path | None = None
    sha256: str = ""
    size: tuple[int, int] | None = None

    @property
    def is_ng(self) -> bool:
        """Whether the label says ng."""
        return self.label == NG


def read_samples(folder: Path) -> list[Sample]:
    """All samples of a set, in a fixed order. Raises DataError when it is none of the three layouts, or is empty."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    if (folder / MANIFEST).is_file():
        samples = _read_manifest(folder)
    elif (folder / "train").is_dir() and (folder / "test").is_dir() and _classes(folder / "test"):
        samples = _read_mvtec(folder)
    else:
        samples = _read_class_folders(folder)
    if not samples:
        raise DataError(f"{folder}: no images here; expected a folder per class (ok/ and others), or manifest.csv")
    return samples


def require_both_classes(samples: Iterable[Sample], where: str) -> None:
    """Raises DataError when one of ok and ng is absent."""
    counts = Counter(sample.label for sample in samples)
    for label in (OK, NG):
        if not counts[label]:
            other, count = next(iter(counts.items()), ("any", 0))
            need = "okng learns from both, of two parts each at least"
            raise DataError(f"{where}: no {label} image among {count} ({other} only); {need}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What could be read, and why the rest could not: (name, reason)."""

    samples: list[Sample]
    images: list[np.ndarray]
    unreadable: list[tuple[str, str]]


def load_images(
    samples: list[Sample],
    convert: Callable[[Pixels], np.ndarray],
    progress: Callable[[int, int], None] | None = None,
) -> Loaded:
    """Reads every image and keeps what `convert` makes of it.

    Unreadable images are left out and named; beyond UNREADABLE_LIMIT of them DataError is raised.
    """
    loaded = Loaded([], [], [])
    for sample, pixels in stream_images(samples, loaded.unreadable, progress):
        loaded.images.append(convert(pixels))
        loaded.samples.append(sample)
    return loaded


def stream_images(
    samples: list[Sample],
    unreadable: list[tuple[str, str]],
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Sample, Pixels]]:
    """Every image that can be read, one at a time, so that a set may be larger than the memory.

    The others are added to `unreadable`, (name, reason). Beyond UNREADABLE_LIMIT of them no more images come: the rest
    are counted, and DataError is raised at the end.
    """
    for count, sample in enumerate(samples, 1):
        try:
            read = open_sample(sample)
        except DataError as error:
            unreadable.append((sample.name, str(error).removeprefix(f"{sample.name}: ")))
        else:
            if len(unreadable) <= UNREADABLE_LIMIT * len(samples):
                yield read
        if progress:
            progress(count, len(samples))
    if len(unreadable) > UNREADABLE_LIMIT * len(samples):
        name, reason = unreadable[0]
        raise DataError(
            f"{len(unreadable)} of {len(samples)} images cannot be read, the first {name}: {reason}; "
            f"at most {UNREADABLE_LIMIT:.0%} are left out silently, mend or remove them"
        )


def open_sample(sample: Sample) -> tuple[Sample, Pixels]:
    """The image, and its sample with `sha256` and `size`. Raises DataError, naming the sample."""
    try:
        data = sample.path.read_bytes()
    except OSError as error:
        raise DataError(f"{sample.name}: {error.strerror}") from None
    pixels = decode_image(data, sample.name)
    size = (pixels.shape[0], pixels.shape[1])
    return replace(sample, sha256=hashlib.sha256(data).hexdigest(), size=size), pixels


def is_coloured(pixels: Pixels) -> bool:
    """Whether an image shows any colour."""
    return pixels.ndim == 3 and int(np.ptp(pixels, axis=2).max()) > COLOURLESS


def any_coloured(samples: Iterable[Sample]) -> bool:
    """Whether one of these images shows colour; those that cannot be read say nothing."""
    for sample in samples:
        with suppress(DataError):
            if is_coloured(open_sample(sample)[1]):
                return True
    return False


def read_mask(sample: Sample) -> Pixels | None:
    """Where an ng image is faulty: 0 or 255, of the image's size; None where no mask was given.

    Raises DataError when the mask cannot be read, has another size than its image, or marks nothing.
    """
    if sample.mask is None or not sample.is_ng:
        return None
    drawn = read_image(sample.mask)
    values = drawn if drawn.ndim == 2 else drawn.max(axis=2)
    if sample.size is not None and values.shape != sample.size:
        (height, width), (rows, columns) = sample.size, values.shape
        raise DataError(f"{sample.mask}: is {columns} x {rows} pixels, its image {width} x {height}; draw it again")
    if not values.any():
        raise DataError(f"{sample.mask}: marks nothing, but its image is ng; draw the fault, or remove the mask")
    marked = values > (127 if values.max() > 127 else 0)  # some tools write 1 for 255
    return marked.astype(np.uint8) * 255


def natural(name: str) -> list[tuple[int, int | str]]:
    """Sort key under which part 9 comes before part 10."""
    return [(0, int(piece)) if piece.isdecimal() else (1, piece) for piece in re.split(r"(\d+)", name) if piece]


def _images_below(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    return sorted(found, key=lambda path: natural(path.relative_to(folder).as_posix()))


def _classes(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read_class_folders(folder: Path, fold: int | None = None) -> list[Sample]:
    return [
        _folder_sample(folder, kind.name, path, fold)
        for kind in _classes(folder)
        if kind.name not in MASK_FOLDERS
        for path in _images_below(kind)
    ]


def _read_mvtec(folder: Path) -> list[Sample]:
    """`train/` is fold 0 and `test/` fold 1, so that `--test-fold 1` keeps to the authors' split."""
    parts = [_read_class_folders(folder / name, fold) for fold, name in enumerate(("train", "test"))]
    return [
        replace(sample, name=(name := sample.path.relative_to(folder).as_posix()), group=name)
        for part in parts
        for sample in part
    ]


def _folder_sample(folder: Path, kind: str, path: Path, fold: int | None) -> Sample:
    name = path.relative_to(folder).as_posix()
    label = OK if kind in GOOD_NAMES else NG
    masks = (
        root / place
        for root in (folder, folder.parent)
        for place in (f"ground_truth/{kind}/{path.stem}_mask.png", f"masks/{path.stem}.png")
    )
    mask = next((place for place in masks if place.is_file()), None) if label == NG else None
    return Sample(name, path, label, kind, group=name, fold=fold, mask=mask)


def _read_manifest(folder: Path) -> list[Sample]:
    manifest = folder / MANIFEST
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a byte order mark
            reader = csv.DictReader(file)
            rows = list(reader)
            columns = set(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{manifest}: cannot be read: {error}") from None
    if missing := {"image", "label"} - columns:
        raise DataError(f"{manifest}: column {sorted(missing)[0]} is missing; it needs image and label")
    samples = [_manifest_sample(folder, manifest, line, row) for line, row in enumerate(rows, 2)]
    _refuse_twice(manifest, samples)
    _refuse_absent(manifest, samples)
    return samples


def _manifest_sample(folder: Path, manifest: Path, line: int, row: dict[str, str]) -> Sample:
    value = {key: (text or "").strip() for key, text in row.items() if key}
    if not value["image"]:
        raise DataError(f"{manifest}, line {line}: names no image")
    if value["label"] not in {OK, NG}:
        raise DataError(f"{manifest}, line {line}: label {value['label']!r} is neither ok nor ng")
    fold = value.get("fold", "")
    if fold and not fold.isdecimal():
        raise DataError(f"{manifest}, line {line}: fold {fold!r} is not a whole number from 0")
    mask = value.get("mask", "")
    return Sample(
        name=value["image"],
        path=folder / value["image"],
        label=value["label"],
        kind=value.get("kind") or value["label"],
        group=value.get("group") or value["image"],
        fold=int(fold) if fold else None,
        mask=folder / mask if mask else None,
    )


def _refuse_twice(manifest: Path, samples: list[Sample]) -> None:
    """An image listed twice could carry two labels, or fall on both sides of a split."""
    first: dict[str, int] = {}
    for line, sample in enumerate(samples, 2):
        known = first.setdefault(os.path.normpath(sample.path), line)
        if known != line:
            raise DataError(f"{manifest}, line {line}: {sample.name} stands in line {known} already; keep one of them")


def _refuse_absent(manifest: Path, samples: list[Sample]) -> None:
    named = [path for sample in samples for path in (sample.path, sample.mask) if path is not None]
    absent = [path for path in named if not path.is_file()]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise DataError(f"{manifest}: names files that are not there: {_shown(absent[0], manifest)}{more}")


def _shown(path: Path, manifest: Path) -> str:
    return str(path.relative_to(manifest.parent) if path.is_relative_to(manifest.parent) else path)
