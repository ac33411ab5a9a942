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


def augment(
    image: np.ndarray, mask: np.ndarray | None, recipe: Recipe, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
    """A variation of a model input, uint8 of the same shape (height, width, channels), and of its mask alike.

    `mask` is (height, width) uint8, 0 or 255, or None.
    """
    matrix = _placement(image.shape, recipe, rng)
    axes = (1,) * (recipe.flip_horizontal and rng.random() < 0.5) + (0,) * (recipe.flip_vertical and rng.random() < 0.5)
    varied = _light(_place(image, matrix, axes, cv2.INTER_LINEAR), recipe, rng).reshape(image.shape)
    return varied, None if mask is None else _place(mask, matrix, axes, cv2.INTER_NEAREST)


def _placement(shape: tuple[int, ...], recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    height, width = shape[:2]
    turn = rng.uniform(-1, 1) * recipe.rotation_deg
    zoom = 1 + rng.uniform(-1, 1) * recipe.zoom
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, zoom)
    matrix[:, 2] += rng.uniform(-1, 1, 2) * recipe.shift * np.array((width, height))
    return matrix


def _place(image: np.ndarray, matrix: np.ndarray, flipped: tuple[int, ...], method: int) -> np.ndarray:
    size = (image.shape[1], image.shape[0])
    placed = cv2.warpAffine(image, matrix, size, flags=method, borderMode=cv2.BORDER_REFLECT_101)
    return np.ascontiguousarray(np.flip(placed, flipped))


def _light(image: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    gain = 1 + rng.uniform(-1, 1) * recipe.contrast
    offset = rng.uniform(-1, 1) * recipe.brightness
    table = np.rint((np.arange(256) - 128.0) * gain + 128.0 + offset)
    return cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8))
