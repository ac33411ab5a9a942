"""Moulded plastic: a grained panel with a rounded edge, two ribs, a screw boss, a parting line, ejector marks."""

from __future__ import annotations

import math

import numpy as np

from trainer.synthesize.surface import (
    Pose,
    Surface,
    distance_to_box,
    distance_to_centre,
    draw_pose,
    slope_towards,
)
from trainer.synthesize.texture import SIZE, Field, draw_cloud, draw_grain, ramp

TINT = (0.98, 0.88, 0.76)
"""Blue, green, red of the pellets this product is moulded from; a batch differs by a percent or two."""

_PANEL_U, _PANEL_V = 116.0, 112.0
_RIBS_U, _RIB_HALF, _RIB_END = (-66.0, 70.0), 5.0, 84.0
_BOSS_U, _BOSS_V, _BOSS_OUTER, _BOSS_BORE = 4.0, -52.0, 22.0, 10.0
_PARTING_V = 34.0
_EJECTORS = ((-28.0, 74.0), (38.0, 8.0))
_EJECTOR_RADIUS = 10.0
_CLEARANCE_PX = 8.0


def draw_plastic(rng: np.random.Generator) -> Surface:
    """A sound moulded part."""
    light_angle = rng.uniform(-math.pi, math.pi)
    pose = draw_pose(rng, quarter_turns=2)
    panel = distance_to_box(pose, _PANEL_U, _PANEL_V, 20.0)
    features = _measure_features(pose)
    relief = _raise_relief(rng, panel, features)
    lit = _light_panel(rng, relief, features, light_angle)
    sound = np.minimum(panel - np.float32(6), np.minimum.reduce(list(features.values()))) > _CLEARANCE_PX
    batch = rng.normal(1.0, 0.012, 3)
    tint = (TINT[0] * batch[0], TINT[1] * batch[1], TINT[2] * batch[2])
    return Surface(_place_in_nest(rng, lit, panel, features["bore"]), sound, light_angle, None, tint)


def _measure_features(pose: Pose) -> dict[str, Field]:
    """Distance in pixels from each feature of the mould, positive outside of it."""
    ends = np.abs(pose.v) - np.float32(_RIB_END)
    ribs = [np.abs(pose.u - np.float32(u)) - np.float32(_RIB_HALF) for u in _RIBS_U]
    boss = distance_to_centre(pose, _BOSS_U, _BOSS_V)
    ejectors = [np.abs(distance_to_centre(pose, u, v) - np.float32(_EJECTOR_RADIUS)) for u, v in _EJECTORS]
    return {
        "ribs": np.maximum(np.minimum(*ribs), ends),
        "boss": boss - np.float32(_BOSS_OUTER),
        "bore": boss - np.float32(_BOSS_BORE),
        "parting": np.abs(pose.v - np.float32(_PARTING_V)),
        "ejectors": np.minimum(*ejectors),
    }


def _raise_relief(rng: np.random.Generator, panel: Field, features: dict[str, Field]) -> Field:
    """Height of the panel in pixels: eroded grain, and the features that the mould left."""
    grain = 0.55 * draw_grain(rng, rng.uniform(0.8, 1.1)) + 0.2 * draw_grain(rng, 2.6)
    height = np.float32(rng.uniform(0.16, 0.28)) * grain
    height -= 1.7 * ramp(features["ribs"] + np.float32(1), 4.0)
    height += 2.6 * (ramp(features["bore"] + np.float32(2), 4.0) - ramp(features["boss"] + np.float32(1), 4.0))
    height -= np.float32(rng.uniform(0.15, 0.45)) * np.exp(-((features["parting"] / np.float32(1.3)) ** 2))
    height -= np.float32(rng.uniform(0.10, 0.35)) * np.exp(-((features["ejectors"] / np.float32(1.2)) ** 2))
    height += 5.0 * ramp(panel, 12.0)
    return np.asarray(height, np.float32)


def _light_panel(rng: np.random.Generator, relief: Field, features: dict[str, Field], light_angle: float) -> Field:
    """Radiance of the panel: soft shading of the relief, a broad gloss, and shade at the feet of ribs and boss."""
    slope = slope_towards(relief, light_angle)
    across = np.linspace(-0.5, 0.5, SIZE, dtype=np.float32)
    fall = across[None, :] * math.cos(light_angle) + across[:, None] * math.sin(light_angle)
    foot = np.minimum(features["ribs"], features["boss"])
    shade = 1 - 0.12 * np.exp(-np.maximum(foot, 0) / np.float32(5.0))
    level = rng.uniform(0.46, 0.62) * (1 + rng.uniform(0.1, 0.4) * fall + 0.03 * draw_cloud(rng, 3))
    gloss = rng.uniform(0.0, 0.10) * np.exp(-((fall - rng.uniform(-0.3, 0.3)) ** 2) / np.float32(0.03))
    return np.asarray((level * shade + gloss) * (1 + 0.55 * slope), np.float32)


def _place_in_nest(rng: np.random.Generator, lit: Field, panel: Field, bore: Field) -> Field:
    """Put the panel into its dark nest and blacken the boss's bore."""
    nest = rng.uniform(0.06, 0.10) * (1 + 0.06 * draw_cloud(rng, 40)) * (0.4 + 0.6 * ramp(-panel, 9.0))
    shown = ramp(panel + np.float32(0.7), 1.4) * (0.22 + 0.78 * ramp(bore + np.float32(0.9), 1.8))
    return np.asarray(nest + shown * (np.maximum(lit, 0) - nest), np.float32)
