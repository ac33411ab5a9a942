"""How good a picture is, whatever is on it: brightness, focus, clipped pixels. Never part of a verdict."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Quality(msgspec.Struct, frozen=True):
    """Of one frame, or the average of several.

    `brightness`: mean grey level, 0 to 255. `focus`: variance of the Laplacian (Pech-Pacheco and others 2000) as a
    share of the image's own variance, so that it does not change with light or contrast; 0 for a smooth image, some
    hundredths to 2 for parts, 20 for nothing but noise. `clipped`: share of pixels with a channel at 250 or above.
    """

    brightness: float
    focus: float
    clipped: float


class QualityReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the pictures of a station are like when all is well, and by what share they may differ."""

    brightness: Annotated[float, msgspec.Meta(gt=0.0, le=255.0)]
    focus: Annotated[float, msgspec.Meta(gt=0.0, le=20.0)]
    clipped: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.0
    tolerance: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.25
