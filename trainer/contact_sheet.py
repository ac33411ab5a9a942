"""Pictures of a set for a person: some images of each kind with their faults outlined, and what looks alike."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np

from edge.contract.images import read_image
from edge.errors import DataError
from trainer.dataset import Sample, natural, read_mask
from trainer.describe import across_folds, across_groups, across_labels, percent, ungrouped
from trainer.survey import Seen, Survey

mpl.use("agg")
from matplotlib.figure import Figure

COLUMNS, TILE_PX, GAP_PX, MARGIN_PX, HEADER_PX, CAPTION_PX = 6, 230, 16, 28, 46, 44
PAIR_SHIFT_PX = 6
PAIRS_SHOWN = 12
OUTLINE_RGB = (233, 84, 32)
TEXT, FAINT = "#1d2429", "#68737b"
DOTS_PER_INCH = 100


@dataclass(frozen=True, slots=True)
class Tile:
    """One image on a sheet, under it two lines of text."""

    sample: Sample
    caption: str
    note: str


@dataclass(frozen=True, slots=True)
class Section:
    """A headline, and its tiles; `paired` ones stand two by two."""

    title: str
    tiles: list[Tile]
    paired: bool = False


def draw_sheets(survey: Survey, folder: Path) -> list[Path]:
    """Writes `contact-sheet.png`, and `near-duplicates.png` where there are any to look at; returns their places."""
    sheets = {"contact-sheet.png": contact_sheet(survey), "near-duplicates.png": near_duplicate_sheet(survey)}
    for name, png in sheets.items():
        if png is not None:
            (folder / name).write_bytes(png)
    return [folder / name for name, png in sheets.items() if png is not None]


def contact_sheet(survey: Survey) -> bytes:
    """PNG with up to COLUMNS images of each kind, ok first, spread over the parts and over the sizes of the faults."""
    kinds: dict[tuple[bool, str], list[Seen]] = {}
    for item in survey.seen:
        kinds.setdefault((item.sample.is_ng, item.sample.kind), []).append(item)
    order = sorted(kinds, key=lambda key: (key[0], natural(key[1])))
    return _draw([_kind_section(kinds[key]) for key in order])


def near_duplicate_sheet(survey: Survey) -> bytes | None:
    """PNG with pairs that look alike and should not, or share no group; None where there are none."""
    found = (
        ("Alike, but one is ok and the other ng", across_labels(survey)),
        ("Alike, but in different folds", across_folds(survey)),
        ("Alike, one of them without a group", [(a, b) for a, b in ungrouped(survey) if a.label == b.label]),
        ("Alike, but in different groups", [(a, b) for a, b in across_groups(survey) if a.fold == b.fold]),
    )
    sections = [_pair_section(title, pairs) for title, pairs in found if pairs]
    return _draw(sections) if sections else None


def _kind_section(items: list[Seen]) -> Section:
    sample = items[0].sample
    title = sample.label if sample.kind == sample.label else f"{sample.kind} · {sample.label}"
    marked = any(item.area is not None for item in items)
    note = f"{len(items)} images" + (", from the smallest fault to the largest" if marked else "")
    return Section(f"{title} · {note}", [_kind_tile(item) for item in _spread(items)])


def _spread(items: list[Seen]) -> list[Seen]:
    """COLUMNS of them, evenly over the sizes of the faults where known, of different parts where there are enough."""
    by_group: dict[str, Seen] = {}
    for item in items:
        by_group.setdefault(item.sample.group, item)
    pool = list(by_group.values()) if len(by_group) >= COLUMNS else items
    pool = sorted(pool, key=lambda item: item.area or 0)  # stable: by name where there are no masks
    if len(pool) <= COLUMNS:
        return pool
    return [pool[round(place)] for place in np.linspace(0, len(pool) - 1, COLUMNS)]


def _kind_tile(item: Seen) -> Tile:
    area = "" if item.area is None else f"fault {percent(item.area)} · "
    return Tile(item.sample, item.sample.name, area + _size(item.sample))


def _pair_section(title: str, pairs: list[tuple[Sample, Sample]]) -> Section:
    shown = _varied(pairs)[:PAIRS_SHOWN]
    note = f"{len(pairs)} pairs" + (f", {len(shown)} of them shown" if len(shown) < len(pairs) else "")
    return Section(f"{title} · {note}", [_pair_tile(sample) for pair in shown for sample in pair], paired=True)


def _varied(pairs: list[tuple[Sample, Sample]]) -> list[tuple[Sample, Sample]]:
    """One pair of any two groups first: the photos of one part would fill the sheet else."""
    ahead: dict[tuple[str, str], tuple[Sample, Sample]] = {}
    rest = []
    for first, second in pairs:
        if (first.group, second.group) in ahead:
            rest.append((first, second))
        ahead.setdefault((first.group, second.group), (first, second))
    return [*ahead.values(), *rest]


def _pair_tile(sample: Sample) -> Tile:
    fold = "" if sample.fold is None else f" · fold {sample.fold}"
    kind = sample.label if sample.kind == sample.label else f"{sample.label} {sample.kind}"
    return Tile(sample, sample.name, f"{kind} · group {sample.group}{fold}")


def _size(sample: Sample) -> str:
    height, width = sample.size or (0, 0)
    return f"{width} x {height}"


@dataclass(frozen=True, slots=True)
class _Line:
    """Text with its middle at y and its left end at x, in pixels from the sheet's top left."""

    x: int
    y: int
    text: str
    size: float
    colour: str
    weight: str = "normal"


