"""A recipe: what a station needs to inspect one product, beside the bundle that judges it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.contract.cam import Thresholds
from edge.contract.card import Card
from edge.contract.preprocess import PreprocessSpec
from edge.contract.region import Region
from edge.contract.settings import PathText, RecipeName
from edge.contract.types import Label, Pixels
from edge.errors import ConfigError

SAME_SHAPE = 0.02
"""Share by which the ignore picture's aspect may differ from a frame's."""

DIFFERENT = 30
"""Grey levels by which a place differs from the empty one: more than noise."""
SAMPLES = 128


class NamedRegion(Region, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the frame that is judged for itself, in place of the region that the card names."""

    name: RecipeName


class Voting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How several frames of one part become one verdict: by the frame with the `ng`-th highest score."""

    frames: Annotated[int, msgspec.Meta(ge=1, le=32)] = 1
    """Of each part, one after the other."""
    ng: Annotated[int, msgspec.Meta(ge=1, le=32)] = 1
    """So many NG frames make an NG part: 1 where a fault may show in one frame only, more where noise does."""

    def __post_init__(self) -> None:
        if self.ng > self.frames:
            raise ValueError(f"ng = {self.ng} of frames = {self.frames}: no part could ever be NG")


class Presence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How it shows that the part is there: enough of the region does not look as it does without one."""

    empty: PathText
    """A photo of the place without a part, of the frame's size."""
    least: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.05
    """Share of the region that must differ from it."""


class KnownParts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Photos of good and of bad parts of this product, as this station's camera sees them."""

    ok: tuple[PathText, ...] = ()
    ng: tuple[PathText, ...] = ()


class RecipeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a recipe's file says; paths in it are relative to it."""

    bundle: PathText | None = None
    """None: the station's own bundle judges."""
    regions: Annotated[tuple[NamedRegion, ...], msgspec.Meta(max_length=16)] = ()
    """Each is judged for itself, and the worst one counts. None: the region that the card names."""
    ignore: PathText | None = None
    """A picture of the frame's shape; what is white in it does not count."""
    thresholds: Thresholds | None = None
    """In place of the card's."""
    review: Literal["operator", "ng"] = "operator"
    """What is unsure is REVIEW, for an operator to decide, or NG."""
    hold_s: Annotated[float, msgspec.Meta(gt=0.0, le=3600.0)] | None = None
    """So long the line waits for the decision on a REVIEW part, and rejects it then; None: it is rejected at once."""
    voting: Voting = Voting()
    presence: Presence | None = None
    """None: that a part is there is not asked."""
    golden: KnownParts = KnownParts()
    """Judged as any part before the station is ready: in place of labels of the bundle's golden frames."""

    def __post_init__(self) -> None:
        if self.hold_s and self.review == "ng":
            raise ValueError(
                'hold_s: no part is REVIEW with review = "ng", so none would be held; leave one of them out'
            )
        names = [region.name for region in self.regions]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"regions: each has a name of its own, but {min(twice)!r} is there twice")


@dataclass(frozen=True, slots=True)
class KnownPart:
    """A photo, as its file's bytes, and what the part in it is."""

    file: str
    label: Label
    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One region of a frame, judged once: how it becomes the model's input, which places count, what is OK."""

    region: NamedRegion | None
    """None: the card's."""
    spec: PreprocessSpec
    thresholds: Thresholds
    counted: NDArray[np.bool_] | None
    """(rows, columns) of the map; None: all."""


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """A recipe with all that its file names. `ignore` is (height, width), not 0 where the frame does not count.

    `empty` is (height, width) too, grey.
    """

    name: str
    settings: RecipeSettings
    ignore: Pixels | None = None
    golden: tuple[KnownPart, ...] = ()
    empty: Pixels | None = None
    given: Thresholds | None = None
    """In place of those of its file: the station was given them since."""

    def thresholds(self, card: Card) -> Thresholds:
        """Those that apply to a score."""
        found = self.given or self.settings.thresholds or card.thresholds
        return found if self.settings.review == "operator" else Thresholds(found.ok_below, found.ok_below)

    def looks(self, card: Card) -> tuple[Look, ...]:
        """How a frame is looked at by the model of this card. Raises ConfigError when no place is left that counts."""
        thresholds, looks = self.thresholds(card), []
        for region in self.settings.regions or (None,):
            spec = msgspec.structs.replace(card.preprocess, region=region) if region else card.preprocess
            counted = None if self.ignore is None else _counted(self.ignore, spec.region, card.output.shape[1:3])
            if counted is not None and not counted.any():
                where = f"region {region.name!r}" if region else "the card's region"
                raise ConfigError(f"recipe {self.name}: ignore = {self.settings.ignore!r}: leaves no place of {where}")
            looks.append(Look(region, spec, thresholds, counted))
        return tuple(looks)

    def unfit(self, pixels: Pixels, region: Region) -> str:
        """Why a region of a frame cannot be judged by this recipe, in plain words; empty where it can."""
        height, width = pixels.shape[:2]
        if self.ignore is not None:
            h, w = self.ignore.shape
            if abs(w * height / (h * width) - 1) > SAME_SHAPE:
                return f"the frame is {width} x {height}, the recipe's ignore picture {w} x {h}: not of one shape"
        if self.empty is None or self.settings.presence is None:
            return ""
        if self.empty.shape != (height, width):
            h, w = self.empty.shape
            return f"the frame is {width} x {height}, the recipe's empty picture {w} x {h}: not of one size"
        share, least = _unlike(pixels, self.empty, region), self.settings.presence.least
        return f"no part: {share:.1%} differs from the empty place, expected are {least:.1%}" if share < least else ""

    def record(self) -> dict[str, object]:
        """What the journal keeps: the settings, and the checksums of the files they name."""
        files = {part.file: hashlib.sha256(part.data).hexdigest() for part in self.golden}
        if self.ignore is not None:
            files[str(self.settings.ignore)] = hashlib.sha256(self.ignore.tobytes()).hexdigest()
        if self.empty is not None and self.settings.presence is not None:
            files[self.settings.presence.empty] = hashlib.sha256(self.empty.tobytes()).hexdigest()
        thresholds = {"thresholds": msgspec.to_builtins(self.given)} if self.given else {}
        return {"name": self.name, **msgspec.to_builtins(self.settings), **thresholds, "sha256": files}


def _unlike(pixels: Pixels, empty: Pixels, region: Region) -> float:
    """Share of the region, 0 to 1, that differs from the empty place, on a grid of about SAMPLES rows and columns."""
    x, y, w, h = region.pixels(*empty.shape)
    grid = np.s_[y : y + h : max(1, h // SAMPLES), x : x + w : max(1, w // SAMPLES)]
    inside = np.ascontiguousarray(pixels[grid])
    grey = inside if inside.ndim == 2 else cv2.cvtColor(inside, cv2.COLOR_BGR2GRAY)
    return float(np.mean(cv2.absdiff(grey, np.ascontiguousarray(empty[grid])) > DIFFERENT))


def _counted(ignore: Pixels, region: Region, cells: tuple[int, ...]) -> NDArray[np.bool_]:
    """Cells of the map that lie under the picture's white by less than half."""
    rows, columns = cells
    x, y, w, h = region.pixels(*ignore.shape)
    inside = np.where(ignore[y : y + h, x : x + w] > 0, 255, 0).astype(np.uint8)
    covered = cv2.resize(inside, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(covered < 128)
