"""The watch over image quality: each frame is measured, and a drift of the average from the reference is a warning."""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.preprocess import Region
from edge.contract.quality import Quality, QualityReference
from edge.contract.recipe import Recipe
from edge.contract.types import Pixels

WHITE = 250
"""Grey level from which a pixel is clipped."""
BANDS, ROWS = 8, 16
"""Focus is measured on so many bands of so many rows, spread over the region, each pixel of them."""
SAMPLES = 128
"""Brightness and clipping on a grid of about so many rows and columns."""

FRAMES = 16
"""Over about so many the average is taken; before there are as many there is none."""
CLIPPED_MORE = 0.05
"""Share of all pixels that may be clipped beyond the reference's."""
CALM = 0.5
"""A warning ends where the drift has fallen to this share of what is allowed."""

_WORDS = {
    "brightness": "the image is darker or brighter than its reference; check lamp, exposure and aperture",
    "focus": "the image is less sharp than its reference; check the focus, clean the lens, look for vibration",
    "clipped": "more of the image is clipped to white than in its reference; check lamp and exposure",
}


class QualityWatch:
    """Takes the quality of each frame. Without a reference it averages and never warns. Belongs to one thread."""

    def __init__(self, reference: QualityReference | None = None) -> None:
        """`reference` is the station's; a recipe may have one of its own."""
        self._station = reference
        self._use(None)

    def _use(self, recipe: Recipe | None) -> None:
        """Another product looks otherwise: all begins anew."""
        self._recipe = recipe
        self._reference = (recipe and recipe.settings.quality) or self._station
        self._seen = 0
        self._mean = (0.0, 0.0, 0.0)
        self.warnings: dict[str, str] = {}
        """What has drifted, in plain words, by the name of the figure."""

    def add(self, found: Quality, recipe: Recipe | None = None) -> None:
        """One more frame, inspected by `recipe`: an average of all so far, then one that forgets the oldest."""
        if recipe is not self._recipe:
            self._use(recipe)
        self._seen = min(self._seen + 1, FRAMES)
        share = 1 / self._seen
        new = (found.brightness, found.focus, found.clipped)
        self._mean = tuple(old + share * (value - old) for old, value in zip(self._mean, new, strict=True))  # type: ignore[assignment]
        if self._reference and (average := self.average):
            drifts = _drifts(average, self._reference)
            limits = {name: CALM if name in self.warnings else 1.0 for name in drifts}
            self.warnings = {name: _WORDS[name] for name, drift in drifts.items() if drift > limits[name]}

    @property
    def average(self) -> Quality | None:
        """Of the last frames, rounded; None as long as there are too few."""
        if self._seen < FRAMES:
            return None
        brightness, focus, clipped = self._mean
        return Quality(round(brightness, 1), round(focus, 4), round(clipped, 4))


def _drifts(found: Quality, reference: QualityReference) -> dict[str, float]:
    """How far each figure is from the reference, as a share of what is allowed."""
    return {
        "brightness": abs(found.brightness / reference.brightness - 1) / reference.tolerance,
        "focus": (1 - found.focus / reference.focus) / reference.tolerance,
        "clipped": (found.clipped - reference.clipped) / CLIPPED_MORE,
    }


def measure_quality(pixels: Pixels, region: Region) -> Quality:
    """The quality of a frame within the region that is inspected. `pixels` is (h, w) or (h, w, 3) BGR, uint8."""
    x, y, w, h = region.pixels(*pixels.shape[:2])
    inside = pixels[y : y + h, x : x + w]
    sample = np.ascontiguousarray(inside[:: max(1, h // SAMPLES), :: max(1, w // SAMPLES)])
    channels = cv2.split(sample)
    peak = channels[0] if len(channels) == 1 else cv2.max(cv2.max(channels[0], channels[1]), channels[2])
    brightness = sum(cv2.mean(sample)[: len(channels)]) / len(channels)
    return Quality(brightness, _focus(inside), float(np.count_nonzero(peak >= WHITE) / peak.size))


def _focus(inside: Pixels) -> float:
    """Bands of whole rows at full resolution: a decimated image has lost what blur takes away."""
    edges = detail = 0.0
    last = max(0, inside.shape[0] - ROWS)
    for top in sorted({round(last * band / (BANDS - 1)) for band in range(BANDS)}):
        band = inside[top : top + ROWS]
        grey = band if band.ndim == 2 else cv2.cvtColor(band, cv2.COLOR_BGR2GRAY)
        edges += float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0]) ** 2
        detail += float(cv2.meanStdDev(grey)[1][0, 0]) ** 2
    return edges / detail if detail else 0.0
