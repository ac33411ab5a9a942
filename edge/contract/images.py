"""Reading an image file: the one place where files become pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge.contract.types import Pixels
from edge.errors import DataError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


def read_image(path: Path) -> Pixels:
    """The image at `path`: (h, w) or (h, w, 3) BGR, uint8. An alpha channel that hides nothing is dropped.

    Raises DataError, naming the file, when it cannot be read whole, has more than 8 bits per channel, or is
    partly transparent.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    return decode_image(data, str(path))


def decode_image(data: bytes, name: str) -> Pixels:
    """As `read_image`, from the file's bytes; `name` stands in the error."""
    if _truncated(data):
        raise DataError(f"{name}: the file is cut short; copy it again")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:  # a header that claims an absurd size
        image = None
    if image is None:
        raise DataError(f"{name}: not an image OpenCV can read")
    if image.dtype != np.uint8:
        raise DataError(f"{name}: {image.dtype.itemsize * 8} bits per channel; scale it to 8 before use")
    if image.ndim == 3 and image.shape[2] == 4:
        if int(image[..., 3].min()) < 255:
            raise DataError(f"{name}: partly transparent; flatten it on a background before use")
        image = image[..., :3]
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    return np.ascontiguousarray(image)


def _truncated(data: bytes) -> bool:
    """OpenCV fills a cut JPEG or PNG with grey instead of failing; the end marker tells."""
    tail = data.rstrip(b"\0")[-64:]
    if data[:2] == b"\xff\xd8":
        return b"\xff\xd9" not in tail
    if data[:4] == b"\x89PNG":
        return b"IEND" not in tail
    return False