def _draw(sections: list[Section]) -> bytes:
    """The sections below each other, as PNG."""
    strips: list[np.ndarray] = [_blank(MARGIN_PX)]
    lines: list[_Line] = []
    top = MARGIN_PX
    for section in sections:
        lines.append(_Line(MARGIN_PX, top + HEADER_PX // 2, section.title, 12, TEXT, "bold"))
        strips.append(_blank(HEADER_PX))
        top += HEADER_PX
        for start in range(0, len(section.tiles), COLUMNS):
            strip, below = _row(section.tiles[start : start + COLUMNS], section.paired, top)
            strips.append(strip)
            lines += below
            top += len(strip)
    return _write(np.concatenate([*strips, _blank(MARGIN_PX)]), lines)


def _row(tiles: Sequence[Tile], paired: bool, top: int) -> tuple[np.ndarray, list[_Line]]:
    """A strip of the sheet, as high as its highest picture needs, and its captions."""
    pictures = [_picture(tile.sample) for tile in tiles]
    foot = max(len(picture) for picture in pictures)
    strip, lines = _blank(foot + CAPTION_PX), []
    for column, (tile, picture) in enumerate(zip(tiles, pictures, strict=True)):
        closer = PAIR_SHIFT_PX * (1 - 2 * (column % 2)) if paired else 0
        x = MARGIN_PX + column * (TILE_PX + GAP_PX) + closer
        height, width = picture.shape[:2]
        strip[foot - height : foot, x : x + width] = picture
        lines += [_Line(x, top + foot + 11, _fitting(tile.caption), 8, TEXT),
                  _Line(x, top + foot + 25, _fitting(tile.note), 8, FAINT)]  # fmt: skip
    return strip, lines


def _blank(height: int) -> np.ndarray:
    return np.full((height, 2 * MARGIN_PX + COLUMNS * TILE_PX + (COLUMNS - 1) * GAP_PX, 3), 255, np.uint8)


def _write(canvas: np.ndarray, lines: list[_Line]) -> bytes:
    """The canvas (RGB), pixel by pixel, with text on it: OpenCV's own letters are ASCII only."""
    height, width = canvas.shape[:2]
    figure = Figure(figsize=(width / DOTS_PER_INCH, height / DOTS_PER_INCH), dpi=DOTS_PER_INCH)
    figure.figimage(canvas)
    for line in lines:
        figure.text(line.x / width, 1 - line.y / height, line.text, size=line.size, color=line.colour,
                    weight=line.weight, va="center", parse_math=False)  # fmt: skip
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for a letter that the font lacks
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()


def _picture(sample: Sample) -> np.ndarray:
    """(height, width, 3) RGB: the whole image, its longer side TILE_PX, its fault outlined."""
    pixels, mask = read_image(sample.path), _mask(sample)
    scale = TILE_PX / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    picture = cv2.cvtColor(small, cv2.COLOR_GRAY2RGB if small.ndim == 2 else cv2.COLOR_BGR2RGB)
    if mask is not None:
        _outline(picture, cv2.resize(mask, size, interpolation=cv2.INTER_AREA))
    return picture


def _mask(sample: Sample) -> np.ndarray | None:
    try:
        return read_mask(sample)
    except DataError:  # counted and named by the survey
        return None


def _outline(picture: np.ndarray, mask: np.ndarray) -> None:
    """Draws the border of what the mask marks, some pixels outside it, so that the fault itself stays to be seen."""
    round_spot = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    around = cv2.dilate(np.where(mask > 0, np.uint8(255), np.uint8(0)), round_spot)
    contours, _ = cv2.findContours(around, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, OUTLINE_RGB, 1)


def _fitting(text: str, letters: int = 38) -> str:
    """The end of a name tells images apart."""
    return text if len(text) <= letters else f"…{text[1 - letters :]}"
