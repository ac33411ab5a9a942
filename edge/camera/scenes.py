"""What passes before a simulated camera, without end."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Protocol

from edge.camera.capture import Capture, open_capture
from edge.contract.types import Pixels

DRAWN = 32
"""Different parts that are drawn before they come again."""


class Scene(Protocol):
    """A source of images; opened and closed with its camera."""

    def open(self) -> None:
        """From its beginning; raises CameraError when there is nothing to show."""

    def next(self) -> tuple[str, Pixels]:
        """Name and image of what is in view now; raises CameraError for an image that cannot be read."""

    def close(self) -> None:
        """Let go of it."""


class RecordedScene:
    """The images of a folder, or the frames of a video, again and again. Two of them in a row should differ."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture: Capture | None = None

    def open(self) -> None:
        """As Scene."""
        self._capture = open_capture(self._path)

    def next(self) -> tuple[str, Pixels]:
        """As Scene."""
        assert self._capture is not None
        name = self._capture.next_name()
        if name is None:
            self._capture.rewind()
            name = self._capture.next_name() or ""
        return name, self._capture.read()

    def close(self) -> None:
        """As Scene."""
        if self._capture is not None:
            self._capture.close()


class DrawnScene:
    """Synthetic parts, each in the middle of its frame, drawn as they come."""

    def __init__(self, product: EntryPoint) -> None:
        """`product` names a function from a part's number (0 and up) to its photo."""
        self._product = product
        self._draw: Callable[[int], Pixels] | None = None
        self._parts: list[Pixels] = []
        self._shown = 0

    def open(self) -> None:
        """As Scene."""
        self._draw = self._draw or self._product.load()
        self._shown = 0

    def next(self) -> tuple[str, Pixels]:
        """As Scene."""
        assert self._draw is not None
        number = self._shown % DRAWN
        self._shown += 1
        if number == len(self._parts):
            self._parts.append(self._draw(number))
        return f"{self._product.name}#{number:06d}", self._parts[number]

    def close(self) -> None:
        """As Scene."""
