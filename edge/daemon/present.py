"""What the camera sees now, for people."""

from __future__ import annotations

from edge.contract.types import Frame
from edge.daemon.past import as_jpeg
from edge.wire.present import FrameAnswer


def frame(found: Frame) -> FrameAnswer:
    """As it goes over the wire; smaller where it would be too large."""
    shown, data = as_jpeg(found.pixels)
    return FrameAnswer(found.captured_ns, "jpeg", shown.shape[0], shown.shape[1], data)
