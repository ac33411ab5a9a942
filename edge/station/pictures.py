"""The picture of a part: frame, map over it, and an outline of what spoke most for NG, as one SVG. Pure."""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape

import cv2
import numpy as np

from edge.contract import overlay
from edge.contract.cam import BINARY
from edge.contract.images import decode_image
from edge.contract.overlay import Heat
from edge.contract.preprocess import Region
from edge.contract.types import Verdict
from edge.errors import DataError
from edge.station.live import Part
from edge.wire.messages import ImageMessage, ResultMessage

LONGEST_PX = 1280
MAP_PX = 320
ALONE_PX = 640
RegionOf = Callable[[str], Region | None]
"""From a bundle's digest to the region that its map covers; None where that is not known."""


class Pictures:
    """The last pictures drawn: the same for all who look."""

    def __init__(self, region_of: RegionOf) -> None:
        self._region_of, self._drawn = region_of, dict[Part, str]()

    def of(self, part: Part | None) -> str:
        """SVG of the part."""
        if part is None:
            return '<div class="nothing">No picture yet</div>'
        if part not in self._drawn:
            self._drawn = dict(list(self._drawn.items())[-3:]) | {part: draw(part, self._region_of)}
        return self._drawn[part]


def draw(part: Part, region_of: RegionOf) -> str:
    """SVG of a part. Where it is not known which region the map covers, the frame is shown without it."""
    heat = heat_of(part.result)
    frame = part.image and _fitted(part.image)
    if frame is None or part.image is None:
        return _alone(heat, part.result)
    width, height = part.image.header.width, part.image.header.height
    drawn = [f'<image href="data:image/jpeg;base64,{frame}" width="{width}" height="{height}"/>']
    region, note = region_of(part.result.header.bundle), ""
    if heat is not None and region is None:
        note = '<div class="note">Map not shown: the station file names another bundle</div>'
    elif heat is not None and region is not None:
        drawn.append(_over(heat, region.pixels(height, width), part.result.header.verdict))
    return _svg(width, height, "".join(drawn), f"Frame of part {part.result.header.part}") + note


def heat_of(result: ResultMessage) -> Heat | None:
    """P(NG) at each place of the map, (rows, columns); None without a map."""
    shape, units = result.header.map, result.map_units
    if shape is None or units is None:
        return None
    return overlay.heat_of(units, shape.scale, shape.zero_point, result.header.classes or BINARY)


def outline(heat: Heat, width: int, height: int) -> str:
    """SVG path around where P(NG) is above half of its peak, in a box of this size."""
    fine = cv2.resize(heat, (MAP_PX, MAP_PX), interpolation=cv2.INTER_LINEAR)
    inside = np.pad((fine > fine.max() / 2).astype(np.uint8), 1)
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    scale = np.array([width, height]) / MAP_PX
    return "".join(f"M{'L'.join(f'{x:.0f} {y:.0f}' for x, y in (c[:, 0] - 1) * scale)}Z" for c in contours)


def _over(heat: Heat, box: tuple[int, int, int, int], verdict: Verdict) -> str:
    x, y, width, height = box
    image = f'<image class="cam" href="{_map_png(heat)}" width="{width}" height="{height}" preserveAspectRatio="none"/>'
    counted = ""
    if verdict in {Verdict.NG, Verdict.REVIEW}:
        path = outline(heat, width, height)
        counted = f'<path class="counted under" d="{path}"/><path class="counted" d="{path}"/>'
    return f'<g transform="translate({x} {y})">{image}{counted}</g>'


def _alone(heat: Heat | None, result: ResultMessage) -> str:
    """The map without a frame, or a few words where there is none either."""
    if heat is None:
        return '<div class="nothing">No picture</div>'
    height = round(ALONE_PX * heat.shape[0] / heat.shape[1])
    ground = f'<rect width="{ALONE_PX}" height="{height}" fill="#20262e"/>'
    drawn = _over(heat, (0, 0, ALONE_PX, height), result.header.verdict)
    note = '<div class="note">Map alone: no frame was sent</div>'
    return _svg(ALONE_PX, height, ground + drawn, f"Map of part {result.header.part}") + note


def _svg(width: int, height: int, drawn: str, title: str) -> str:
    label = escape(title, quote=True)
    return f'<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}">{drawn}</svg>'


def _map_png(heat: Heat) -> str:
    """The map in colours that are the more opaque the higher P(NG) is, as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(overlay.overlay_png(heat)).decode()}"


def _fitted(image: ImageMessage) -> str | None:
    """The frame in base64, smaller where it is larger than a screen; None when it cannot be read."""
    data = image.data
    longest = max(image.header.height, image.header.width)
    if longest > LONGEST_PX or image.header.encoding != "jpeg":
        try:
            pixels = decode_image(data, image.header.id)
        except DataError:
            return None
        scale = min(1.0, LONGEST_PX / longest)
        data = cv2.imencode(".jpg", cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))[
            1
        ].tobytes()
    return base64.b64encode(data).decode()
