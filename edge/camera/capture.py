"""What a FileCamera reads from: a list of images, or a video."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NoReturn, Protocol

import cv2
import numpy as np

from edge.contract.images import IMAGE_SUFFIXES, read_image
from edge.contract.types import Pixels
from edge.errors import CameraError, DataError


class Capture(Protocol):
    """A recorded sequence of images, read once from front to back."""

    def next_name(self) -> str | None:
        """Name of the image that `read` gives next; None at the end."""

    def read(self) -> Pixels:
        """The next image; it counts as read even when CameraError is raised."""

    def rewind(self) -> None:
        """Back to the first image."""

    def close(self) -> None:
        """Let go of the file."""


def open_capture(path: Path) -> Capture:
    """The capture at `path`; raises CameraError when it is absent, empty or of no known kind."""
    try:
        if path.is_dir():
            return ImageCapture(path, _images_below(path))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
            return ImageCapture(path.parent, [path])
        if path.is_file():
            return VideoCapture(path)
    except CameraError:
        raise
    except OSError as error:
        raise CameraError(f"{path}: cannot be read: {error.strerror or error}") from None
    raise CameraError(f"{path}: no such folder or file; check the path in the camera's uri")


def _images_below(folder: Path) -> list[Path]:
    """All images in `folder` and below, hidden ones left out, in natural order (img2 before img10)."""
    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        visible = (Path(parent, name) for name in names if not name.startswith("."))
        found += [path for path in visible if path.suffix.lower() in IMAGE_SUFFIXES]
    if not found:
        kinds = " ".join(sorted(IMAGE_SUFFIXES))
        raise CameraError(f"{folder}: no image in the folder; put some there ({kinds})")
    return sorted(found, key=lambda path: _natural_key(path.relative_to(folder)))


def _raise(error: OSError) -> NoReturn:
    raise error


def _natural_key(path: Path) -> list[tuple[list[tuple[bool, int, str]], str]]:
    """Digits compare as numbers; the text itself decides between `img1` and `img01`."""
    return [([_run_key(run) for run in re.findall(r"[0-9]+|[^0-9]+", part)], part) for part in path.parts]


def _run_key(run: str) -> tuple[bool, int, str]:
    return (False, int(run), "") if run[0] in "0123456789" else (True, 0, run.casefold())


class ImageCapture:
    """Images in the order given; each is read when its turn comes."""

    def __init__(self, folder: Path, paths: list[Path]) -> None:
        self._folder, self._paths, self._position = folder, paths, 0

    def next_name(self) -> str | None:
        """Path of the next image, relative to the folder, with forward slashes."""
        if self._position >= len(self._paths):
            return None
        name = self._paths[self._position].relative_to(self._folder).as_posix()
        return name.encode(errors="backslashreplace").decode()

    def read(self) -> Pixels:
        """The next image; raises CameraError naming the file when it is damaged or not 8-bit and opaque."""
        path = self._paths[self._position]
        self._position += 1
        try:
            return read_image(path)
        except DataError as error:
            raise CameraError(str(error)) from None
        except cv2.error as error:
            raise CameraError(f"{path}: refused by OpenCV: {' '.join(str(error).split())}") from None

    def rewind(self) -> None:
        """Back to the first image."""
        self._position = 0

    def close(self) -> None:
        """Nothing is held open between two images."""


class VideoCapture:
    """The frames of one video file.

    A video that breaks off before the length its header states gives one CameraError and then ends. Lengths are
    estimates in some containers, so `_SLACK` of it may be missing.
    """

    _SLACK = 0.02

    def __init__(self, path: Path) -> None:
        self._path, self._position = path, 0
        self._pending: Pixels | None = None
        self._video = cv2.VideoCapture(str(path))
        self._stated = max(0, int(self._video.get(cv2.CAP_PROP_FRAME_COUNT)))
        self._begin()

    def next_name(self) -> str | None:
        """`stem#000123`; a video cut short has one more name than it has frames."""
        if self._pending is None and not self._broken():
            return None
        return f"{self._path.stem}#{self._position:06d}"

    def read(self) -> Pixels:
        """The next frame; raises CameraError, once, where the video breaks off."""
        if self._pending is None:
            where = f"frame {self._position} of {self._stated}"
            self._stated = 0
            raise CameraError(f"{self._path}: the video breaks off at {where}; copy or convert it again")
        frame = self._pending
        self._position += 1
        self._pending = self._decode()
        return frame

    def rewind(self) -> None:
        """Back to the first frame, by opening the file again: seeking is inexact in many formats."""
        self._video.release()
        self._video = cv2.VideoCapture(str(self._path))
        self._begin()

    def close(self) -> None:
        """Release the decoder."""
        self._video.release()

    def _begin(self) -> None:
        self._position = 0
        self._pending = self._decode()
        if self._pending is None:
            self._video.release()
            raise CameraError(f"{self._path}: not a video OpenCV can read; convert it to H.264 in .mp4, or to images")

    def _decode(self) -> Pixels | None:
        try:
            done, image = self._video.read()
        except cv2.error:
            return None
        return np.ascontiguousarray(image, np.uint8) if done and image is not None else None

    def _broken(self) -> bool:
        return self._position + 1 < self._stated * (1 - self._SLACK)
