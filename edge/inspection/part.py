"""The frames of one part: which those are, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from edge.camera import Camera
from edge.contract.types import Frame
from edge.errors import CameraError
from edge.inspection.triggers import Trigger, Way
from edge.line.presence import Presence


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


class PartFrames:
    """What the line thread reads from the camera. With `presence` a part that comes into the frame is told of."""

    def __init__(
        self, camera: Camera, timeout_s: float, presence: Presence | None,
        arrived: Callable[[Frame], object], progress: Callable[[], None],
    ) -> None:  # fmt: skip
        """`arrived` takes the frame that shows a part that has come; `progress` is called before each frame."""
        self._camera, self._timeout_s, self._presence = camera, timeout_s, presence
        self._arrived, self._progress = arrived, progress
        self._seen: Frame | None = None
        """The last frame."""
        self._spare = False
        """It was taken for people, and may be a part's."""

    def look(self) -> bool:
        """Looks at the next frame for a part; False where the source has ended. Raises CameraError."""
        return self._read(self._timeout_s) is not None

    def newest(self, *, fresh: bool) -> Frame | None:
        """The last frame that the camera gave, for people; with `fresh` also one that nobody has read yet.

        It waits for none, and takes none away from a part that comes. None where there was none yet.
        """
        if fresh:
            with suppress(CameraError):
                if frame := self._camera.read(0.0):
                    self._seen, self._spare = frame, True
        return self._seen

    def next(self, count: int) -> list[Frame]:
        """The next ones, as they come; none where the source has ended. Raises CameraError."""
        return read_part(self._camera, count, lambda: self._read(self._timeout_s))

    def after(self, trigger: Trigger, count: int) -> list[Frame]:
        """Those exposed while the trigger's part is before the camera; none where the source has ended.

        Raises CameraError when one does not come in time.
        """
        seen = [self._seen] if self._seen and (self._presence or self._spare) else []
        return read_part(self._camera, count, lambda: self._after(trigger, seen.pop() if seen else None))

    def _after(self, trigger: Trigger, frame: Frame | None) -> Frame | None:
        """`frame` if it was exposed from the trigger's time on, or the next one that was."""
        if trigger.way and self._camera.live:
            trigger, frame = self._come(trigger, trigger.way, frame)
        begin_s = max(time.monotonic(), trigger.from_ns / 1e9)
        end_s = min(begin_s + self._timeout_s, trigger.deadline_ns / 1e9)
        if time.monotonic() > end_s:
            raise CameraError("the deadline passed while the trigger waited for its frame")
        while frame is None or (self._camera.live and frame.monotonic_ns < trigger.from_ns):
            frame = self._read(max(0.0, end_s - time.monotonic()))
            if frame is None:
                return None
        if self._camera.live and frame.monotonic_ns > trigger.until_ns:
            late_ms = (frame.monotonic_ns - trigger.until_ns) / 1e6
            raise CameraError(f"the first frame was exposed {late_ms:.0f} ms after the part had moved on")
        return frame

    def _come(self, trigger: Trigger, way: Way, frame: Frame | None) -> tuple[Trigger, Frame | None]:
        """The belt brings the part; meanwhile frames are looked at, and the last of them may be its own."""
        while way.arrived_ns is None:
            if time.monotonic_ns() > trigger.deadline_ns:
                raise CameraError(f"the belt did not go {way.counts} counts by the deadline; does it stand still?")
            frame = self._read(self._timeout_s)
            if frame is None:
                return trigger, None
        begin_ns = way.arrived_ns
        return replace(trigger, from_ns=begin_ns, until_ns=begin_ns + way.window_ns, way=None), frame

    def _read(self, timeout_s: float) -> Frame | None:
        self._progress()  # a part may have many
        self._spare = False
        self._seen = frame = self._camera.read(timeout_s)
        if frame is not None and self._presence and self._presence.arrived(frame):
            self._arrived(frame)
        return frame
