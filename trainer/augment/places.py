"""Where on a frame a defect may lie: on the part, as far as the part can be told from what lies around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import Pixels
from trainer.augment.shapes import Cover

_EVEN_SHARE = 0.35
"""A frame's border whose spread is below this share of the frame's std is plain background."""
_APART_SIGMAS, _APART_LEVELS = 4.0, 12.0
"""What differs from the border by more than both is not background."""
_LEAST_SHARE = 0.08
"""Of the frame: what stands out and is smaller than this is not the part."""
_SHRUNK = 4
_ON_FRAME = 0.7
_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the frame, and how much of each of its pixels is covered: (rows, columns) float32, 0 to 1."""

    top: int
    left: int
    cover: Cover

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the frame."""
        rows, columns = self.cover.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + columns)


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the part lies: `places` (n, 2) on it and `edges` (m, 2) along its border as (y, x), every few pixels.

    `part` (h, w) float32 is 1 on the part and 0 beside it, or None where the part fills the frame.
    """

    places: np.ndarray
    edges: np.ndarray
    part: np.ndarray | None

    def clip(self, window: Window) -> Window:
        """What of a window's cover lies on the part."""
        return window if self.part is None else Window(window.top, window.left, window.cover * self.part[window.slices])


def find_ground(image: Pixels) -> Ground:
    """Tells the part in `image` (h, w, channels) from a plain background, if there is one.

    Where the border of the frame is even, compared to the whole, the part is what differs from it.
    """
    height, width = image.shape[:2]
    size = (max(8, width // _SHRUNK), max(8, height // _SHRUNK))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1).astype(np.float32)
    part = _part(small)
    whole = np.ones(small.shape[:2], np.uint8) if part is None else part.astype(np.uint8)
    inner = cv2.erode(whole, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    scale = (height - 1) / (size[1] - 1), (width - 1) / (size[0] - 1)
    places, edges = (np.argwhere(where) * scale for where in (whole, whole - inner))
    return Ground(places, edges, None if part is None else cv2.resize(part.astype(np.float32), (width, height)))


def _part(image: np.ndarray) -> np.ndarray | None:
    """(h, w) bool, True on the part; None where no plain background is seen around it."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    middle = np.median(border, axis=0)
    spread = 1.5 * float(np.median(np.abs(border - middle).max(axis=1)))  # of the bulk: a seam at one side is no matter
    if spread >= _EVEN_SHARE * float(image.std(axis=(0, 1)).max()):
        return None
    apart = largest_channel(np.abs(image - middle)) > max(_APART_LEVELS, _APART_SIGMAS * spread)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(apart.astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    if count < 2 or areas.sum() < _LEAST_SHARE * apart.size:
        return None
    large = np.flatnonzero(areas >= areas.max() / 4) + 1
    return np.isin(labels, large)


def lay(cover: Cover, places: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> Window:
    """`cover` laid around one of `places`, most of it on the frame of `shape` (height, width, ...), cut at its border.

    Something of it is on the frame in any case.
    """
    amount = float(cover.sum())
    for _ in range(_ATTEMPTS):
        y, x = np.rint(places[rng.integers(len(places))]).astype(int).tolist()
        window = cut(cover, y, x, shape)
        if float(window.cover.sum()) >= _ON_FRAME * amount:
            return window
    return cut(cover, shape[0] // 2, shape[1] // 2, shape)


def cut(cover: Cover, y: int, x: int, shape: tuple[int, ...]) -> Window:
    """`cover` with its middle at (y, x), as far as it lies on the frame."""
    rows, columns = cover.shape
    top, left = y - rows // 2, x - columns // 2
    seen = cover[max(0, -top) : shape[0] - top, max(0, -left) : shape[1] - left]
    return Window(max(0, top), max(0, left), seen)


def largest_channel(image: np.ndarray) -> np.ndarray:
    """(h, w): of each pixel of `image` (h, w, channels) the largest value, many times as fast as `max` over an axis."""
    largest = image[..., 0]
    for channel in range(1, image.shape[2]):
        largest = np.maximum(largest, image[..., channel])
    return largest
