"""Label Studio's JSON export: brush, polygons and rectangles. Its other shapes are refused by name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import numpy as np

from edge.contract.images import IMAGE_SUFFIXES
from edge.contract.types import Pixels
from edge.errors import DataError
from trainer.annotations.shapes import Drawing, Paint, box, polygon

NO_SHAPE = frozenset({"choices", "labels", "number", "rating", "relation", "taxonomy", "textarea"})


class _Result(msgspec.Struct):
    type: str = ""
    value: dict[str, Any] = {}
    original_width: int = 0
    original_height: int = 0
    image_rotation: float = 0


class _Annotation(msgspec.Struct):
    result: list[_Result]
    was_cancelled: bool = False
    ground_truth: bool = False
    updated_at: str = ""


class Task(msgspec.Struct):
    """One image, and what people drew on it; predictions are none of it."""

    data: dict[str, Any]
    annotations: list[_Annotation]


def drawings(tasks: list[Task]) -> Iterator[Drawing]:
    """One for each task that somebody submitted: of several annotations the ground truth, else the latest."""
    for task in tasks:
        image = _image(task.data)
        submitted = [one for one in task.annotations if not one.was_cancelled]
        if not submitted:
            continue
        chosen = max(submitted, key=lambda one: (one.ground_truth, one.updated_at))
        drawn = [one for one in chosen.result if one.type not in NO_SHAPE]
        sizes = {(one.original_height, one.original_width) for one in drawn}
        size = sizes.pop() if len(sizes) == 1 else None
        kinds = frozenset(kind for one in drawn for kind in one.value.get(one.type, ()) if isinstance(kind, str))
        try:
            if drawn and size is None:
                raise DataError("its shapes are drawn on images of several sizes")
            yield Drawing(image, size, tuple(map(_shape, drawn)), kinds)
        except DataError as error:
            yield Drawing(image, size, (), kinds, str(error))


def _image(data: dict[str, Any]) -> str:
    """The path or name in a task's data: of an upload, a local file (`?d=`), a bucket or an address."""
    for value in (data.get("image"), *data.values()):
        if isinstance(value, str) and value:
            address = urlsplit(value)
            path = parse_qs(address.query).get("d", [unquote(address.path)])[0].replace("\\", "/")
            if PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES:
                return path
    return str(data.get("image", ""))


def _shape(one: _Result) -> Paint:
    if one.image_rotation % 360:
        raise DataError(f"the image was turned by {one.image_rotation:g} degrees in Label Studio; draw on it unturned")
    kind, size = one.type.removesuffix("labels"), (one.original_height, one.original_width)
    try:
        if kind == "brush" and one.value.get("format") == "rle":
            data = bytes(one.value["rle"])
            return lambda mask: _paint_brush(mask, data)
        if kind == "polygon":
            return polygon([(x * size[1] / 100, y * size[0] / 100) for x, y in one.value["points"]])
        if kind == "rectangle":
            return _rectangle(one.value, size)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"a {kind} without what makes one ({error})") from None
    raise DataError(f"{one.type or 'a shape without type'} is not read; draw with brush, polygon or rectangle")


def _rectangle(value: dict[str, Any], size: tuple[int, int]) -> Paint:
    """Turned clockwise about the upper left corner; the file has shares in per cent."""
    x, width = (value[name] * size[1] / 100 for name in ("x", "width"))
    y, height = (value[name] * size[0] / 100 for name in ("y", "height"))
    angle = math.radians(value.get("rotation", 0))
    if not angle:
        return box(x, y, width, height)
    if width <= 0 or height <= 0:
        raise DataError(f"a rectangle of {width:g} x {height:g} pixels encloses nothing")
    cos, sin = math.cos(angle), math.sin(angle)
    around = ((0, 0), (width, 0), (width, height), (0, height))
    return polygon([(x + cos * right - sin * down, y + sin * right + cos * down) for right, down in around])


def _paint_brush(mask: Pixels, data: bytes) -> None:
    values = unpack(data, 4 * mask.size)
    mask[values.reshape(*mask.shape, 4)[..., 3] > 0] = 255  # red, green, blue and how opaque


def unpack(data: bytes, length: int) -> Pixels:
    """`length` values from the brush's bytes (thi.ng/rle-pack): runs of one value and runs of several, bit by bit.

    A head of the number of values (32 bits), the bits of a value less 1 (5) and those of four lengths less 1 (4 each).
    Then for each run whether it repeats one value (1), which of the lengths it is written with (2), its length less 1,
    and its value or values. Raises DataError when that is not what the bytes hold.
    """
    bits, out = np.unpackbits(np.frombuffer(data, np.uint8)), np.zeros(length, np.uint8)
    place = 0

    def read(count: int) -> int:
        nonlocal place
        first, end = place >> 3, place + count
        if end > len(bits):
            raise DataError("a brush's bytes end too early; the file is damaged")
        whole = int.from_bytes(data[first : (end + 7) >> 3], "big")
        place = end
        return whole >> (-end % 8) & ((1 << count) - 1)

    if (number := read(32)) != length:
        raise DataError(f"a brush of {number} values, its image has {length}; the file is damaged")
    if (width := read(5) + 1) != 8:
        raise DataError(f"a brush of {width} bits a value; Label Studio writes 8")
    lengths = [read(4) + 1 for _ in range(4)]
    done = 0
    while done < length:
        repeated = read(1)
        end = done + 1 + read(lengths[read(2)])
        if end > length:
            raise DataError("a brush's run goes beyond its image; the file is damaged")
        if repeated:
            out[done:end] = read(8)
        else:
            found = bits[place : place + 8 * (end - done)]
            read(8 * (end - done))
            out[done:end] = np.packbits(found)
        done = end
    return out
