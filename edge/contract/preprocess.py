"""From a frame to the model's input: one pure function of pixels and spec, for trainer, converter and board alike."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

import cv2
import msgspec
import numpy as np

from edge.contract.region import Region
from edge.contract.types import Pixels

CENTRE = 128
"""The unit that is zero to the network, and the mean of a standardised image."""
UNITS_PER_SIGMA = 32.0
"""Of a standardised image: so 4 standard deviations fit on either side of the mean."""
SIGMA_FLOOR = 2.0
"""Grey levels. A flat image is not blown up to noise beyond this."""
_LEVELS = np.arange(256, dtype=np.float64)


class Clahe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994), on grey or on the L of Lab."""

    clip_limit: Annotated[float, msgspec.Meta(gt=0.0, le=40.0)] = 2.0
    tiles: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8


class PreprocessSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done to a frame, as data; it travels in the card.

    In this order: the region is cut out; colour becomes grey where `colour` is "grey"; it is resized to
    `width` x `height` (area when shrinking, bilinear when growing); `flat_field` (a PNG of an evenly lit blank,
    resized alike) divides out uneven light; CLAHE; normalisation: "standardise" centres and scales each image by its
    own mean and standard deviation, "none" leaves it.
    """

    width: Annotated[int, msgspec.Meta(ge=32, le=2048)] = 224
    height: Annotated[int, msgspec.Meta(ge=32, le=2048)] = 224
    colour: Literal["grey", "bgr"] = "grey"
    region: Region = Region()
    normalise: Literal["standardise", "none"] = "standardise"
    clahe: Clahe | None = None
    flat_field: bytes | None = None

    def __post_init__(self) -> None:
        if self.flat_field is not None and _decode_png(self.flat_field) is None:
            raise ValueError("flat_field is not a PNG image")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the model's input."""
        return self.height, self.width, 1 if self.colour == "grey" else 3


def preprocess(pixels: Pixels, spec: PreprocessSpec) -> Pixels:
    """The model's input: uint8 of `spec.shape`, C-contiguous.

    `pixels` is (h, w) or (h, w, 3) BGR, uint8, and is not changed.
    """
    resized = _resize(_recolour(_crop(pixels, spec.region), spec.colour), spec.width, spec.height)
    if spec.flat_field is not None:
        resized = cv2.multiply(resized, flat_field_gain(spec), dtype=cv2.CV_8U)  # type: ignore[assignment]
    if spec.clahe is not None:
        resized = _equalise(resized, spec.clahe)
    if spec.normalise == "standardise":
        resized = standardise(resized)
    return np.ascontiguousarray(resized).reshape(spec.shape)


def centred(inputs: Pixels) -> np.ndarray:
    """Model inputs as a float network takes them: float32, less CENTRE. The int8 model's zero point does the same."""
    return inputs.astype(np.float32) - CENTRE


def standardise(image: Pixels) -> Pixels:
    """128 + 32 * (image - mean) / sigma, rounded and clipped to uint8; one mean and sigma for all channels."""
    means, sigmas = cv2.meanStdDev(image)
    if image.ndim == 2:
        mean, sigma = means.item(), sigmas.item()
    else:
        mean, sigma = float(means.mean()), float(np.sqrt((sigmas**2).mean() + means.var()))
    table = _LEVELS - mean
    table *= UNITS_PER_SIGMA / max(sigma, SIGMA_FLOOR)
    table += CENTRE
    np.rint(table, out=table)
    return cv2.LUT(image, table.clip(0, 255, out=table).astype(np.uint8))  # type: ignore[return-value]


@lru_cache(maxsize=8)
def flat_field_gain(spec: PreprocessSpec) -> np.ndarray:
    """What each place of the resized image is multiplied with: float32, mean 1 over the reference."""
    assert spec.flat_field is not None
    reference = _decode_png(spec.flat_field)
    assert reference is not None
    image = _resize(_recolour(_crop(reference, spec.region), spec.colour), spec.width, spec.height)
    light = np.maximum(image.astype(np.float32), 1.0)
    return light.mean(axis=(0, 1), keepdims=light.ndim == 3) / light


def _crop(pixels: Pixels, region: Region) -> Pixels:
    x, y, w, h = region.pixels(*pixels.shape[:2])
    return pixels[y : y + h, x : x + w]


def _recolour(pixels: Pixels, colour: str) -> Pixels:
    if colour == "grey":
        return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]
    return pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)  # type: ignore[return-value]


def _resize(pixels: Pixels, width: int, height: int) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = pixels.shape[0] >= height and pixels.shape[1] >= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(pixels, (width, height), interpolation=method)  # type: ignore[return-value]


def _equalise(image: Pixels, clahe: Clahe) -> Pixels:
    equaliser = cv2.createCLAHE(clahe.clip_limit, (clahe.tiles, clahe.tiles))
    if image.ndim == 2:
        return equaliser.apply(image)  # type: ignore[return-value]
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)
    lab[..., 0] = equaliser.apply(lab[..., 0])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)  # type: ignore[return-value]


def _decode_png(data: bytes) -> Pixels | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None  # type: ignore[return-value]
    except cv2.error:  # a header that claims an absurd size
        return None
