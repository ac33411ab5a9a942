"""Machined metal: a brushed or ground plate with a drilled hole, a milled plate, a turned disc with a bore."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from trainer.synthesize.surface import (
    Pose,
    Surface,
    distance_to_box,
    distance_to_centre,
    draw_pose,
    slope_towards,
)
from trainer.synthesize.texture import SIZE, Field, draw_cloud, draw_grain, draw_rings, draw_streaks, ramp, to_polar

Finish = tuple[Field, Field, Callable[[float, float], float]]
"""Marks (mean 0, std 1), sheen (0 to 1) and the marks' angle at (x, y)."""

_HOLE_U, _HOLE_V, _HOLE_RADIUS = -52.0, -46.0, 19.0
_BORE_RADIUS, _DISC_RADIUS, _PLATE_HALF = 24.0, 117.0, 114.0
_CLEARANCE_PX = 9.0


def draw_metal(rng: np.random.Generator) -> Surface:
    """A sound metal part of a random finish."""
    light_angle = rng.uniform(-math.pi, math.pi)
    turned = rng.random() < 0.34
    pose = draw_pose(rng, quarter_turns=1 if turned else 4)
    if turned:
        outline, hole = _draw_disc(pose)
        marks, sheen, grain_angle = _finish_turned(rng, pose, light_angle)
    else:
        outline, hole = _draw_plate(pose)
        finish = _finish_milled if rng.random() < 0.35 else _finish_brushed
        marks, sheen, grain_angle = finish(rng, pose)
    inside = np.minimum(outline, hole)
    face = _light_face(rng, marks, sheen, light_angle)
    face = _cut_edges(rng, face, inside, light_angle)
    return Surface(_place_on_belt(rng, face, outline, hole), inside > _CLEARANCE_PX, light_angle, grain_angle)


def _draw_plate(pose: Pose) -> tuple[Field, Field]:
    """Distances, positive on the metal, to the outline and to the drilled hole."""
    hole = distance_to_centre(pose, _HOLE_U, _HOLE_V) - np.float32(_HOLE_RADIUS)
    return distance_to_box(pose, _PLATE_HALF, _PLATE_HALF, 16.0), hole


def _draw_disc(pose: Pose) -> tuple[Field, Field]:
    """Distances, positive on the metal, to the rim and to the bore."""
    radius = distance_to_centre(pose, 0.0, 0.0)
    return np.float32(_DISC_RADIUS) - radius, radius - np.float32(_BORE_RADIUS)


def _finish_brushed(rng: np.random.Generator, pose: Pose) -> Finish:
    """Straight marks, long (brushed) or short (ground), and a band of sheen across them."""
    angle = pose.angle + rng.uniform(-math.pi / 2, math.pi / 2)
    length = rng.uniform(14, 120)
    coarse = draw_streaks(rng, angle, length * 2.2, rng.uniform(2.2, 4.0))
    fine = draw_streaks(rng, angle + rng.normal(0, 0.02), length, rng.uniform(1.0, 1.5))
    along = math.cos(angle - pose.angle) * pose.u + math.sin(angle - pose.angle) * pose.v
    band = np.exp(-(((along - rng.uniform(-90, 90)) / rng.uniform(55, 110)) ** 2))
    marks = 0.5 * coarse + 0.75 * fine + 0.35 * draw_grain(rng, 0.8)
    return np.asarray(marks, np.float32), np.asarray(band, np.float32), lambda _x, _y: angle


def _finish_milled(rng: np.random.Generator, pose: Pose) -> Finish:
    """Wide arcs of a face mill, with feed marks at a fixed spacing."""
    far, towards = rng.uniform(170, 420), rng.uniform(-math.pi, math.pi)
    u, v = far * math.cos(towards), far * math.sin(towards)
    radius, theta = to_polar(pose.u - np.float32(u), pose.v - np.float32(v))
    arcs = draw_rings(rng, radius, theta, rng.uniform(1.1, 1.8), rng.uniform(30, 70))
    feed = np.sin(radius * np.float32(2 * math.pi / rng.uniform(7, 13)) + 0.6 * draw_cloud(rng, 4))
    marks = 0.75 * arcs + 0.45 * feed + 0.35 * draw_grain(rng, 0.9)
    x, y = _to_frame(pose, u, v)
    sheen = 0.5 + 0.25 * draw_cloud(rng, 3)
    return marks, sheen, lambda at_x, at_y: math.atan2(at_y - y, at_x - x) + math.pi / 2


