"""Is this frame fit to be judged? What a running camera may give that is no picture of the part before it."""

from __future__ import annotations

import numpy as np

from edge.contract.types import Frame, Pixels

BLACK = 16
"""Grey level up to which a pixel is dark: above the dark noise of a sensor, below any part that is lit."""
WHITE = 250
"""Grey level from which a pixel is at the end of its range."""
REST = 0.001
"""Share of pixels that must be other than dark, or other than white: fewer are hot pixels, not a picture."""
_LOOKED_AT = 120
"""Rows and columns of a frame that are looked at for that, about."""


class FrameCheck:
    """Compares each frame with the one before it. It lives as long as the station, through all reopenings."""

    def __init__(self, size: tuple[int, int] | None = None, *, repeats: bool = False) -> None:
        """`size` is the (width, height) wanted; without it the first frame sets it, and grey or colour.

        `repeats`: the source may send one image twice, as a compressed stream of a still scene does; so equal frames
        do not mean that it is frozen.
        """
        self._size, self._repeats = size, repeats
        self._shape: tuple[int, ...] | None = None
        self._last: Frame | None = None

    def fault(self, frame: Frame) -> str:
        """Why this frame must not be judged, in plain words; empty when it may be."""
        last, self._last = self._last, frame
        reason = self._misplaced(frame, last) or self._misshapen(frame.pixels) or _unlit(frame.pixels)
        if not reason and last is not None and not self._repeats and _equal(frame.pixels, last.pixels):
            reason = "the image is frozen: each pixel is as in the frame before; check the camera"
        return reason

    def _misplaced(self, frame: Frame, last: Frame | None) -> str:
        if last is None or frame.monotonic_ns > last.monotonic_ns:
            return ""
        return "the frame is not newer than the one before it; the camera repeats itself"

    def _misshapen(self, pixels: Pixels) -> str:
        size = (pixels.shape[1], pixels.shape[0])
        if self._size and size != self._size:
            return f"the frame is {size[0]} x {size[1]} pixels, not {self._size[0]} x {self._size[1]}"
        if self._shape is None:
            self._shape = pixels.shape
        if pixels.shape == self._shape:
            return ""
        return f"the frame is {_described(pixels.shape)}; the first was {_described(self._shape)}"


def _unlit(pixels: Pixels) -> str:
    step_y, step_x = (max(1, length // _LOOKED_AT) for length in pixels.shape[:2])
    sample = pixels[::step_y, ::step_x]
    enough = REST * sample.size
    if np.count_nonzero(sample > BLACK) < enough:
        return "the frame is black; check lamp, lens cap and exposure"
    if np.count_nonzero(sample < WHITE) < enough:
        return "the frame is saturated: all of it is white; check lamp and exposure"
    return ""


def _equal(one: Pixels, other: Pixels) -> bool:
    """A few pixels are looked at first: the noise of a sensor nearly always shows there."""
    return np.array_equal(one[::16, ::16], other[::16, ::16]) and np.array_equal(one, other)


def _described(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]} pixels in {'colour' if len(shape) == 3 else 'grey'}"
