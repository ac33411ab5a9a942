"""The frames that a journal keeps: which, in what encoding, and where."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2

from edge.contract.storage import sync_folder, write_files
from edge.contract.types import Pixels, Verdict
from edge.errors import JournalError
from edge.journal.folder import make_folder

JPEG_QUALITY = 92
FOLDER_SIZE = 1000
"""Images per folder, so that folders stay small enough to list."""


class ImagePolicy(StrEnum):
    """Which inspections keep their frame for their verdict's sake."""

    ALL = "all"
    NG = "ng"
    """Everything but OK: NG, REVIEW and FAULT."""
    NONE = "none"


class ImageFormat(StrEnum):
    """How a kept frame is encoded: PNG loses nothing, JPEG is smaller."""

    PNG = "png"
    JPEG = "jpeg"

    @property
    def suffix(self) -> str:
        """ ".png" or ".jpg", as `Entry.suffix` takes it."""
        return ".png" if self is ImageFormat.PNG else ".jpg"


@dataclass(frozen=True, slots=True)
class ImageRule:
    """Which frames are kept, and how: by verdict, and each `every`th inspection of a boot whatever its verdict."""

    policy: ImagePolicy = ImagePolicy.NG
    every: int | None = None
    form: ImageFormat = ImageFormat.PNG

    def keeps(self, verdict: Verdict, sequence: int) -> bool:
        """Whether the frame of an inspection with this verdict and sequence number is kept."""
        if self.every and sequence % self.every == 0:
            return True
        return self.policy is ImagePolicy.ALL or (self.policy is ImagePolicy.NG and verdict is not Verdict.OK)

    @property
    def keeps_any(self) -> bool:
        """Whether any frame is ever kept."""
        return self.every is not None or self.policy is not ImagePolicy.NONE


SUFFIXES = frozenset(form.suffix for form in ImageFormat)


def encode_image(pixels: Pixels, form: ImageFormat = ImageFormat.PNG) -> bytes:
    """The frame's pixels, (h, w) or (h, w, 3) BGR uint8, as the bytes of an image file.

    Raises JournalError when the encoder refuses them, as JPEG does above 65,500 pixels a side.
    """
    if form is ImageFormat.PNG:
        options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    else:
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    try:
        done, data = cv2.imencode(form.suffix, pixels, options)
    except cv2.error as error:
        raise JournalError(f"a frame {pixels.shape} cannot be encoded as {form}: {error.err}") from None
    if not done:
        raise JournalError(f"a frame {pixels.shape} cannot be encoded as {form}")
    return data.tobytes()


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image on the disk: `path` relative to the journal's folder, `sha256` of the file in hex, `size` in bytes."""

    path: str
    sha256: str
    size: int


class ImageStore:
    """Files `images/BOOT/THOUSAND/SEQUENCE.png` in a journal's folder. All of it raises OSError.

    A part's frames that are not the decisive one are beside it, as `SEQUENCE-POSITION.png`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def place(self, boot_id: str, sequence: int, suffix: str, data: bytes, position: int | None = None) -> StoredImage:
        """Where an image with this content is to lie; `position` is that of a frame that is not the decisive one."""
        name = f"{sequence:09d}{suffix}" if position is None else f"{sequence:09d}-{position}{suffix}"
        relative = Path("images", boot_id, f"{sequence // FOLDER_SIZE:06d}", name)
        return StoredImage(relative.as_posix(), hashlib.sha256(data).hexdigest(), len(data))

    def write(self, images: Iterable[tuple[StoredImage, bytes]]) -> None:
        """Each at its place with its content, on the disk, whole, when this returns."""
        files = {self._folder / image.path: data for image, data in images}
        for folder in {path.parent for path in files}:
            make_folder(folder)
        write_files(files)

    def remove(self, image: StoredImage) -> None:
        """Takes an image back whose row could not be written; one that is gone is no error."""
        (self._folder / image.path).unlink(missing_ok=True)

    def newest(self, boot_id: str) -> tuple[int, list[str]]:
        """All files in the last two folders of a boot, unfinished ones too, and the first sequence number there.

        What a crash left without a row lies there, as a batch spans at most two folders. Paths as in `StoredImage`.
        """
        root = self._folder / "images" / boot_id
        folders = sorted(root.iterdir())[-2:] if root.is_dir() else []
        paths = [path for folder in folders for path in sorted(folder.iterdir())]
        first = int(folders[0].name) * FOLDER_SIZE if folders else 0
        return first, [path.relative_to(self._folder).as_posix() for path in paths]

    def sweep(self, paths: Sequence[str]) -> None:
        """Removes these files, paths as in `StoredImage`, and folders that become empty; on the disk when it returns.

        Those that are gone are no error.
        """
        strays = [self._folder / path for path in paths]
        for stray in strays:
            stray.unlink(missing_ok=True)
        for folder in {stray.parent for stray in strays}:
            _settle(folder)

    def size(self, path: str) -> int:
        """Bytes of a file, path as in `StoredImage`; 0 when it is gone."""
        try:
            return (self._folder / path).stat().st_size
        except FileNotFoundError:
            return 0


def _settle(folder: Path) -> None:
    """Puts on the disk that files of `images/BOOT/THOUSAND` are gone, and removes it and its boot's when empty."""
    for place in (folder, folder.parent):
        if not place.is_dir():
            continue
        if any(place.iterdir()):
            sync_folder(place)
            return
        place.rmdir()
        sync_folder(place.parent)
