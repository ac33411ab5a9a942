"""Defects: spots, scratches and dents, each with the exact pixels it covers.

A defect's contrast is a multiple of the std of the texture around it, so it is as hard to see on a coarse surface as
on a fine one. `CONTRAST` is the one place to make the task easier or harder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.synthesize.surface import Surface
from trainer.synthesize.texture import SIZE, Field, to_polar

Mask = NDArray[np.uint8]
Contrast = tuple[float, float]
"""Weakest and strongest peak of a defect, in multiples of the texture's std."""

CONTRAST: dict[str, Contrast] = {"spot": (5.0, 14.0), "scratch": (8.0, 22.0), "dent": (5.0, 14.0)}

_REACH_PX = 64
_MASKED_FROM = 0.3
_LEAST_STD = 0.008
_OVERSAMPLING = 4
_WINDOW_PX = 20
_ATTEMPTS = 12
_KEPT_SHARE = 0.75

_OFFSETS = np.arange(-_REACH_PX, _REACH_PX + 1, dtype=np.float32)
_DX, _DY = np.meshgrid(_OFFSETS, _OFFSETS)


def add_defect(
    rng: np.random.Generator, surface: Surface, kind: str, contrast: Contrast | None = None
) -> tuple[Surface, Mask]:
    """Put one defect of `kind` on a random sound place.

    Returns the marked surface and the defect's mask, (SIZE, SIZE) uint8, 0 or 255. `contrast` defaults to CONTRAST.
    """
    change, x, y = _fit_profile(rng, surface, kind)
    low, high = contrast or CONTRAST[kind]
    peak = np.float32(rng.uniform(low, high) * measure_texture(surface, x, y))
    mask = np.where(np.abs(change) >= _MASKED_FROM, 255, 0).astype(np.uint8)
    return replace(surface, radiance=np.maximum(surface.radiance + peak * change, 0)), mask


def measure_texture(surface: Surface, x: int, y: int) -> float:
    """Std of the radiance around a sound pixel, without the slow change of the light; at least a just visible floor."""
    rows = slice(max(y - _WINDOW_PX, 0), y + _WINDOW_PX + 1)
    columns = slice(max(x - _WINDOW_PX, 0), x + _WINDOW_PX + 1)
    sound, seen = surface.sound[rows, columns], surface.radiance[rows, columns]
    weight = cv2.blur(sound.astype(np.float32), (15, 15)) + np.float32(1e-6)
    detail = seen - cv2.blur(seen * sound, (15, 15)) / weight
    return max(float(np.std(detail[sound])), _LEAST_STD)


def _fit_profile(rng: np.random.Generator, surface: Surface, kind: str) -> tuple[Field, int, int]:
    """A profile (peak about 1) on the frame and its place (x, y), most of it on sound surface."""
    for _ in range(_ATTEMPTS):
        x, y = _choose_place(rng, surface)
        profile = _PROFILES[kind](rng, surface, x, y)
        frame = np.zeros((SIZE + 2 * _REACH_PX, SIZE + 2 * _REACH_PX), np.float32)
        frame[y : y + len(profile), x : x + len(profile)] = profile
        change = frame[_REACH_PX:-_REACH_PX, _REACH_PX:-_REACH_PX] * surface.sound
        if cv2.norm(change, cv2.NORM_L1) >= _KEPT_SHARE * cv2.norm(profile, cv2.NORM_L1):
            break
    return change, x, y


def _choose_place(rng: np.random.Generator, surface: Surface) -> tuple[int, int]:
    """A random pixel (x, y) of the sound area."""
    places = np.flatnonzero(surface.sound)
    y, x = divmod(int(places[rng.integers(len(places))]), SIZE)
    return x, y


