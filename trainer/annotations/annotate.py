"""Masks from a file of annotations into a set: painted, written, then named in its manifest."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import cv2
import msgspec

from edge.contract.storage import write_file
from edge.contract.typed import decode_json
from edge.errors import DataError, UsageError
from trainer.annotations import coco, label_studio
from trainer.annotations.shapes import Drawing
from trainer.dataset import MANIFEST, NG, Sample, open_sample, read_samples

MASKS = "masks"
UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of an uploaded file."""


@dataclass(slots=True)
class Annotated:
    """What became of a file: `masks` are new, `replaced` were other ones before, `same` were so already.

    `empty` images have nothing drawn on them; `refused` says by image, as the file names it, why its shapes were not
    taken.
    """

    masks: int = 0
    replaced: int = 0
    same: int = 0
    empty: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def read_drawings(path: Path) -> list[Drawing]:
    """What a file of Label Studio (export as JSON) or COCO holds. Raises DataError when it is neither."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        if data.lstrip()[:1] == b"[":
            return list(label_studio.drawings(decode_json(data, list[label_studio.Task])))
        return list(coco.drawings(decode_json(data, coco.Coco)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path}: neither a JSON export of Label Studio nor COCO: {error}") from None


def annotate(data: Path, path: Path) -> Annotated:
    """Takes what was drawn on the set's ng images as their masks; its manifest keeps all else.

    An image's kind becomes the shapes' label where it has none of its own and they share one. Masks are on the disk
    before the manifest, replaced whole, names them. Raises DataError when the file or the set cannot be used,
    UsageError when it cannot be written.
    """
    place = data / MANIFEST
    if not place.is_file():
        raise DataError(f"{data}: has no {MANIFEST} to name masks in; okng dataset split writes one")
    found, done = _Set(read_samples(data)), Annotated()
    named: dict[str, tuple[str, str]] = {}
    try:
        for drawing in read_drawings(path):
            try:
                _take(drawing, found, data, named, done)
            except DataError as error:
                done.refused[drawing.image or "a task without image"] = str(error)
        if named:
            _write(place, named)
    except OSError as error:
        raise UsageError(f"{data}: cannot be written: {error.strerror}; its {MANIFEST} is as it was") from None
    return done


def _take(drawing: Drawing, found: _Set, data: Path, named: dict[str, tuple[str, str]], done: Annotated) -> None:
    if drawing.wrong:
        raise DataError(drawing.wrong)
    sample = found.find(drawing.image)
    if not drawing.shapes:
        done.empty += 1
        return
    if sample.label != NG:
        raise DataError(f"{len(drawing.shapes)} shapes are drawn on it, but it is labelled {sample.label}")
    if sample.name in named:
        raise DataError("stands in the file twice; its first shapes were taken")
    size = open_sample(sample)[0].size
    if drawing.size != size:
        raise DataError(f"is {size} (height, width), but the shapes were drawn on one of {drawing.size}")
    written, png = cv2.imencode(".png", drawing.mask())
    assert written
    before = sample.mask.read_bytes() if sample.mask else None
    if before == png.tobytes():
        done.same += 1
        return
    number = hashlib.sha256(sample.name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    name = f"{MASKS}/{sample.path.stem}-{number}.png"
    (data / MASKS).mkdir(exist_ok=True)
    write_file(data / name, png.tobytes())
    named[sample.name] = (name, next(iter(drawing.kinds)) if len(drawing.kinds) == 1 else "")
    done.masks, done.replaced = done.masks + (before is None), done.replaced + (before is not None)


class _Set:
    """Finds an image by what another program calls it: its path, as far as both have it, or its name alone."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._by_name: dict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            self._by_name[sample.path.name].append(sample)

    def find(self, image: str) -> Sample:
        """Raises DataError when there is none, or more than one."""
        path = PurePosixPath(image)
        same = self._by_name.get(path.name) or self._by_name.get(UPLOADED.sub("", path.name), [])
        nearest = [sample for sample in same if _ends_alike(PurePosixPath(sample.name), path)]
        found = nearest if len(nearest) == 1 else same
        if not found:
            raise DataError("is not in the set")
        if len(found) > 1:
            raise DataError(f"may be {found[0].name} or {found[1].name}; give each a name of its own")
        return found[0]


def _ends_alike(ours: PurePosixPath, theirs: PurePosixPath) -> bool:
    shared = min(len(ours.parts), len(theirs.parts))
    return ours.parts[-shared:] == theirs.parts[-shared:]


def _write(place: Path, named: dict[str, tuple[str, str]]) -> None:
    """The manifest with these masks and kinds by image; all other columns and lines stay."""
    with place.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        lines = list(reader)
        columns = [*dict.fromkeys([*(reader.fieldnames or ()), "kind", "mask"])]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_marked(lines, named))
    write_file(place, text.getvalue().encode())


def _marked(lines: Iterable[dict[str, str]], named: dict[str, tuple[str, str]]) -> Iterator[dict[str, str]]:
    for line in lines:
        mask, kind = named.get((line["image"] or "").strip(), ("", ""))
        own = (line.get("kind") or "").strip()
        yield {**line, "mask": mask, "kind": kind if kind and own in {"", NG} else own} if mask else line
