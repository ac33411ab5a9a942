"""The camera: exposure, vignetting, focus and sensor noise turn a surface into an image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.synthesize.surface import Surface
from trainer.synthesize.texture import SIZE, Field, draw_noise

READ_NOISE = 0.004
"""Noise of the sensor in the dark, as a share of white."""

SHOT_NOISE = 0.00025
"""Variance of the sensor's noise per unit of light."""

_AXIS = np.linspace(-1.0, 1.0, SIZE, dtype=np.float32)
_OFF_AXIS = _AXIS[None, :] ** 2 + _AXIS[:, None] ** 2


def photograph(rng: np.random.Generator, surface: Surface) -> NDArray[np.uint8]:
    """One photo of a surface: (SIZE, SIZE) uint8, or (SIZE, SIZE, 3) BGR for a surface with a tint."""
    exposure, vignette = np.float32(rng.uniform(0.80, 1.30)), np.float32(rng.uniform(0.03, 0.13))
    seen = cv2.GaussianBlur(surface.radiance * (exposure - vignette * _OFF_AXIS), (5, 5), rng.uniform(0.45, 0.85))
    noise = draw_noise(rng)
    if surface.tint is None:
        return _expose(np.asarray(seen, np.float32), noise)
    # One plane of noise, shifted, serves all channels: far enough apart, they are independent to the eye and a network.
    channels = [
        _expose(np.asarray(seen * np.float32(factor), np.float32), np.roll(noise, 83 * channel, axis=(0, 1)))
        for channel, factor in enumerate(surface.tint)
    ]
    return np.stack(channels, axis=2)


def _expose(seen: Field, noise: Field) -> NDArray[np.uint8]:
    """Add shot and read noise to one channel and round it to 8 bits; what is above white clips."""
    spread = np.sqrt(np.maximum(seen, 0.0) * np.float32(SHOT_NOISE) + np.float32(READ_NOISE**2))
    return np.clip(np.rint((seen + spread * noise) * 255), 0, 255).astype(np.uint8)
