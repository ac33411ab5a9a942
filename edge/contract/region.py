"""A part of the frame, in fractions of it."""

from __future__ import annotations

from typing import Annotated

import msgspec

Fraction = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of the frame that is inspected, as fractions of its width and height."""

    left: Fraction = 0.0
    top: Fraction = 0.0
    width: Fraction = 1.0
    height: Fraction = 1.0

    def __post_init__(self) -> None:
        if min(self.width, self.height) <= 0 or self.left + self.width > 1.0001 or self.top + self.height > 1.0001:
            raise ValueError(f"region {self.left},{self.top},{self.width},{self.height} does not lie within the frame")

    def pixels(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Corner and size (x, y, w, h) in a frame of this height and width, in pixels; at least 1 x 1."""
        x, y = min(round(self.left * width), width - 1), min(round(self.top * height), height - 1)
        w, h = max(1, round(self.width * width)), max(1, round(self.height * height))
        return x, y, min(w, width - x), min(h, height - y)
