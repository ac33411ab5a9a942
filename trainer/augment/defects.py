"""Synthetic defects on any texture, each with its mask: drawn ones, and texture from elsewhere.

The strength of a drawn defect is a multiple of the std of the texture around it, so that faint ones are as hard to
see on a coarse surface as on a fine one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import Pixels
from trainer.augment.blend import feather, poisson
from trainer.augment.places import Ground, Window, cut, find_ground, largest_channel, lay
from trainer.augment.shapes import Cover, bar, blob, blotch, crack, scratch, shard

AREAS = (0.0005, 0.4)
"""Smallest and largest area of a defect, as a share of the frame; sizes between are log-uniform."""
MASKED_FROM = 0.3
"""Of a pixel covered by a defect: from this much on, it belongs to the mask."""
LEAST_SEEN = 4.0
"""Grey levels by which the pixels of a mask differ, in the mean, from what they were."""

_LEAST_STD, _LARGEST_PEAK = 4.0, 120.0
_BEYOND = 0.15
"""Chance that a defect may reach beyond the part: something that sticks out, or lies across the edge."""
_COUNTS = (1, 1, 1, 1, 1, 1, 2, 3)
_ALONE_FROM = 0.05
_AROUND_PX = 10
_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Site:
    """Where a defect comes to lie.

    `before` (rows, columns, channels) float32, grey levels; `cover` (rows, columns) float32, 0 to 1; `std` of the
    texture around, `peak` the defect's strength, both in grey levels; `donor` an image of the frame's size.
    """

    before: np.ndarray
    cover: Cover
    std: float
    peak: float
    donor: Pixels
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of defect: its outlines, what it does to the surface, how large (shares of the frame) and how strong.

    `strengths` are multiples of the texture's std; `softness` is how far the edge is blurred, as a share of the radius
    of a circle of the same area.
    """

    outlines: tuple[Callable[[np.random.Generator, float, float], Cover], ...]
    mark: Callable[[Site], np.ndarray]
    areas: tuple[float, float]
    strengths: tuple[float, float]
    softness: tuple[float, float]
    at_edge: bool = False
    """Lies across the border of the part, or of the frame where the part fills it."""


