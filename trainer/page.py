"""Self-contained HTML pages: style and pictures inside, nothing to fetch."""

from __future__ import annotations

import base64
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


def render_page(template: str, **values: Any) -> str:
    """The page that a template in `pages/` makes of `values`; text in them is escaped."""
    loader = jinja2.FileSystemLoader(FOLDER)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    style = Markup((FOLDER / "style.css").read_text(encoding="utf-8"))
    return environment.get_template(template).render(style=style, **values)


def embed_pair(pixels: Pixels, heat: np.ndarray, side_px: int) -> str:
    """The frame, and beside it the frame under its heat map, each at most `side_px` long, as a data URI."""
    pair = np.hstack([overlay(pixels, np.zeros_like(heat)), overlay(pixels, heat, OPACITY)])
    scale = side_px / max(pixels.shape[:2])
    small = cv2.resize(pair, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, 88))
    return embed("jpeg", jpeg.tobytes())


def embed(kind: str, data: bytes) -> str:
    """A data URI of an encoded image; `kind` is "png" or "jpeg"."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
