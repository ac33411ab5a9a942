"""What it takes to read a result, beside the result itself: it is the bundle's, or the station's, at that moment."""

from __future__ import annotations

import msgspec

from edge.contract.cam import BINARY, Classes, Thresholds
from edge.contract.card import Tensor


class Reading(msgspec.Struct, frozen=True):
    """A map's logit is `(unit - zero_point) * scale`; `thresholds` is None where none applied."""

    scale: float
    zero_point: int
    thresholds: Thresholds | None = None
    classes: Classes = BINARY

    @classmethod
    def of(cls, output: Tensor, thresholds: Thresholds | None, classes: Classes) -> Reading:
        """That of a card's output, with these thresholds."""
        return cls(output.scale, output.zero_point, thresholds, classes)
