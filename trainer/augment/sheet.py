"""The sample sheet of a recipe: what each part of it does to the images of a set, and all of them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

import cv2
import msgspec
import numpy as np

from edge.contract.preprocess import PreprocessSpec, preprocess
from edge.contract.types import Pixels
from edge.errors import DataError
from trainer.augment.defects import synthesize
from trainer.augment.paste import copy_paste
from trainer.augment.recipes import Recipe
from trainer.augment.vary import augment
from trainer.dataset import Sample, is_coloured, open_sample, read_mask, read_samples

COLUMNS = 6
"""Samples in each row; half of them ng where the set has ng images."""

_DEFECTS = ("copy_paste", "synthetic")
_DEFECT_ROWS = 3
_GAP_PX, _LABEL_PX, _LINE_PX = 6, 180, 18
_ATTEMPTS = 20
_INK, _FAINT, _OUTLINE = (41, 36, 29), (123, 115, 104), (32, 84, 233)

Masked = tuple[Pixels, Pixels | None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """A title, a note below it, and COLUMNS images with their masks."""

    title: str
    note: str
    images: list[Masked]


@dataclass(frozen=True, slots=True)
class Stock:
    """Model inputs of a set, at least one ok: `ok` with empty masks, `ng` with theirs or None."""

    ok: list[Masked]
    ng: list[Masked]

    @property
    def mixed(self) -> list[Masked]:
        """COLUMNS of them, ok first."""
        if not self.ng:
            return list(islice(cycle(self.ok), COLUMNS))
        half = COLUMNS // 2
        return [*islice(cycle(self.ok), COLUMNS - half), *islice(cycle(self.ng), half)]

    @property
    def faults(self) -> list[tuple[Pixels, Pixels]]:
        """Those ng images whose fault is marked."""
        return [(image, mask) for image, mask in self.ng if mask is not None]


def draw_sheet(data: Path, recipe: Recipe, seed: int) -> Pixels:
    """The sheet of `recipe` on images of `data`, chosen and varied by `seed`, as a picture (h, w, 3) BGR.

    Raises DataError when `data` is no set, or has no ok image that can be read.
    """
    rng = np.random.default_rng(seed)
    stock = take_stock(data, rng)
    return _draw([*_part_rows(stock, recipe, rng), *_defect_rows(stock, recipe, rng)])


def take_stock(data: Path, rng: np.random.Generator) -> Stock:
    """COLUMNS random images of each class, as far as there are, preprocessed by the defaults of `okng train`."""
    samples = read_samples(data)
    opened = {label: _open_some([s for s in samples if s.is_ng == label], rng) for label in (False, True)}
    if not opened[False]:
        raise DataError(f"{data}: no ok image that can be read; a sheet shows what is done to ok images")
    grey = not any(is_coloured(pixels) for found in opened.values() for _, pixels in found)
    spec = PreprocessSpec(colour="grey" if grey else "bgr")
    ok: list[Masked] = [(image, np.zeros(image.shape[:2], np.uint8)) for image in _inputs(opened[False], spec)]
    masks = [_mask_input(sample) for sample, _ in opened[True]]
    return Stock(ok, list(zip(_inputs(opened[True], spec), masks, strict=True)))


def _open_some(samples: list[Sample], rng: np.random.Generator) -> list[tuple[Sample, Pixels]]:
    """The first COLUMNS, in random order, that can be read."""
    found: list[tuple[Sample, Pixels]] = []
    for index in rng.permutation(len(samples)):
        try:
            found.append(open_sample(samples[index]))
        except DataError:  # named by `okng dataset describe`
            continue
        if len(found) == COLUMNS:
            break
    return found


def _inputs(opened: list[tuple[Sample, Pixels]], spec: PreprocessSpec) -> list[Pixels]:
    return [preprocess(pixels, spec) for _, pixels in opened]


def _mask_input(sample: Sample) -> Pixels | None:
    """The mask at the size of the input, None for a useless one; what is smaller than a pixel still marks one."""
    try:
        mask = read_mask(sample)
    except DataError:  # named by `okng dataset describe`
        return None
    if mask is None:
        return None
    seen = preprocess(mask, PreprocessSpec(colour="grey", normalise="none"))[..., 0]
    return np.where(seen >= min(64, int(seen.max())), 255, 0).astype(np.uint8)


def _part_rows(stock: Stock, recipe: Recipe, rng: np.random.Generator) -> list[Row]:
    """As they are, then each part alone, then all parts."""
    values = msgspec.structs.asdict(recipe)
    switched = {name: value for name, value in values.items() if value and name not in _DEFECTS}
    rows = [Row("as they are", "model inputs", stock.mixed)]
    for name, value in switched.items():
        varied = [_varied(masked, Recipe(**{name: value}), rng) for masked in stock.mixed]
        rows.append(Row(name, "" if value is True else f"{value:g}", varied))
    if len(switched) > 1:
        rows.append(Row("all together", "as in training", [augment(*masked, recipe, rng) for masked in stock.mixed]))
    return rows


def _varied(masked: Masked, recipe: Recipe, rng: np.random.Generator) -> Masked:
    """A variation in which something has changed, as far as `recipe` changes such an image at all."""
    for _ in range(_ATTEMPTS):
        varied = augment(*masked, recipe, rng)
        if not np.array_equal(varied[0], masked[0]):
            break
    return varied


def _defect_rows(stock: Stock, recipe: Recipe, rng: np.random.Generator) -> list[Row]:
    """Pasted and synthetic defects; nothing can be pasted from a set without masks."""
    rows = []
    ok, faults = [image for image, _ in stock.ok], stock.faults

    def paste() -> Masked:
        ng_image, ng_mask = _one(faults, rng)
        return copy_paste(_one(ok, rng), ng_image, ng_mask, rng)

    if recipe.copy_paste and faults:
        rows += _rows_of("copy_paste", paste)
    if recipe.synthetic:
        rows += _rows_of("synthetic", lambda: synthesize(_one(ok, rng), _one(ok, rng), rng))
    return rows


def _rows_of(title: str, make: Callable[[], Masked]) -> list[Row]:
    return [Row(title, "on ok images", [make() for _ in range(COLUMNS)]) for _ in range(_DEFECT_ROWS)]


def _one(images: list[T], rng: np.random.Generator) -> T:
    return images[int(rng.integers(len(images)))]


def _draw(rows: list[Row]) -> Pixels:
    """The rows below each other, each pixel of an input one pixel of the sheet."""
    height, width = rows[0].images[0][0].shape[:2]
    size = (len(rows) * (height + _GAP_PX) + _GAP_PX, _LABEL_PX + COLUMNS * (width + _GAP_PX), 3)
    sheet = np.full(size, 255, np.uint8)
    for number, row in enumerate(rows):
        top = _GAP_PX + number * (height + _GAP_PX)
        _write(sheet, row.title, top + _LINE_PX, 0.5, _INK)
        _write(sheet, row.note, top + 2 * _LINE_PX, 0.42, _FAINT)
        for column, masked in enumerate(row.images):
            left = _LABEL_PX + column * (width + _GAP_PX)
            sheet[top : top + height, left : left + width] = _picture(*masked)
    return sheet


def _write(sheet: Pixels, text: str, y: int, size: float, ink: tuple[int, int, int]) -> None:
    cv2.putText(sheet, text, (_GAP_PX, y), cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1, cv2.LINE_AA)


def _picture(image: Pixels, mask: Pixels | None) -> Pixels:
    """In colour, with a line some pixels outside of what the mask marks, so that the fault itself stays to be seen."""
    shown = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.shape[2] == 1 else image.copy()
    if mask is not None:
        around = cv2.dilate(mask, np.ones((9, 9), np.uint8))
        contours, _ = cv2.findContours(around, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(shown, contours, -1, _OUTLINE, 1)
    return shown  # type: ignore[return-value]
