"""A map as people see it: P(NG) place by place, and that in colours to lay over the frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.contract.cam import BINARY, Classes, dequantise, ng_map, probability
from edge.contract.types import MapUnits

OVERLAY_PX = 320
Heat = NDArray[np.float32]
"""P(NG), (rows, columns), 0 to 1."""


def heat_of(units: MapUnits, scale: float, zero_point: int, classes: Classes = BINARY) -> Heat:
    """P(NG) at each place of a map."""
    logits = ng_map(dequantise(units, scale, zero_point), classes)
    return np.asarray(probability(logits[..., 0]), np.float32)


def overlay_png(heat: Heat) -> bytes:
    """PNG with an alpha channel, OVERLAY_PX squared: the more opaque the higher P(NG) is. Lay it over the region."""
    fine = cv2.resize(heat, (OVERLAY_PX, OVERLAY_PX), interpolation=cv2.INTER_LINEAR)
    grey = np.rint(fine * 255).astype(np.uint8)
    _, png = cv2.imencode(".png", np.dstack([cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO), grey]))
    return png.tobytes()
