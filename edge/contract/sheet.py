"""A picture of pictures, for a person to look through: one tile for each, with lines of text below."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge.contract.types import Pixels

TILE_PX, COLUMNS, LINE_PX, LETTERS = 240, 5, 16, 34


def draw_sheet(tiles: Sequence[tuple[Pixels | None, Sequence[str]]]) -> bytes:
    """PNG of the tiles, BGR or grey of any size, row by row; a grey tile stands where there is no picture.

    Letters beyond ASCII become question marks: OpenCV has no others.
    """
    lines = max((len(text) for _, text in tiles), default=0)
    drawn = [_tile(picture, text, lines) for picture, text in tiles] or [_blank(0)]
    drawn += [_blank(lines)] * (-len(drawn) % COLUMNS)
    rows = [np.hstack(drawn[start : start + COLUMNS]) for start in range(0, len(drawn), COLUMNS)]
    done, data = cv2.imencode(".png", np.vstack(rows))
    assert done
    return data.tobytes()


def _tile(picture: Pixels | None, text: Sequence[str], lines: int) -> Pixels:
    tile = _blank(lines)
    if picture is None:
        tile[:TILE_PX] = 128
    else:
        fitted = _fitted(picture)
        height, width = fitted.shape[:2]
        left = (TILE_PX - width) // 2
        tile[:height, left : left + width] = fitted if fitted.ndim == 3 else fitted[..., None]
    for index, line in enumerate(text):
        place = (4, TILE_PX + 14 + LINE_PX * index)
        cv2.putText(tile, line[:LETTERS], place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def _fitted(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    scale = TILE_PX / max(height, width)
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _blank(lines: int) -> Pixels:
    return np.full((TILE_PX + 4 + LINE_PX * lines, TILE_PX, 3), 255, np.uint8)
