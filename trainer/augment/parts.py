"""Single variations at an explicit strength: of any uint8 image, (h, w), (h, w, 1) or (h, w, 3) BGR.

Each returns an image of the same shape and leaves the given one alone.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import cv2
import numpy as np

from edge.contract.types import Pixels

MID_GREY = 128.0
"""What contrast turns about: in a standardised model input, the mean."""

_TO_LUMA_CHROMA = np.array([[0.114, 0.587, 0.299], [-0.322, -0.274, 0.596], [0.312, -0.523, 0.211]])
"""BGR to YIQ (NTSC, 1953): there a hue is an angle and a saturation a radius."""

_NORMAL_LEVELS = np.array([NormalDist().inv_cdf((level + 0.5) / 256) for level in range(256)])
"""256 equally likely values of a normal distribution."""


def brightness(image: Pixels, offset: float) -> Pixels:
    """`offset` grey levels brighter, or darker where negative."""
    return apply_tone(image, tone_table(offset=offset))


def contrast(image: Pixels, factor: float) -> Pixels:
    """Differences from mid-grey times `factor`."""
    return apply_tone(image, tone_table(factor=factor))


def gamma(image: Pixels, exponent: float) -> Pixels:
    """`exponent` above 1 darkens the middle tones, below 1 lightens them; black and white stay."""
    return apply_tone(image, tone_table(exponent=exponent))


def tone_table(*, offset: float = 0.0, factor: float = 1.0, exponent: float = 1.0) -> np.ndarray:
    """Gamma, contrast and brightness as one table of 256 grey levels, uint8."""
    levels = 255.0 * (np.arange(256) / 255.0) ** exponent
    return np.clip(np.rint((levels - MID_GREY) * factor + MID_GREY + offset), 0, 255).astype(np.uint8)


def apply_tone(image: Pixels, table: np.ndarray) -> Pixels:
    """Each value replaced by that of `table` (256) uint8."""
    return cv2.LUT(image, table).reshape(image.shape)  # type: ignore[return-value]


def colour(image: Pixels, turn_deg: float, saturation: float) -> Pixels:
    """Hues turned by `turn_deg` degrees and saturation times `saturation`; a grey image has neither and stays."""
    if image.ndim == 2 or image.shape[2] == 1:
        return image
    along, across = saturation * math.cos(math.radians(turn_deg)), saturation * math.sin(math.radians(turn_deg))
    turned = np.array([[1, 0, 0], [0, along, -across], [0, across, along]])
    matrix = np.linalg.inv(_TO_LUMA_CHROMA) @ turned @ _TO_LUMA_CHROMA
    return cv2.transform(image, matrix)  # type: ignore[return-value]


def blur(image: Pixels, sigma: float) -> Pixels:
    """Out of focus by a Gaussian of `sigma` pixels; 0 leaves it sharp."""
    if sigma <= 0:
        return image
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101).reshape(image.shape)  # type: ignore[return-value]


def noise(image: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Gaussian noise of `sigma` grey levels, of its own in each channel; nothing beyond 2.9 sigma.

    Each value is a random byte looked up among 256 quantiles: ten times as fast as drawing from the distribution.
    """
    table = np.clip(np.rint(_NORMAL_LEVELS * sigma + MID_GREY), 0, 255).astype(np.uint8)
    chances = np.frombuffer(rng.bytes(image.size), np.uint8).reshape(image.shape)
    grain = cv2.LUT(chances, table)
    return cv2.addWeighted(image, 1, grain.reshape(image.shape), 1, -MID_GREY).reshape(image.shape)  # type: ignore[return-value]


def jpeg(image: Pixels, quality: int) -> Pixels:
    """Saved as JPEG of `quality` (1 to 100) and read again."""
    encoded = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    return decoded.reshape(image.shape)  # type: ignore[return-value]


def shift(image: Pixels, dx: float, dy: float) -> Pixels:
    """Moved `dx` pixels to the right and `dy` down; what comes in at the border is mirrored."""
    matrix = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])
    return warp(image, matrix)


def warp(image: Pixels, matrix: np.ndarray) -> Pixels:
    """Moved by `matrix` (2, 3), from places (x, y) of `image` to places of the result; mirrored beyond the border."""
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return moved.reshape(image.shape)  # type: ignore[return-value]


def illuminate(image: Pixels, lights: np.ndarray) -> Pixels:
    """Lit unevenly: `lights` (rows, columns, at least 2) are grey levels to add at mid-grey, smooth in between.

    As light does, it multiplies: a bright place gains more than a dark one, and contrast grows along.
    """
    channels = 1 if image.ndim == 2 else image.shape[2]
    gains = np.repeat((1 + lights.astype(np.float32) / np.float32(MID_GREY))[..., None], channels, axis=2)
    gain = cv2.resize(gains, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_CUBIC)
    return cv2.multiply(image, gain, dtype=cv2.CV_8U).reshape(image.shape)  # type: ignore[return-value]


def erase(image: Pixels, x: int, y: int, width: int, height: int) -> Pixels:
    """A rectangle with the corner (x, y) replaced by the mean of the image (random erasing, Zhong et al. 2020)."""
    erased = image.copy()
    erased[y : y + height, x : x + width] = cv2.mean(image)[: 1 if image.ndim == 2 else image.shape[2]]
    return erased
