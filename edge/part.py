"""The frames of one part, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from edge.camera import Camera
from edge.contract.types import Frame
from edge.errors import CameraError


def read_part(camera: Camera, count: int, read: Callable[[], Frame | None]) -> list[Frame]:
    """`count` frames of one part, by so many calls of `read`; none where the source has ended before the first.

    Raises CameraError when one cannot be used, or the source ends in between. Of a capture the part's other frames are
    read all the same, so that the next part begins where it began when it was captured.
    """
    frames: list[Frame] = []
    trouble: CameraError | None = None
    for number in range(1, count + 1):
        try:
            frame = read()
        except CameraError as error:
            if camera.live:
                raise
            trouble = trouble or error
            continue
        if frame is None:
            if number == 1:
                return []
            raise trouble or CameraError(f"the source ended after {number - 1} of the part's {count} frames")
        frames.append(frame)
    if trouble:
        raise trouble
    return frames
