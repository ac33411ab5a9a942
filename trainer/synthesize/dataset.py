"""A folder of synthetic parts: images, masks and `manifest.csv`, complete or not there at all."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.contract.storage import new_folder
from edge.errors import UsageError
from trainer.synthesize.part import KINDS, Part, check_product, make_surface, take_photo

COLUMNS = ("image", "label", "kind", "group", "mask")

TWICE_SHARE = 0.2
"""Share of the physical parts that were photographed twice, under different exposure."""

_PLAN, _SURFACE, _PHOTO = range(3)
_PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)


@dataclass(frozen=True)
class Shot:
    """One image to be made: its `index` and that of its physical part, from 0; `kind` is None for a good part."""

    index: int
    part: int
    kind: str | None

    @property
    def label(self) -> str:
        """The image's label and folder, `ok` or `ng`."""
        return "ok" if self.kind is None else "ng"


def write_dataset(
    out: Path,
    *,
    count: int,
    ng_share: float = 0.3,
    seed: int = 0,
    product: str = "metal",
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `count` images of `product`, a share `ng_share` (0 to 1) of them NG, to the new or empty folder `out`.

    Image i depends on `seed`, `product`, `ng_share` and i, not on `count`. The folder appears when all is written; a
    failure or an interrupt leaves nothing behind. `progress` gets (images done, count). Raises UsageError.
    """
    _check(count, ng_share, seed, product)
    with new_folder(out) as folder:
        _fill(folder, list(islice(plan_shots(seed, ng_share), count)), seed, product, progress)


def plan_shots(seed: int, ng_share: float) -> Iterator[Shot]:
    """All shots of a seed, without end; after any of them the number of NG ones is right to within one or two."""
    rng = _generator(seed, _PLAN, 0)
    index = part = ng = 0
    while True:
        photos = 2 if rng.random() < TWICE_SHARE else 1
        kind = str(rng.choice(KINDS))
        faulty = (index + photos) * ng_share >= ng + photos / 2
        for _ in range(photos):
            yield Shot(index, part, kind if faulty else None)
            index += 1
        ng += photos * faulty
        part += 1


def _check(count: int, ng_share: float, seed: int, product: str) -> None:
    """Raise UsageError for the first argument that cannot be met."""
    check_product(product)
    if count < 1:
        raise UsageError(f"The number of images is {count}: ask for 1 or more.")
    if not (math.isfinite(ng_share) and 0 <= ng_share <= 1):
        raise UsageError(f"The share of NG images is {ng_share}: give a number from 0 to 1.")
    if seed < 0:
        raise UsageError(f"The seed is {seed}: give 0 or a larger number.")


def _fill(
    folder: Path, shots: list[Shot], seed: int, product: str, progress: Callable[[int, int], None] | None
) -> None:
    """Write images, masks and the manifest into an existing empty folder."""
    for name in ("images/ok", "images/ng", "masks"):
        (folder / name).mkdir(parents=True)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for shot in shots:
            writer.writerow(_write_shot(folder, shot, _draw(shot, seed, product)))
            if progress is not None:
                progress(shot.index + 1, len(shots))


def _draw(shot: Shot, seed: int, product: str) -> Part:
    """The part of a shot, photographed; two shots of one part share the surface and differ in the photo."""
    surface, mask = make_surface(_generator(seed, _SURFACE, shot.part), product, shot.kind)
    return take_photo(_generator(seed, _PHOTO, shot.index), surface, mask, shot.kind, product)


def _write_shot(folder: Path, shot: Shot, part: Part) -> tuple[str, ...]:
    """Write the image, and the mask of an NG one; return the manifest's row."""
    name = f"{shot.index + 1:06d}.png"
    image, mask = f"images/{shot.label}/{name}", ""
    _write_png(folder / image, part.image)
    if part.mask is not None:
        mask = f"masks/{name}"
        _write_png(folder / mask, part.mask)
    return image, shot.label, shot.kind or "good", f"part-{shot.part + 1:06d}", mask


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Encode first, so that a full or read-only disk shows as OSError."""
    encoded, data = cv2.imencode(".png", image, _PNG_OPTIONS)
    if not encoded:
        raise OSError(f"{path.name} could not be encoded as PNG")
    path.write_bytes(data.tobytes())


def _generator(seed: int, stream: int, index: int) -> np.random.Generator:
    """An independent generator for each use and index of a seed."""
    return np.random.default_rng([seed, stream, index])
