"""A variation of a model input that leaves its label true: geometry in one warp, tones in one table."""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge.contract.types import Pixels
from trainer.augment import parts
from trainer.augment.geometry import FAULT_KEPT, draw_placement, place
from trainer.augment.recipes import Recipe

_OFTEN = 0.5
"""Chance of each variation that not every image meets."""
_LIGHTS = 3
"""Places each way that an uneven light is drawn at."""
_LEAST_ERASED = 0.02
"""Of the area, or of the recipe's largest where that is less."""
_ATTEMPTS = 5


def augment(
    image: Pixels, mask: Pixels | None, recipe: Recipe, rng: np.random.Generator
) -> tuple[Pixels, Pixels | None]:  # fmt: skip
    """A variation of a model input, uint8 of the same shape (height, width, channels), and of its mask alike.

    `mask` is (height, width) uint8, 0 or 255. None says that a fault could be anywhere: then the part is moved so
    little that nearly all of it stays on the frame, and nothing is erased. A mask that marks nothing says that there
    is no fault, and all is allowed. What the network is shown must not give the label away: where ng images come
    without masks, ok images go in without, too.
    """
    varied, moved = place(image, mask, draw_placement(recipe, image.shape, rng))
    if recipe.erasing and moved is not None and rng.random() < _OFTEN:
        varied, moved = _erase(varied, moved, recipe.erasing, rng)
    return _expose(_light(varied, recipe, rng), recipe, rng), moved


def _erase(image: Pixels, mask: Pixels, largest: float, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """A random rectangle erased from both, or none where each that was tried would hide the fault."""
    height, width = mask.shape
    area = cv2.countNonZero(mask)
    for _ in range(_ATTEMPTS):
        share, ratio = rng.uniform(min(_LEAST_ERASED, largest), largest), math.exp(rng.uniform(-0.7, 0.7))
        rows = min(height, max(1, round(height * math.sqrt(share * ratio))))
        columns = min(width, max(1, round(width * math.sqrt(share / ratio))))
        x, y = int(rng.integers(width - columns + 1)), int(rng.integers(height - rows + 1))
        left = mask.copy()
        left[y : y + rows, x : x + columns] = 0
        if cv2.countNonZero(left) >= FAULT_KEPT * area:
            return parts.erase(image, x, y, columns, rows), left
    return image, mask


def _light(image: Pixels, recipe: Recipe, rng: np.random.Generator) -> Pixels:
    """The light on the part, and how the camera renders it."""
    if recipe.illumination and rng.random() < _OFTEN:
        image = parts.illuminate(image, rng.uniform(-1, 1, (_LIGHTS, _LIGHTS)) * recipe.illumination)
    if recipe.contrast or recipe.brightness or recipe.gamma:
        around, offset, bent = rng.uniform(-1, 1, 3)
        table = parts.tone_table(
            factor=1 + around * recipe.contrast,
            offset=offset * recipe.brightness,
            exponent=(1 + recipe.gamma) ** bent,
        )
        image = parts.apply_tone(image, table)
    if recipe.hue_deg or recipe.saturation:
        turn, more = rng.uniform(-1, 1, 2)
        image = parts.colour(image, turn * recipe.hue_deg, 1 + more * recipe.saturation)
    return image


def _expose(image: Pixels, recipe: Recipe, rng: np.random.Generator) -> Pixels:
    """The lens, the sensor and the file."""
    if recipe.blur and rng.random() < _OFTEN:
        image = parts.blur(image, rng.uniform(0, 1) * recipe.blur)
    if recipe.noise and rng.random() < _OFTEN:
        image = parts.noise(image, rng.uniform(0, 1) * recipe.noise, rng)
    if recipe.jpeg and rng.random() < _OFTEN:
        image = parts.jpeg(image, int(rng.integers(recipe.jpeg, 101)))
    return image
