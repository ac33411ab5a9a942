"""Self-contained HTML pages: style and pictures inside, nothing to fetch."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np
from markupsafe import Markup

from edge.contract.cam import overlay
from edge.contract.types import Pixels

FOLDER = Path(__file__).with_name("pages")
OPACITY = 0.75
GAP_PX = 4
OFF_PX = 4
"""How far the line around a fault keeps off it, so that it can be seen."""
OUTLINE_BGR = (90, 230, 60)


def render_page(template: str, filters: Mapping[str, Callable[..., str]] | None = None, **values: Any) -> str:
    """The page that a template in `pages/` makes of `values`; text in them is escaped."""
    loader = jinja2.FileSystemLoader(FOLDER)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(filters or {})
    style = Markup((FOLDER / "style.css").read_text(encoding="utf-8"))
    return environment.get_template(template).render(style=style, **values)


def embed_pair(pixels: Pixels, heat: np.ndarray, side_px: int, mask: Pixels | None = None) -> str:
    """The frame, and beside it the frame under its heat map, each at most `side_px` long, as a data URI.

    With a `mask` (uint8, of the frame's size) a line runs around the fault in the frame, a few pixels off it.
    """
    scale = side_px / max(pixels.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    plain, hot = (
        cv2.resize(overlay(pixels, shown, OPACITY), None, fx=scale, fy=scale, interpolation=method)
        for shown in (np.zeros_like(heat), heat)
    )
    if mask is not None:
        _outline(plain, mask)
    gap = np.full((plain.shape[0], GAP_PX, 3), 255, np.uint8)
    _, jpeg = cv2.imencode(".jpg", np.hstack([plain, gap, hot]), (cv2.IMWRITE_JPEG_QUALITY, 88))
    return embed("jpeg", jpeg.tobytes())


def embed(kind: str, data: bytes) -> str:
    """A data URI of an encoded image; `kind` is "png" or "jpeg"."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _outline(picture: np.ndarray, mask: Pixels) -> None:
    """Draws around the mask on a smaller or larger picture of its frame."""
    height, width = picture.shape[:2]
    marked = cv2.resize((mask > 0).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0
    around = cv2.dilate(marked.astype(np.uint8), np.ones((2 * OFF_PX + 1, 2 * OFF_PX + 1), np.uint8))
    contours, _ = cv2.findContours(around, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, contours, -1, OUTLINE_BGR, 1, cv2.LINE_AA)
