"""The fault of a real ng image, with its mask, put into an ok image."""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge.contract.types import Pixels
from trainer.augment.blend import feather, poisson
from trainer.augment.defects import LEAST_SEEN, seen
from trainer.augment.places import Ground, Window, find_ground

_RIM_PX = 3
"""Around the mask that is taken along, and over which it fades: masks are drawn tight, and the edge belongs to it."""
_JOINED_PX = 7
"""Pieces of a mask as close as this are one fault."""
_SCALES, _GAINS = (0.75, 1.33), (0.6, 1.5)
_TURN_DEG = 20.0
_LARGEST_SIDE = 0.9
_SAME_PLACE = 0.3
_ATTEMPTS = 4


def copy_paste(
    image: Pixels, ng_image: Pixels, ng_mask: Pixels, rng: np.random.Generator
) -> tuple[Pixels, Pixels]:  # fmt: skip
    """`image`, an ok model input (h, w, channels) uint8, with a fault of `ng_image`, and its mask (h, w), 0 or 255.

    One of the places that `ng_mask` (0 or 255) marks is taken, flipped, turned and resized a little, made fainter or
    stronger, and blended in by its gradients or with a feathered edge, at its own place or anywhere on the part.
    Raises ValueError when the images differ in shape or the mask marks nothing.
    """
    if image.shape != ng_image.shape or ng_mask.shape != image.shape[:2]:
        raise ValueError(f"an ok image {image.shape}, ng image {ng_image.shape} and mask {ng_mask.shape} do not match")
    if not ng_mask.any():
        raise ValueError("the mask of an ng image marks nothing")
    ground = find_ground(image)
    fault = _choose_fault(ng_mask, rng)
    for attempt in range(1, _ATTEMPTS + 1):
        last = attempt == _ATTEMPTS
        window, patch = _move(ng_image, fault, ground, rng)
        held = window if last else ground.clip(window)
        changed, mask = _blend(image, held, patch, rng)
        if last or seen(image, changed, mask) >= LEAST_SEEN:
            break
    return changed, mask


def _choose_fault(mask: Pixels, rng: np.random.Generator) -> Pixels:
    """One of the faults that a mask marks, alone, (h, w) 0 or 255."""
    joined = cv2.dilate(mask, np.ones((_JOINED_PX, _JOINED_PX), np.uint8))
    count, labels = cv2.connectedComponents(joined)
    return np.where(labels == rng.integers(1, count), mask, 0).astype(np.uint8)


def _move(
    ng_image: Pixels, fault: Pixels, ground: Ground, rng: np.random.Generator
) -> tuple[Window, np.ndarray]:  # fmt: skip
    """Where the fault comes to lie on the ok image, and what it looks like there: (rows, columns, channels) float32."""
    size = np.array(fault.shape[::-1])
    x, y, width, height = cv2.boundingRect(fault)
    middle, half = np.array([x + (width - 1) / 2, y + (height - 1) / 2]), np.array([width, height]) / 2
    angle, flips = math.radians(rng.uniform(-_TURN_DEG, _TURN_DEG)), rng.choice([-1.0, 1.0], 2)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) * flips
    reach = np.abs(turn) @ half
    scale = min(math.exp(rng.uniform(*np.log(_SCALES))), float((_LARGEST_SIDE * size / 2 / reach).min()))
    reach = scale * reach + _RIM_PX + 1
    target = middle if rng.random() < _SAME_PLACE else ground.places[rng.integers(len(ground.places))][::-1]
    target = np.clip(target, np.minimum(reach, size / 2), np.maximum(size - 1 - reach, size / 2))
    low = np.maximum(np.floor(target - reach), 0).astype(int)
    shown = (np.minimum(np.ceil(target + reach) + 1, size).astype(int) - low).tolist()
    matrix = np.column_stack([scale * turn, target - low - scale * turn @ middle])
    patch = cv2.warpAffine(ng_image, matrix, shown, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    cover = cv2.warpAffine(fault, matrix, shown, flags=cv2.INTER_LINEAR).astype(np.float32)
    pixels = patch.reshape(shown[1], shown[0], -1).astype(np.float32)
    return Window(int(low[1]), int(low[0]), cover / max(float(cover.max()), 1.0)), pixels


def _blend(
    image: Pixels, window: Window, patch: np.ndarray, rng: np.random.Generator
) -> tuple[Pixels, Pixels]:  # fmt: skip
    """The patch's tone fitted to what it comes to lie in, and its contrast varied; then it is put in."""
    before = image[window.slices].astype(np.float32)
    grown = cv2.dilate(window.cover, np.ones((2 * _RIM_PX - 1, 2 * _RIM_PX - 1), np.uint8))
    soft = cv2.blur(grown, (_RIM_PX, _RIM_PX))
    around = soft < 0.1 if (soft < 0.1).any() else np.ones(soft.shape, bool)
    gain = math.exp(rng.uniform(*np.log(_GAINS)))
    fitted = before[around].mean(axis=0) + gain * (patch - patch[around].mean(axis=0))
    if rng.random() < 0.5:
        soft[[0, -1]] = 0
        soft[:, [0, -1]] = 0
        after = poisson(before, fitted, soft)
    else:
        after = feather(before, fitted, soft)
    changed, mask = image.copy(), np.zeros(image.shape[:2], np.uint8)
    changed[window.slices] = np.clip(np.rint(after), 0, 255)
    mask[window.slices][window.cover >= 0.5] = 255
    return changed, mask
