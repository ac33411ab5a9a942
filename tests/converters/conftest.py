"""Small networks whose weights are written by hand, and calibration images to go with them."""

from __future__ import annotations

import numpy as np
import pytest

SIDE = 32


@pytest.fixture(scope="session")
def noise() -> np.ndarray:
    """64 model inputs of smooth noise, standardised: (64, 32, 32, 1) uint8."""
    rng = np.random.default_rng(5)
    coarse = rng.normal(size=(64, 8, 8, 1))
    grown = coarse.repeat(4, axis=1).repeat(4, axis=2) + 0.3 * rng.normal(size=(64, SIDE, SIDE, 1))
    return np.clip(np.rint(128 + 32 * grown / grown.std()), 0, 255).astype(np.uint8)
