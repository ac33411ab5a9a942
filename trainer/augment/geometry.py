"""Where the part lies on the frame: all of it in one warp, and never so that the fault is gone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import Pixels
from trainer.augment.parts import warp
from trainer.augment.recipes import Recipe

FAULT_KEPT = 0.5
"""Of the fault's area, at least, when a mask tells where it is."""
FRAME_KEPT = 0.9
"""Of the frame, at least, when a fault could be anywhere on it."""

_STRENGTHS = (1.0, 0.6, 0.3, 0.1, 0.0)
"""Tried in turn until enough is kept; at 0 the frame is only flipped and turned, and all of it stays."""
_BENDS = 5
"""Places each way between the borders that an elastic deformation moves."""
_MASKED_FROM = 96
"""Of a mask between 0 and 255 after the warp: just under half, or a line of one pixel would break up."""

_STEPS = (np.arange(16) + 0.5) / 16 - 0.5
_FRAME = np.stack(np.meshgrid(_STEPS, _STEPS), axis=-1).reshape(1, -1, 2)
"""Places all over a frame of size 1 around its centre."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Flips and turns as `pose` (2, 2), and how far the part is moved, at full strength.

    `angle` and `shear` in radians, `zoom` a factor, `offset` (x, y) in shares of the frame, `bend` (rows, columns, 2)
    displacements (x, y) in pixels or None.
    """

    pose: np.ndarray
    angle: float
    shear: float
    zoom: float
    offset: np.ndarray
    bend: np.ndarray | None

    def matrix(self, height: int, width: int, strength: float) -> np.ndarray:
        """(2, 3), from places (x, y) of the frame to their new places; `strength` 0 keeps `pose` alone."""
        cos, sin = math.cos(strength * self.angle), math.sin(strength * self.angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        slant = np.array([[1.0, math.tan(strength * self.shear)], [0.0, 1.0]])
        linear = self.zoom**strength * (turn @ slant @ self.pose)
        centre, size = np.array([width - 1, height - 1]) / 2, np.array([width, height])
        return np.column_stack([linear, centre - linear @ centre + strength * self.offset * size])


def draw_placement(recipe: Recipe, shape: tuple[int, ...], rng: np.random.Generator) -> Placement:
    """A random placement for an image of `shape` (height, width, ...)."""
    pose = np.diag(
        [-1.0 if flip and rng.random() < 0.5 else 1.0 for flip in (recipe.flip_horizontal, recipe.flip_vertical)]
    )
    if recipe.quarter_turns and shape[0] == shape[1]:
        pose = np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), int(rng.integers(4))) @ pose
    angle, shear = np.radians(rng.uniform(-1, 1, 2) * (recipe.rotation_deg, recipe.shear_deg))
    kept = 1 - rng.uniform(0, 1) * recipe.crop
    zoom = (1 + rng.uniform(-1, 1) * recipe.zoom) / kept
    offset = rng.uniform(-1, 1, 2) * recipe.shift + rng.uniform(-1, 1, 2) * (1 - kept) / (2 * kept)
    bend = None
    if recipe.elastic and rng.random() < 0.5:
        bend = np.zeros((_BENDS + 2, _BENDS + 2, 2), np.float32)
        bend[1:-1, 1:-1] = rng.uniform(-1, 1, (_BENDS, _BENDS, 2)) * (recipe.elastic * min(shape[:2]))
    return Placement(pose, angle, shear, zoom, offset, bend)


def place(image: Pixels, mask: Pixels | None, placement: Placement) -> tuple[Pixels, Pixels | None]:
    """Image and mask moved alike, as far as `placement` says or less: so far that FAULT_KEPT of the fault stays.

    Without a mask FRAME_KEPT of the frame stays; a mask that marks nothing asks for nothing.
    """
    height, width = image.shape[:2]
    area = 0 if mask is None else cv2.countNonZero(mask)
    for strength in _STRENGTHS:
        matrix = placement.matrix(height, width, strength)
        if mask is None:
            if _frame_kept(matrix, height, width) >= FRAME_KEPT:
                return _warp(image, matrix, placement, strength), None
            continue
        moved = _warp(mask, matrix, placement, strength)
        moved = cv2.threshold(moved, _MASKED_FROM, 255, cv2.THRESH_BINARY)[1]  # type: ignore[assignment]
        expected = min(area * abs(float(np.linalg.det(matrix[:, :2]))), height * width)
        if not area or cv2.countNonZero(moved) >= max(1, FAULT_KEPT * expected):
            return _warp(image, matrix, placement, strength), moved
    raise AssertionError("flips and turns keep all of it")


def _frame_kept(matrix: np.ndarray, height: int, width: int) -> float:
    """Share of the frame that stays on it."""
    size = np.array([width, height])
    moved = cv2.transform(_FRAME * size + (size - 1) / 2, matrix)[0]
    return float(np.mean((moved >= -0.5).all(axis=1) & (moved <= size - 0.5).all(axis=1)))


def _warp(image: Pixels, matrix: np.ndarray, placement: Placement, strength: float) -> Pixels:
    """Bilinear, mirrored beyond the border."""
    if placement.bend is None or not strength:
        return image.copy() if np.array_equal(matrix, np.eye(2, 3)) else warp(image, matrix)
    size = (image.shape[1], image.shape[0])
    back = cv2.invertAffineTransform(matrix).astype(np.float32)
    maps = cv2.resize(placement.bend * np.float32(strength), size, interpolation=cv2.INTER_CUBIC)
    columns, rows = np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)[:, None]
    from_x = maps[..., 0] + (back[0, 0] * columns + back[0, 2]) + back[0, 1] * rows
    from_y = maps[..., 1] + (back[1, 0] * columns + back[1, 2]) + back[1, 1] * rows
    moved = cv2.remap(image, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return moved.reshape(image.shape)  # type: ignore[return-value]
