"""Seeded variations of a model input that leave its label true."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, slots=True)
class Recipe:
    """How far each variation goes; 0 switches it off.

    `rotation_deg` and the shares of `shift` (of the side) and `zoom` are the largest deviation either way; `contrast`
    is a factor about mid-grey, `brightness` an offset in units of the input (0 to 255).
    """

    flip_horizontal: bool = True
    flip_vertical: bool = True
    rotation_deg: float = 8.0
    shift: float = 0.04
    zoom: float = 0.08
    contrast: float = 0.15
    brightness: float = 10.0


def augment(image: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    """A variation of a model input, uint8 of the same shape (height, width, channels)."""
    varied = _light(_place(image, recipe, rng), recipe, rng)
    if recipe.flip_horizontal and rng.random() < 0.5:
        varied = varied[:, ::-1]
    if recipe.flip_vertical and rng.random() < 0.5:
        varied = varied[::-1]
    return varied.reshape(image.shape)


def _place(image: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    turn = rng.uniform(-1, 1) * recipe.rotation_deg
    zoom = 1 + rng.uniform(-1, 1) * recipe.zoom
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, zoom)
    matrix[:, 2] += rng.uniform(-1, 1, 2) * recipe.shift * (width, height)
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def _light(image: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    gain = 1 + rng.uniform(-1, 1) * recipe.contrast
    offset = rng.uniform(-1, 1) * recipe.brightness
    table = np.rint((np.arange(256) - 128.0) * gain + 128.0 + offset)
    return cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8))
