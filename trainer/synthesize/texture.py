"""Random fields that surfaces are made of. All are (SIZE, SIZE) float32 with mean about 0 and std about 1."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

SIZE = 256
"""Side of every image, in pixels."""

_DIAGONAL = 1.45 * SIZE


def standardize(field: NDArray) -> Field:
    """Shift and scale a field of any shape to mean 0 and std 1; a flat field becomes all zero."""
    mean, std = cv2.meanStdDev(field)
    return np.asarray((field - np.float32(mean[0, 0])) * np.float32(1.0 / max(std[0, 0], 1e-6)), np.float32)


def draw_noise(rng: np.random.Generator, rows: int = SIZE, columns: int = SIZE) -> Field:
    """White Gaussian noise, (rows, columns)."""
    return rng.standard_normal((rows, columns), dtype=np.float32)


def draw_grain(rng: np.random.Generator, sigma_px: float) -> Field:
    """Noise without direction, its grains about `sigma_px` wide."""
    if sigma_px < 2.0:
        return standardize(cv2.GaussianBlur(draw_noise(rng), (0, 0), sigma_px))
    coarse = cv2.GaussianBlur(draw_noise(rng, SIZE // 2, SIZE // 2), (0, 0), sigma_px / 2)
    return standardize(cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR))


def draw_cloud(rng: np.random.Generator, cells: int) -> Field:
    """Slow variation over the frame, `cells` bumps from side to side."""
    return standardize(cv2.resize(draw_noise(rng, cells, cells), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC))


def draw_streaks(rng: np.random.Generator, angle: float, length_px: float, pitch_px: float) -> Field:
    """Brushing marks: lines at `angle` (radians), about `length_px` long, `pitch_px` apart (1 or more)."""
    stretch = max(length_px / 8.0, 1.0)
    columns, rows = int(_DIAGONAL / stretch) + 8, int(_DIAGONAL / pitch_px) + 8
    lines = cv2.blur(draw_noise(rng, rows, columns), (7, 1))
    cos, sin = math.cos(angle), math.sin(angle)
    to_source = np.array([[cos / stretch, sin / stretch, 0], [-sin / pitch_px, cos / pitch_px, 0]])
    to_source[:, 2] = (columns / 2, rows / 2) - to_source[:, :2] @ (SIZE / 2, SIZE / 2)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return standardize(cv2.warpAffine(lines, to_source, (SIZE, SIZE), flags=flags, borderMode=cv2.BORDER_REFLECT))


def draw_rings(rng: np.random.Generator, radius: Field, theta: Field, pitch_px: float, arc_px: float) -> Field:
    """Turning marks around a centre: `radius` (pixels) and `theta` (radians, 0 to 2 pi) say where each pixel lies.

    Neighbouring marks are `pitch_px` apart; a mark changes its strength about every `arc_px` along the arc.
    """
    first, last = float(radius.min()), float(radius.max())
    rows = int((last - first) / pitch_px) + 4
    cells = max(8, int(math.pi * (first + last) / arc_px))
    marks = 1.2 * draw_noise(rng, rows, 1) + draw_noise(rng, rows, cells)
    rows_at, columns_at = (radius - first) / pitch_px, theta * (cells / (2 * math.pi))
    return standardize(cv2.remap(marks, columns_at, rows_at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))


def to_polar(dx: Field, dy: Field) -> tuple[Field, Field]:
    """Radius, in the unit of `dx` and `dy`, and angle from 0 to 2 pi."""
    radius, theta = cv2.cartToPolar(dx, dy)
    return np.asarray(radius, np.float32), np.asarray(theta, np.float32)


def ramp(distance: Field, width_px: float) -> Field:
    """0 where `distance` (pixels) is at most 0, 1 from `width_px` on, smooth between."""
    step = np.clip(distance * np.float32(1.0 / width_px), 0.0, 1.0)
    return np.asarray(step * step * (3.0 - 2.0 * step), np.float32)