def synthesize(image: Pixels, donor: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """`image`, an ok model input (h, w, channels) uint8, with a random defect, and the mask (h, w) of it, 0 or 255.

    `donor` is another ok input of the same shape, from which texture is taken. One image in four has two or three
    defects of one kind, unless they are large.
    """
    ground = find_ground(image)
    share = math.exp(rng.uniform(*np.log(AREAS)))
    for _ in range(_ATTEMPTS):
        kinds = [kind for kind, of in KINDS.items() if of.areas[0] <= share <= of.areas[1]]
        drawn = add_defect(image, donor, KINDS[str(rng.choice(kinds))], share, ground, rng)
        if drawn is not None:
            return drawn
    return _plain_spot(image, share, ground, rng)


def add_defect(
    image: Pixels, donor: Pixels, kind: Kind, share: float, ground: Ground, rng: np.random.Generator
) -> tuple[Pixels, Pixels] | None:  # fmt: skip
    """As `synthesize`, of one kind, about `share` of the frame in size, on the part; None where nothing shows."""
    mask, changed = np.zeros(image.shape[:2], np.uint8), image
    for number in range(int(rng.choice(_COUNTS)) if share <= _ALONE_FROM else 1):
        area = share * mask.size * (rng.uniform(0.2, 1.0) if number else 1.0)
        window = _outline(kind, area, ground, mask.shape, rng)
        after = _mark(changed, donor, kind, window, rng)
        marked = np.zeros_like(mask)
        marked[window.slices][window.cover >= MASKED_FROM] = 255
        if seen(changed, after, marked) >= LEAST_SEEN:
            changed, mask = after, np.maximum(mask, marked)
    return (changed, mask) if mask.any() else None


def seen(before: Pixels, after: Pixels, mask: Pixels) -> float:
    """Grey levels by which two images differ where `mask` is not 0, in the mean; 0 where it is 0 all over."""
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return 0.0
    box = slice(y, y + height), slice(x, x + width)
    apart = cv2.absdiff(before[box], after[box]).reshape(height, width, -1)
    return float(cv2.mean(largest_channel(apart), mask[box])[0])


def _outline(
    kind: Kind, area: float, ground: Ground, shape: tuple[int, ...], rng: np.random.Generator
) -> Window:  # fmt: skip
    """A random outline of `area` pixels, its edge softened, laid on the part; seldom it reaches beyond."""
    draw = kind.outlines[int(rng.integers(len(kind.outlines)))]
    radius = math.sqrt(area / math.pi)
    sigma = max(rng.uniform(0.4, 0.9), rng.uniform(*kind.softness) * radius)
    drawn = math.pi * max(radius - sigma / 2, radius / 2) ** 2  # softening moves the mask's edge out by half a sigma
    cover = draw(rng, drawn, float(min(shape)))
    reach = math.ceil(2 * sigma)
    grown = cv2.copyMakeBorder(cover, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0)
    soft = cv2.GaussianBlur(grown, (0, 0), sigma)
    cover = np.asarray(soft / max(float(soft.max()), 1e-6), np.float32)
    if kind.at_edge:
        y, x = ground.edges[int(rng.integers(len(ground.edges)))]
        return ground.clip(cut(cover, round(float(y)), round(float(x)), shape))
    window = lay(cover, ground.places, shape, rng)
    return window if rng.random() < _BEYOND else ground.clip(window)


def _mark(image: Pixels, donor: Pixels, kind: Kind, window: Window, rng: np.random.Generator) -> Pixels:
    """A copy of `image` with the defect in `window`."""
    std = texture_std(image, window)
    peak = min(std * math.exp(rng.uniform(*np.log(kind.strengths))), _LARGEST_PEAK)
    site = Site(image[window.slices].astype(np.float32), window.cover, std, peak, donor, rng)
    changed = image.copy()
    changed[window.slices] = np.clip(np.rint(kind.mark(site)), 0, 255)
    return changed


def texture_std(image: Pixels, window: Window) -> float:
    """Std of the texture in and around a window, without the slow change of the light; at least a visible floor."""
    rows, columns = window.slices
    seen = image[
        max(0, rows.start - _AROUND_PX) : rows.stop + _AROUND_PX,
        max(0, columns.start - _AROUND_PX) : columns.stop + _AROUND_PX,
    ]
    detail = cv2.subtract(seen, cv2.blur(seen, (11, 11)).reshape(seen.shape), dtype=cv2.CV_16S)
    return max(float(cv2.meanStdDev(detail)[1].mean()), _LEAST_STD)


def _plain_spot(
    image: Pixels, share: float, ground: Ground, rng: np.random.Generator
) -> tuple[Pixels, Pixels]:  # fmt: skip
    """What is to be seen on any image: a blob, 80 levels darker or brighter than what it covers, whichever fits."""
    mask = np.zeros(image.shape[:2], np.uint8)
    cover = cv2.GaussianBlur(blob(rng, max(share * mask.size, 4.0), float(min(mask.shape))), (0, 0), 0.7)
    window = lay(np.asarray(cover / max(float(cover.max()), 1e-6), np.float32), ground.places, mask.shape, rng)
    before = image[window.slices].astype(np.float32)
    changed = image.copy()
    changed[window.slices] = np.rint(before + np.where(before > 127, -80, 80) * window.cover[..., None])
    mask[window.slices][window.cover >= MASKED_FROM] = 255
    return changed, mask


def _cover_up(site: Site) -> np.ndarray:
    """Foreign matter on the surface: a level and a grain of its own, more or less opaque."""
    level = _mean(site) + _sign(site.rng) * site.peak * _tint(site, 0.3)
    grain = site.rng.normal(0, site.std * site.rng.uniform(0.2, 0.9), site.before.shape)
    matter = level + cv2.blur(grain, (2, 2)).reshape(grain.shape)
    return feather(site.before, matter, site.cover * site.rng.uniform(0.6, 1))


def _shade(site: Site) -> np.ndarray:
    """A line or spot darker, at times lighter, than the surface, whose texture stays."""
    return site.before + _sign(site.rng) * site.peak * _tint(site, 0.05) * site.cover[..., None]


def _sink(site: Site) -> np.ndarray:
    """A pit or a scratch: dark within, one wall in shade and the other catching the light."""
    lit = _relief(site.cover, site.rng)
    depth = site.cover * site.rng.uniform(0.3, 1.0) - lit * site.rng.uniform(0.3, 1.0)
    return site.before - site.peak * depth[..., None]


def _dent(site: Site) -> np.ndarray:
    """A dent or a bump: the surface is as it was, but leans towards the light on one side and away on the other."""
    return site.before + site.peak * _relief(site.cover, site.rng)[..., None]


def _stain(site: Site) -> np.ndarray:
    """Something that has dried or burnt in: uneven, perhaps darkest along its edge, and of some colour."""
    sigma = max(1.0, 0.15 * math.sqrt(float(site.cover.sum())))
    edge = np.clip(site.cover - cv2.GaussianBlur(site.cover, (0, 0), sigma), 0, 1) * 2
    cloud = cv2.resize(site.rng.normal(1, 0.3, (4, 4)), site.cover.shape[::-1], interpolation=cv2.INTER_CUBIC)
    film = (site.rng.uniform(0.2, 1.0) * site.cover + site.rng.uniform(0, 0.8) * edge) * cloud
    return site.before + _sign(site.rng) * site.peak * _tint(site, 0.4) * film[..., None]


def _wear(site: Site) -> np.ndarray:
    """A place rubbed smooth or roughened, a little lighter or darker than the rest."""
    smooth = cv2.GaussianBlur(site.before, (0, 0), site.rng.uniform(1.5, 4)).reshape(site.before.shape)
    gain = site.rng.uniform(0.0, 0.4) if site.rng.random() < 0.6 else site.rng.uniform(1.8, 3.0)
    worn = smooth + gain * (site.before - smooth) + _sign(site.rng) * site.peak
    return feather(site.before, worn, site.cover)


def _transplant(site: Site) -> np.ndarray:
    """Texture from elsewhere, turned, enlarged or made small, with a tone of its own; blended in one of three ways.

    Pasted hard as in CutPaste (Li et al. 2021), feathered, or by its gradients as in NSA (Schlüter et al. 2022).
    """
    rng, patch = site.rng, _displaced(site)
    about = patch.mean(axis=(0, 1))
    tone = rng.uniform(-1, 1) * site.peak * _tint(site, 0.1)
    patch = about + (patch - about) * rng.uniform(0.6, 1.5)
    way = rng.integers(3)
    if way == 0:
        return feather(site.before, patch + tone, site.cover)
    if way == 1:
        return feather(site.before, patch - about + _mean(site) + tone, site.cover)
    inner = np.zeros_like(site.cover)
    inner[1:-1, 1:-1] = site.cover[1:-1, 1:-1]
    return poisson(site.before, patch, inner)


def _displaced(site: Site) -> np.ndarray:
    """A piece of the donor as large as the site, from anywhere, at any angle and from half to twice its scale."""
    rng, (rows, columns) = site.rng, site.cover.shape
    scale = math.exp(rng.uniform(-0.7, 0.7))
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), rng.uniform(-180, 180), scale)
    reach = scale * math.hypot(rows, columns) / 2
    y, x = (rng.uniform(min(reach, side / 2), max(side - reach, side / 2)) for side in site.donor.shape[:2])
    matrix[:, 2] += (x - columns / 2, y - rows / 2)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    piece = cv2.warpAffine(site.donor, matrix, (columns, rows), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return piece.reshape(site.before.shape).astype(np.float32)


def _relief(cover: Cover, rng: np.random.Generator) -> Cover:
    """How much a surface as high as `cover` leans towards a light from anywhere, -1 to 1."""
    angle = rng.uniform(0, 2 * math.pi)
    kernel = math.cos(angle) * _ACROSS + math.sin(angle) * _ACROSS.T
    lean = cv2.filter2D(cover, cv2.CV_32F, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(lean / max(float(np.abs(lean).max()), 1e-6), np.float32)


def _mean(site: Site) -> np.ndarray:
    """(channels), of the surface under the defect."""
    weight = site.cover[..., None]
    return np.asarray((site.before * weight).sum(axis=(0, 1)) / max(float(weight.sum()), 1e-6))


def _tint(site: Site, spread: float) -> np.ndarray:
    """(channels) factors about 1; of a grey image always 1."""
    channels = site.before.shape[2]
    return np.ones(1) if channels == 1 else np.asarray(site.rng.normal(1, spread, channels))


def _sign(rng: np.random.Generator) -> float:
    """Dark twice as often as bright: faults take light away more often than they add some."""
    return -1.0 if rng.random() < 2 / 3 else 1.0


_ACROSS = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)

KINDS = {
    "spot": Kind((blob, shard), _shade, (0.0005, 0.02), (2.5, 12.0), (0.05, 0.4)),
    "pit": Kind((blob, shard), _sink, (0.0005, 0.02), (2.5, 12.0), (0.1, 0.3)),
    "foreign matter": Kind((blob, shard, bar), _cover_up, (0.0005, 0.04), (2.0, 10.0), (0.0, 0.2)),
    "scratch": Kind((scratch,), _sink, (0.0005, 0.02), (2.5, 12.0), (0.0, 0.02)),
    "hairline": Kind((scratch,), _shade, (0.0005, 0.02), (2.0, 10.0), (0.0, 0.02)),
    "crack": Kind((crack,), _shade, (0.0005, 0.02), (2.0, 12.0), (0.0, 0.02)),
    "dent": Kind((blob,), _dent, (0.003, 0.06), (1.8, 8.0), (0.3, 0.6)),
    "stain": Kind((blotch, blob), _stain, (0.003, 0.4), (1.5, 8.0), (0.05, 0.4)),
    "wear": Kind((blotch, blob), _wear, (0.005, 0.4), (0.6, 2.5), (0.1, 0.4)),
    "patch": Kind((blob, blotch, bar), _cover_up, (0.01, 0.4), (1.0, 8.0), (0.0, 0.1)),
    "broken edge": Kind((shard, blob), _cover_up, (0.001, 0.1), (2.0, 12.0), (0.0, 0.05), at_edge=True),
    "transplant": Kind((bar, blotch, blob, shard), _transplant, (0.002, 0.4), (1.0, 5.0), (0.0, 0.15)),
}
"""By name. Lines stay fine: what is larger than a fiftieth of the frame is a patch."""
