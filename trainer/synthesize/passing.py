"""Parts that pass before the simulated camera, `sim://metal`: the entry points `okng.parts`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.synthesize.part import KINDS, synthesize_part


def metal(number: int) -> NDArray[np.uint8]:
    """The photo of metal part `number` (0 and up), always the same: (256, 256) grey. Every fourth has a defect."""
    return _photo(number, "metal")


def plastic(number: int) -> NDArray[np.uint8]:
    """As `metal`, of plastic: (256, 256, 3) BGR."""
    return _photo(number, "plastic")


def _photo(number: int, product: str) -> NDArray[np.uint8]:
    kind = KINDS[number // 4 % len(KINDS)] if number % 4 == 3 else None
    return synthesize_part(np.random.default_rng(number), product, kind).image
