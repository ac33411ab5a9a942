"""A part's id from a code in its image, by OpenCV."""

from __future__ import annotations

import logging
from typing import Any, Literal

import cv2

from edge.contract.region import Region
from edge.contract.types import Pixels

log = logging.getLogger(__name__)

LONGEST = 200
"""Characters of a part's id."""


class CodeReader:
    """Reads one QR code, or one barcode (EAN, UPC). Belongs to one thread."""

    def __init__(self, kind: Literal["qr", "barcode"], region: Region) -> None:
        """`region` is where codes are looked for: the smaller, the quicker."""
        self._region = region
        self._detector: Any = cv2.QRCodeDetector() if kind == "qr" else cv2.barcode.BarcodeDetector()

    def read(self, pixels: Pixels) -> str:
        """What the code says, without control characters; empty when none can be read."""
        x, y, w, h = self._region.pixels(*pixels.shape[:2])
        try:
            found = self._detector.detectAndDecode(pixels[y : y + h, x : x + w])[0]
        except (cv2.error, UnicodeDecodeError) as error:
            log.warning("a code cannot be read: %s", " ".join(str(error).split()))
            return ""
        return "".join(character for character in found if character.isprintable())[:LONGEST]