def _shape_spot(rng: np.random.Generator, surface: Surface, x: int, y: int) -> Field:
    """A pit, inclusion or stain: an uneven blob, mostly dark; a pit catches light on the wall away from the lamp."""
    del x, y
    radius, theta = to_polar(_DX, _DY)
    outline = np.full_like(theta, rng.uniform(4.2, 9.0))
    for waves in (1, 2, 3, 5):
        outline *= 1 + rng.uniform(0.0, 0.22) * np.cos(waves * theta + np.float32(rng.uniform(0, 2 * math.pi)))
    softness = rng.uniform(0.15, 0.5)
    body = np.clip((1 - radius / outline) / softness + 0.5, 0, 1)
    if rng.random() < 0.2:
        return np.asarray(body, np.float32)
    lit = np.exp(-(((radius - outline) / 1.6) ** 2)) * np.maximum(-np.cos(theta - np.float32(surface.light_angle)), 0)
    return np.asarray(-body + rng.uniform(0, 0.8) * lit, np.float32)


def _shape_scratch(rng: np.random.Generator, surface: Surface, x: int, y: int) -> Field:
    """A straight or bent line that crosses the machining marks and comes and goes along its length."""
    along = np.linspace(-0.5, 0.5, 25)
    angle, length = _scratch_angle(rng, surface, x, y), rng.uniform(34, 110)
    bend = rng.normal(0, 0.16) * length
    forward, aside = along * length, bend * (4 * along**2 - 0.5)
    points_x = forward * math.cos(angle) - aside * math.sin(angle)
    points_y = forward * math.sin(angle) + aside * math.cos(angle)
    strength = np.interp(along, np.linspace(-0.5, 0.5, 6), [0.35, *rng.uniform(0.45, 1.0, 4), 0.35])
    line = _draw_line(points_x, points_y, strength, width_px=rng.uniform(1.3, 2.6))
    return line if rng.random() < 0.5 else -line


def _scratch_angle(rng: np.random.Generator, surface: Surface, x: int, y: int) -> float:
    """Any angle, but at least 30 degrees across the machining marks, between which it would be lost."""
    if surface.grain_angle is None:
        return float(rng.uniform(0, math.pi))
    return surface.grain_angle(x, y) + rng.uniform(math.radians(30), math.radians(150))


def _draw_line(xs: NDArray, ys: NDArray, strength: NDArray, width_px: float) -> Field:
    """Draw a polyline around the patch's middle, 0 to 1, smooth to a fraction of a pixel."""
    side = (2 * _REACH_PX + 1) * _OVERSAMPLING
    canvas = np.zeros((side, side), np.uint8)
    points = np.rint(np.stack([xs, ys], axis=1) * _OVERSAMPLING + side / 2).astype(int).tolist()
    thickness = max(1, round(width_px * _OVERSAMPLING))
    for start, end, level in zip(points, points[1:], strength, strict=False):
        cv2.line(canvas, start, end, int(255 * level), thickness)
    line = cv2.resize(canvas, _DX.shape, interpolation=cv2.INTER_AREA)
    return np.asarray(line.astype(np.float32) / 255, np.float32)


def _shape_dent(rng: np.random.Generator, surface: Surface, x: int, y: int) -> Field:
    """A dent: its wall near the lamp lies in shade and the one beyond catches the light."""
    del x, y
    turn, long = rng.uniform(0, math.pi), rng.uniform(1.0, 1.7)
    cos, sin = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    width = np.float32(rng.uniform(3.4, 6.2) / math.sqrt(long))
    u, v = (cos * _DX + sin * _DY) / (width * np.float32(long)), (cos * _DY - sin * _DX) / width
    depth = np.exp(-0.5 * (u * u + v * v))
    towards = (_DX * math.cos(surface.light_angle) + _DY * math.sin(surface.light_angle)) / width
    shading = -towards * depth
    return np.asarray(shading / np.max(np.abs(shading)), np.float32)


_PROFILES: dict[str, Callable[[np.random.Generator, Surface, int, int], Field]] = {
    "spot": _shape_spot,
    "scratch": _shape_scratch,
    "dent": _shape_dent,
}
