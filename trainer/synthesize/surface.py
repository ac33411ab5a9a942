"""A part's surface as the light leaves it, before a camera sees it, and where on the frame the part lies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.synthesize.texture import SIZE, Field

_ROWS, _COLUMNS = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)


@dataclass(frozen=True)
class Surface:
    """One part under one light.

    `radiance`: (SIZE, SIZE) float32, 0 black, 1 about the camera's white at normal exposure.
    `sound`: (SIZE, SIZE) bool, the plain area where a defect may lie, clear of edges and features.
    `light_angle`: radians, direction in the image (x right, y down) from the part towards the light.
    `grain_angle`: radians of the machining marks at (x, y), or None where a surface has no direction.
    `tint`: blue, green, red factors, or None for a grey camera.
    """

    radiance: Field
    sound: NDArray[np.bool_]
    light_angle: float
    grain_angle: Callable[[float, float], float] | None = None
    tint: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Pose:
    """Coordinates of each pixel on the part, in pixels from the part's centre; `angle` in radians."""

    u: Field
    v: Field
    angle: float
    centre: tuple[float, float]


def draw_pose(rng: np.random.Generator, *, quarter_turns: int = 1) -> Pose:
    """Place the part: some pixels off the middle, some degrees off straight, in one of `quarter_turns` positions."""
    angle = rng.normal(0.0, math.radians(1.6)) + math.pi / 2 * int(rng.integers(quarter_turns))
    x, y = SIZE / 2 + rng.uniform(-5, 5), SIZE / 2 + rng.uniform(-5, 5)
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    dx, dy = _COLUMNS - np.float32(x), _ROWS - np.float32(y)
    return Pose(cos * dx + sin * dy, cos * dy - sin * dx, angle, (x, y))


def distance_to_box(pose: Pose, half_u: float, half_v: float, corner_px: float) -> Field:
    """Pixels to the outline of a rounded rectangle: positive inside, negative outside."""
    du, dv = np.abs(pose.u) - np.float32(half_u - corner_px), np.abs(pose.v) - np.float32(half_v - corner_px)
    outside = np.sqrt(np.maximum(du, 0) ** 2 + np.maximum(dv, 0) ** 2)
    return np.asarray(np.float32(corner_px) - outside - np.minimum(np.maximum(du, dv), 0), np.float32)


def distance_to_centre(pose: Pose, u: float, v: float) -> Field:
    """Pixels from a point of the part."""
    return np.sqrt((pose.u - np.float32(u)) ** 2 + (pose.v - np.float32(v)) ** 2)


def slope_towards(height: Field, light_angle: float) -> Field:
    """How much a relief (`height` in pixels) leans towards the light: positive faces it, in pixels per pixel."""
    dy, dx = np.zeros_like(height), np.zeros_like(height)
    np.subtract(height[:, :-2], height[:, 2:], out=dx[:, 1:-1])
    np.subtract(height[:-2], height[2:], out=dy[1:-1])
    return np.asarray(0.5 * (math.cos(light_angle) * dx + math.sin(light_angle) * dy), np.float32)
