"""Outlines of defects: how much of each pixel a defect covers, (rows, columns) float32, 0 to 1, no larger than needed.

Each is drawn at random with about the area asked for, in pixels; the largest value is 1, and the border is clear.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Cover = NDArray[np.float32]

_MARGIN_PX = 4
_OUTLINE_POINTS = 40
_SUBPIXEL_BITS = 4
_OVERSAMPLING = 3


def blob(rng: np.random.Generator, area: float, side: float) -> Cover:
    """A rounded, uneven, more or less drawn-out spot. `side` of the frame, pixels, is of no matter here."""
    del side
    theta = np.linspace(0, 2 * math.pi, _OUTLINE_POINTS, endpoint=False)
    radius = np.ones_like(theta)
    for waves in (2, 3, 4, 6, 9):
        radius += rng.uniform(0, 0.5 / waves) * np.cos(waves * theta + rng.uniform(0, 2 * math.pi))
    return _fill(_stretched(rng, theta, radius, math.exp(rng.uniform(0, 0.9))), area)


def shard(rng: np.random.Generator, area: float, side: float) -> Cover:
    """A piece with 4 to 8 corners: a flake, a chip, a splinter."""
    del side
    corners = int(rng.integers(4, 9))
    theta = (np.arange(corners) + rng.uniform(0, 0.8, corners)) * (2 * math.pi / corners)
    return _fill(_stretched(rng, theta, rng.uniform(0.5, 1.0, corners), math.exp(rng.uniform(0, 1.2))), area)


def bar(rng: np.random.Generator, area: float, side: float) -> Cover:
    """A rectangle, as CutPaste's patch (upright) and its scar (thin, turned); Li et al. 2021."""
    scar = area < 0.02 * side**2 and rng.random() < 0.5
    ratio = math.exp(rng.uniform(1.2, 2.4) if scar else rng.uniform(-1.2, 1.2))
    points = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (math.sqrt(ratio), 1 / math.sqrt(ratio))
    return _fill(points @ _turn(rng.uniform(0, math.pi) if scar else 0.0), area)


