"""What can be drawn on an image, as a mask. Nothing is trusted: each shape comes from a file of another program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import Pixels
from edge.errors import DataError

SUBPIXEL_BITS = 4
Paint = Callable[[Pixels], None]
"""Marks a shape, with 255, on a mask of the image's size."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What was drawn on one image, `image` as the file names it, `size` (height, width). `wrong` says why it is none.

    It is painted only once the size has proved to be that of a real image, so no file makes anybody fill the memory.
    """

    image: str
    size: tuple[int, int] | None
    shapes: tuple[Paint, ...]
    kinds: frozenset[str]
    wrong: str = ""

    def mask(self) -> Pixels:
        """(height, width), 0 and 255. Raises DataError when a shape does not fit, or all of them mark nothing."""
        assert self.size is not None
        mask = np.zeros(self.size, np.uint8)
        for paint in self.shapes:
            paint(mask)
        if not mask.any():
            raise DataError("what is drawn marks nothing of the image")
        return mask


def polygon(points: Sequence[tuple[float, float]]) -> Paint:
    """Filled with its border, however thin; (x, y) in pixels, 0 being the image's edge.

    Raises DataError below three points.
    """
    if len(points) < 3:
        raise DataError(f"a polygon of {len(points)} points encloses nothing")

    def paint(mask: Pixels) -> None:
        limit = 2 * np.array(mask.shape[::-1])
        corners = np.clip(np.array(points, np.float64), -limit, limit) - 0.5  # a pixel's middle is whole to OpenCV
        fixed = np.rint(corners * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, shift=SUBPIXEL_BITS)

    return paint


def box(x: float, y: float, width: float, height: float) -> Paint:
    """Filled, in pixels; at least one pixel wide and high. Raises DataError for one without any size."""
    if width <= 0 or height <= 0:
        raise DataError(f"a box of {width:g} x {height:g} encloses nothing")

    def paint(mask: Pixels) -> None:
        rows, columns = mask.shape
        left, top = (round(min(max(at, 0.0), end)) for at, end in ((x, columns), (y, rows)))
        right, bottom = (round(min(max(at, 0.0), end)) for at, end in ((x + width, columns), (y + height, rows)))
        inside = x < columns and y < rows and x + width > 0 and y + height > 0
        if inside:
            mask[min(top, rows - 1) : max(bottom, top + 1), min(left, columns - 1) : max(right, left + 1)] = 255

    return paint


def runs(counts: Sequence[int]) -> Paint:
    """COCO's run lengths: column by column, first of what is not marked."""

    def paint(mask: Pixels) -> None:
        if any(count < 0 for count in counts) or sum(counts) != mask.size:
            raise DataError(f"run lengths of {sum(counts)} pixels, its image has {mask.size}; the file is damaged")
        marked = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        mask.T[marked.reshape(mask.T.shape)] = 255

    return paint
