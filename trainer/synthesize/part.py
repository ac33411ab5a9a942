"""One synthetic part: what to draw, drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError
from trainer.synthesize.defects import add_defect
from trainer.synthesize.light import photograph
from trainer.synthesize.metal import draw_metal
from trainer.synthesize.plastic import draw_plastic
from trainer.synthesize.surface import Surface

KINDS = ("spot", "scratch", "dent")
"""Kinds of defect; a part without any is of kind "good" in a manifest and None here."""

SECOND_DEFECT_SHARE = 0.15

_PRODUCTS = {"metal": draw_metal, "plastic": draw_plastic}
PRODUCTS = tuple(_PRODUCTS)


@dataclass(frozen=True)
class Part:
    """A photo of one part and the truth about it.

    `image`: uint8, (256, 256) grey for metal, (256, 256, 3) BGR for plastic. `mask`: (256, 256) uint8, 255 on the
    defect and 0 elsewhere, None for a good part. `kind`: the main defect, None for a good part.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None
    kind: str | None
    product: str

    def __post_init__(self) -> None:
        if (self.mask is None) != (self.kind is None):
            raise ValueError("a part has a mask exactly when it has a defect")
        if self.mask is not None and self.mask.shape != self.image.shape[:2]:
            raise ValueError(f"the mask is {self.mask.shape}, the image {self.image.shape[:2]}")


def synthesize_part(rng: np.random.Generator, product: str, kind: str | None) -> Part:
    """Draw one part of `product` with a defect of `kind`, or a good one for None. Depends on `rng` alone.

    Raises UsageError for an unknown product or kind.
    """
    return take_photo(rng, *make_surface(rng, product, kind), kind, product)


def make_surface(rng: np.random.Generator, product: str, kind: str | None) -> tuple[Surface, NDArray[np.uint8] | None]:
    """The part itself, not yet photographed, and its mask. Raises UsageError for an unknown product or kind."""
    check_product(product)
    if kind is not None and kind not in KINDS:
        raise UsageError(f"Unknown kind of defect {kind!r}: choose one of {', '.join(KINDS)}.")
    surface = _PRODUCTS[product](rng)
    if kind is None:
        return surface, None
    surface, mask = add_defect(rng, surface, kind)
    if rng.random() < SECOND_DEFECT_SHARE:
        surface, second = add_defect(rng, surface, str(rng.choice(KINDS)))
        mask = np.maximum(mask, second)
    return surface, mask


def take_photo(
    rng: np.random.Generator, surface: Surface, mask: NDArray[np.uint8] | None, kind: str | None, product: str
) -> Part:
    """Photograph a part: another `rng` gives the same part under another exposure."""
    return Part(photograph(rng, surface), mask, kind, product)


def check_product(product: str) -> None:
    """Raise UsageError unless `product` is one of PRODUCTS."""
    if product not in PRODUCTS:
        raise UsageError(f"Unknown product {product!r}: choose one of {', '.join(PRODUCTS)}.")