def blotch(rng: np.random.Generator, area: float, side: float) -> Cover:
    """A ragged patch, perhaps in pieces: smooth noise above a level."""
    del side
    reach = max(6, round(math.sqrt(area) * rng.uniform(0.8, 1.3)))
    cells, size = int(rng.integers(4, 10)), (2 * reach + 1, 2 * reach + 1)
    field = cv2.resize(rng.standard_normal((cells, cells), dtype=np.float32), size, interpolation=cv2.INTER_CUBIC)
    across = np.linspace(-1, 1, size[0], dtype=np.float32) ** 2
    field = field - np.float32(3.0) * (across + across[:, None])
    places = min(max(4, round(area)), field.size // 2)
    level = np.partition(field, field.size - places, axis=None)[field.size - places]
    return _framed(np.clip((field - level) * np.float32(2.0) + np.float32(0.5), 0, 1))


def scratch(rng: np.random.Generator, area: float, side: float) -> Cover:
    """One to four fine lines, side by side, straight or bent, that come and go along their length."""
    length, width = _line_size(rng, area, side)
    lines = min(int(rng.choice([1, 1, 1, 1, 2, 3, 4])), max(1, round(length / (12 * width))))
    along, heading = np.linspace(-0.5, 0.5, 21), rng.uniform(0, 2 * math.pi)
    bend, paths = rng.normal(0, 0.12) * length, []
    for line in range(lines):
        own = along * rng.uniform(0.5, 1.0) + rng.uniform(-0.2, 0.2)
        aside = bend * 4 * own**2 + line * width * rng.uniform(2, 6)
        points = np.stack([own * length, aside], axis=1) / math.sqrt(lines) @ _turn(heading + rng.normal(0, 0.06))
        strength = np.interp(along, np.linspace(-0.5, 0.5, 6), [0.3, *rng.uniform(0.4, 1.0, 4), 0.3])
        paths.append((points, width * np.ones(21), strength * rng.uniform(0.6, 1.0)))
    return _stroke(paths)


def crack(rng: np.random.Generator, area: float, side: float) -> Cover:
    """A jagged line that thins out towards its ends, perhaps with branches."""
    length, width = _line_size(rng, area, side)
    trunk = _walk(rng, np.zeros(2), rng.uniform(0, 2 * math.pi), length)
    paths = [_tapered(trunk, width)]
    for _ in range(int(rng.choice([0, 0, 1, 2, 3]))):
        at = int(rng.integers(len(trunk) // 4, len(trunk)))
        heading = math.atan2(*(trunk[at] - trunk[at - 1])[::-1]) + rng.choice([-1, 1]) * rng.uniform(0.4, 1.2)
        branch = _walk(rng, trunk[at], heading, length * rng.uniform(0.1, 0.35))
        paths.append(_tapered(branch, width * rng.uniform(0.5, 0.9)))
    return _stroke(paths)


def _line_size(rng: np.random.Generator, area: float, side: float) -> tuple[float, float]:
    """Length and width in pixels, of `area` together, as far as a line can have it."""
    unit = max(side / 224, 0.5)
    width = unit * math.exp(rng.uniform(math.log(0.8), math.log(2.6)))
    length = float(np.clip(area / width, 5 * unit, 0.8 * side))
    return length, float(np.clip(area / length, 0.7 * unit, 5 * unit))


def _walk(rng: np.random.Generator, start: np.ndarray, heading: float, length: float) -> np.ndarray:
    """Points (n, 2) of a path that wanders and, now and then, turns sharply."""
    steps = int(np.clip(length / 3, 5, 40))
    turns = rng.normal(0, 0.25, steps) + (rng.random(steps) < 0.15) * rng.normal(0, 0.8, steps)
    headings = heading + np.cumsum(turns) * 0.7
    strides = rng.uniform(0.5, 1.5, steps) * (length / steps)
    moves = np.stack([np.cos(headings), np.sin(headings)], axis=1) * strides[:, None]
    return start + np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])


def _tapered(points: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    along = np.linspace(-1, 1, len(points))
    return points, width * (1.2 - 0.8 * along**2), 1 - 0.5 * along**4


def _stroke(paths: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Cover:
    """Polylines as (points, widths in pixels, strengths 0 to 1), smooth to a fraction of a pixel."""
    everything = np.concatenate([points for points, _, _ in paths])
    low, size = everything.min(axis=0) - _MARGIN_PX, np.ceil(np.ptp(everything, axis=0)).astype(int) + 2 * _MARGIN_PX
    canvas = np.zeros((size[1] * _OVERSAMPLING, size[0] * _OVERSAMPLING), np.uint8)
    for points, widths, strengths in paths:
        places = np.rint((points - low) * _OVERSAMPLING).astype(int).tolist()
        for start, end, width, strength in zip(places, places[1:], widths, strengths, strict=False):
            cv2.line(canvas, start, end, int(255 * strength), max(1, round(width * _OVERSAMPLING)))
    return _normalised(cv2.resize(canvas, size.tolist(), interpolation=cv2.INTER_AREA))


def _stretched(rng: np.random.Generator, theta: np.ndarray, radius: np.ndarray, ratio: float) -> np.ndarray:
    """Points (n, 2) of an outline given in polar coordinates, drawn out by `ratio` and turned."""
    points = np.stack([radius * np.cos(theta) * math.sqrt(ratio), radius * np.sin(theta) / math.sqrt(ratio)], axis=1)
    return points @ _turn(rng.uniform(0, math.pi))


def _turn(angle: float) -> np.ndarray:
    return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])


def _fill(points: np.ndarray, area: float) -> Cover:
    """The polygon `points` (n, 2) scaled to `area` pixels."""
    scaled = points * math.sqrt(area / max(cv2.contourArea(points.astype(np.float32)), 1e-3))
    low = np.floor(scaled.min(axis=0)) - _MARGIN_PX
    columns, rows = (np.ceil(scaled.max(axis=0)) - low + _MARGIN_PX + 1).astype(int).tolist()
    places = np.rint((scaled - low) * 2**_SUBPIXEL_BITS).astype(np.int32)
    canvas = cv2.fillPoly(np.zeros((rows, columns), np.uint8), [places], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    return _normalised(canvas)


def _framed(cover: np.ndarray) -> Cover:
    return np.pad(cover, _MARGIN_PX).astype(np.float32)


def _normalised(canvas: np.ndarray) -> Cover:
    return canvas.astype(np.float32) * np.float32(1 / max(int(canvas.max()), 1))