def _finish_turned(rng: np.random.Generator, pose: Pose, light_angle: float) -> Finish:
    """Concentric marks; sheen is the bow tie that a lamp draws on a lathe-cut face."""
    radius, theta = to_polar(pose.u, pose.v)
    rings = draw_rings(rng, radius, theta, rng.uniform(1.1, 1.9), rng.uniform(30, 90))
    tie = 0.5 + 0.5 * np.cos(2 * (theta + np.float32(pose.angle - light_angle)))
    marks = rings + 0.35 * draw_grain(rng, 0.8)
    sheen = np.asarray(tie ** np.float32(rng.uniform(1.5, 4.0)), np.float32)
    x, y = pose.centre
    return marks, sheen, lambda at_x, at_y: math.atan2(at_y - y, at_x - x) + math.pi / 2


def _to_frame(pose: Pose, u: float, v: float) -> tuple[float, float]:
    """Pixel (x, y) of a point of the part."""
    cos, sin = math.cos(pose.angle), math.sin(pose.angle)
    return pose.centre[0] + cos * u - sin * v, pose.centre[1] + sin * u + cos * v


def _light_face(rng: np.random.Generator, marks: Field, sheen: Field, light_angle: float) -> Field:
    """Radiance of the face: level, sheen, slow reflections and the fall-off from the lamp, times the marks."""
    level = rng.uniform(0.30, 0.44) + rng.uniform(0.10, 0.26) * sheen + 0.022 * draw_cloud(rng, 4)
    across = np.linspace(-0.5, 0.5, SIZE, dtype=np.float32)
    fall = across[None, :] * math.cos(light_angle) + across[:, None] * math.sin(light_angle)
    roughness = np.float32(rng.uniform(0.05, 0.10))
    glints = _scatter_glints(rng, rng.uniform(0.10, 0.22))
    return np.asarray(level * (1 + rng.uniform(0.05, 0.3) * fall) * (1 + roughness * marks + glints), np.float32)


def _scatter_glints(rng: np.random.Generator, strength: float) -> Field:
    """Single crystals that flash or stay dark, one pixel each: no defects, every part has them."""
    count = int(rng.integers(10, 70))
    glints = np.zeros((SIZE, SIZE), np.float32)
    glints[rng.integers(0, SIZE, count), rng.integers(0, SIZE, count)] = strength * rng.standard_t(3, count)
    return glints


def _cut_edges(rng: np.random.Generator, face: Field, inside: Field, light_angle: float) -> Field:
    """Chamfer along all edges: bright where it faces the light, dark where it does not, with a burnished crest."""
    width = rng.uniform(3.0, 4.5)
    height = np.float32(2.0) * np.clip(inside, 0, width)
    bevel = slope_towards(height, light_angle)
    crest = np.exp(-(((inside - width) / 0.9) ** 2)) * rng.uniform(0.02, 0.14)
    worn = 1 + 0.35 * draw_cloud(rng, 9)
    return np.asarray(face * (1 + 0.22 * bevel * worn) + crest * worn, np.float32)


def _place_on_belt(rng: np.random.Generator, face: Field, outline: Field, hole: Field) -> Field:
    """Put the part on a dark belt, with its contact shadow, and blacken the hole."""
    belt = rng.uniform(0.07, 0.12) * (1 + 0.08 * draw_cloud(rng, 40)) * (0.45 + 0.55 * ramp(-outline, 10.0))
    deep = np.float32(rng.uniform(0.03, 0.06)) + 0.10 * ramp(hole + np.float32(6.0), 8.0)
    covered = ramp(outline + np.float32(0.7), 1.4)
    opened = ramp(hole + np.float32(0.7), 1.4)
    return np.asarray(belt + covered * (deep - belt) + covered * opened * (face - deep), np.float32)
