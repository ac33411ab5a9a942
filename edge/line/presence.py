"""Is a part in the image? A difference from the empty background, cheap enough for each frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.contract.region import Region
from edge.contract.types import Frame, Pixels

SAMPLES = 64
"""Rows and columns of the region that are looked at, about."""
LEARN = 8
"""Frames that the first background is made of: the belt is to be empty then."""
FOLLOW = 0.05
"""Share of each empty frame in the background, so that it follows the light."""
LONG_NS = 60_000_000_000
"""No part stays so long."""
STAY = 0.5
"""A part is gone when this share of what made it a part is left."""


class Presence:
    """Finds parts as they come into a region. Belongs to one thread.

    A part is there when `share` of the region differs from the background by `level` grey levels or more. It looks at
    a frame's small picture where there is one: less noise, as each of its pixels is a mean of many.
    """

    def __init__(self, region: Region, level: int, share: float) -> None:
        """`level` 1 to 255, `share` above 0, up to 1."""
        self._region, self._level, self._share = region, level, share
        self.forget()

    def forget(self) -> None:
        """Learns the background anew, from the next frames."""
        self._background: NDArray[np.float32] | None = None
        self._learned = 0
        self._since_ns = self._now_ns = 0
        self.there = False
        """A part is in the region."""

    @property
    def trouble(self) -> str:
        """Why no part can be told from the one before; empty when all is well."""
        if not self.there or self._now_ns - self._since_ns < LONG_NS:
            return ""
        return "there has been something in its region for a minute; clear the belt, then send stop and start"

    def arrived(self, frame: Frame) -> bool:
        """Whether a part has come with this frame; once for each part."""
        sample = self._sample(frame.pixels if frame.small is None else frame.small)
        if self._background is None or self._background.shape != sample.shape:
            self.forget()
            self._background = sample
        if self._learned < LEARN:
            self._learned += 1
            self._background += (sample - self._background) / self._learned
            return False
        share = float(np.count_nonzero(np.abs(sample - self._background) >= self._level)) / sample.size
        before, self.there = self.there, share >= self._share * (STAY if self.there else 1.0)
        self._now_ns = frame.monotonic_ns
        if not self.there:
            self._since_ns = self._now_ns
            self._background += FOLLOW * (sample - self._background)
        return self.there and not before

    def _sample(self, pixels: Pixels) -> NDArray[np.float32]:
        x, y, w, h = self._region.pixels(*pixels.shape[:2])
        inside = pixels[y : y + h : max(1, h // SAMPLES), x : x + w : max(1, w // SAMPLES)]
        grey = inside if inside.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(inside), cv2.COLOR_BGR2GRAY)
        return grey.astype(np.float32)
