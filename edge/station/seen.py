"""What the camera sees now: asked for again and again while somebody looks."""

from __future__ import annotations

import time

from edge.errors import WireError
from edge.station.archive import Archive, frame_now
from edge.wire.messages import ImageMessage

EVERY_S = 1.0
FRESH_S = 3.0
"""An older picture does not look as if it were of now."""


class Seen:
    """Belongs to one view."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._next = 0.0
        self._under_way = False
        self.image: ImageMessage | None = None
        """The newest frame that the camera gave; None where the station does not say."""

    @property
    def due(self) -> bool:
        """Whether to `ask` again."""
        return not self._under_way and time.monotonic() >= self._next

    async def ask(self) -> None:
        """Brings the image up to now."""
        self._under_way, self._next = True, time.monotonic() + EVERY_S
        try:
            self.image = await self._archive.ask(frame_now)
        except WireError:
            self.image = None
        finally:
            self._under_way = False


def newer(seen: ImageMessage | None, last: ImageMessage | None) -> tuple[ImageMessage | None, str]:
    """The picture to show, and the key of the words that say what it is: of the camera, or of the last part."""
    if seen is None or (last is not None and (last.header.captured_ns or 0) > (seen.header.captured_ns or 0)):
        return last, "setup.of_part"
    return seen, "setup.of_camera"
