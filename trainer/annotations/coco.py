"""COCO's annotations of objects: polygons, run lengths (plain or packed) and boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from edge.errors import DataError
from trainer.annotations.shapes import Drawing, Paint, box, polygon, runs

Id = int | str


class _Image(msgspec.Struct):
    id: Id
    file_name: str
    width: int
    height: int


class _Runs(msgspec.Struct):
    size: tuple[int, int]
    counts: list[int] | str


class _Annotation(msgspec.Struct):
    image_id: Id
    category_id: Id | None = None
    segmentation: list[list[float]] | _Runs | None = None
    bbox: tuple[float, float, float, float] | None = None


class _Category(msgspec.Struct):
    id: Id
    name: str


class Coco(msgspec.Struct):
    """As much of a file as is needed here."""

    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category] = []


def drawings(file: Coco) -> Iterator[Drawing]:
    """One for each image; an annotation's segmentation counts, its box where it has none."""
    names = {category.id: category.name for category in file.categories}
    drawn: dict[Id, list[_Annotation]] = defaultdict(list)
    for annotation in file.annotations:
        drawn[annotation.image_id].append(annotation)
    for image in file.images:
        found, size = drawn[image.id], (image.height, image.width)
        kinds = frozenset(names[one.category_id] for one in found if one.category_id in names)
        try:
            shapes = tuple(shape for one in found for shape in _shapes(one, size))
        except DataError as error:
            yield Drawing(image.file_name, size, (), kinds, str(error))
        else:
            yield Drawing(image.file_name, size, shapes, kinds)


def _shapes(one: _Annotation, size: tuple[int, int]) -> Iterator[Paint]:
    if isinstance(one.segmentation, _Runs):
        if one.segmentation.size != size:
            raise DataError(f"run lengths of an image of {one.segmentation.size}, it is of {size} (height, width)")
        counts = one.segmentation.counts
        yield runs(unpack(counts) if isinstance(counts, str) else counts)
    elif one.segmentation:
        for flat in one.segmentation:
            yield polygon(list(zip(flat[::2], flat[1::2], strict=False)))
    elif one.bbox:
        yield box(*one.bbox)
    else:
        raise DataError("an annotation has neither segmentation nor box")


def unpack(packed: str) -> list[int]:
    """Run lengths from COCO's text: six bits a letter from "0" on, of which one says that more follow.

    From the fourth on each is the difference to the one before the last (cocoapi, maskApi.c). Raises DataError.
    """
    counts: list[int] = []
    value = shift = 0
    for letter in packed:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise DataError(f"run lengths hold {letter!r}, which no run length is written with; the file is damaged")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise DataError("run lengths end within one; the file is damaged")
    return counts
