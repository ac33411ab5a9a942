"""The card: a bundle's metadata, `model.json`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from edge.contract.cam import Classes, Pooling, Thresholds
from edge.contract.preprocess import PreprocessSpec
from edge.contract.typed import decode_json
from edge.contract.types import Verdict
from edge.errors import BundleError

SCHEMA = 3
"""Raised whenever an older okng could misread a newer card. 2: the score has a temperature, the card a calibration.
3: a network may have a map for each kind."""

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class Tensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor of the model: a real value is `(unit - zero_point) * scale`."""

    shape: tuple[int, ...]
    dtype: Literal["uint8", "int8"]
    scale: float
    zero_point: int


Format = Literal["int8", "float16", "dynamic"]
"""How a model computes between its ends: in int8, or in float32 with weights kept as float16 or, where large, as int8.

Its ends are the same in each: an image of uint8 in, a map of int8 out."""


class GoldenFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frame with its known result: `map` holds the int8 units, row by row."""

    file: str
    label: Literal["ok", "ng"]
    verdict: Verdict
    score: float
    map: bytes
    kind: str | None = None
    """As what it is named; None where the model has one map."""


class Parity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The float network against the int8 model, over `images` images it was not trained on."""

    images: int
    equal_verdicts: float
    """Share, 0 to 1."""
    score_difference_mean: float
    score_difference_max: float
    map_correlation: float
    """Pearson's, over all places of all maps of ng against ok."""
    equal_kinds: float | None = None
    """Share, 0 to 1, of the images that are named as the same kind; None where the model has one map."""


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was asked of the thresholds; None where nothing was."""

    escape: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)] | None = None
    """Share of the ng parts that may be judged OK."""
    false_reject: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)] | None = None
    """Share of the ok parts that may be judged NG."""
    review: Share | None = None
    """Share of the ok images that an operator may be asked about."""
    best_f1: bool = False
    """One threshold where F1 is best, and no REVIEW: nothing else is asked then."""

    def __post_init__(self) -> None:
        asked = [name for name in ("escape", "false_reject", "review") if getattr(self, name) is not None]
        if self.best_f1 and asked:
            raise ValueError(f"the best F1 leaves no choice: {asked[0]} cannot be asked besides")
        if len(asked) == 3:
            raise ValueError("escape, false_reject and review cannot all be met: ask for two, and the third follows")


class Bound(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the validation parts allow to be said of a share: of ng parts that escape, or ok parts rejected."""

    asked: Share | None
    images: int
    parts: int
    """Groups of these images: those of one part are not independent, so its worst one speaks for it."""
    beyond: int
    """Of these parts, so many lie on the wrong side."""
    bound: Share
    """The share of parts to come that is expected there: at most this where `kept`, about this where not."""
    kept: bool
    """Whether the bound is a guarantee: the threshold lies where the asked share put it, or on its safe side."""
    limit: Share
    """With a confidence of 95 % the share is not above this."""


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the thresholds came to be, and what they promise for parts like those of the validation part."""

    scores: Literal["float"] | Format
    """Of the float network, or of a bundle's model of this format."""
    target: Target
    escape: Bound
    false_reject: Bound
    review: Share
    """Of the ok validation images, judged REVIEW."""


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that is needed to run a model and to trust it, beside its weights."""

    schema: int = SCHEMA
    name: str
    created: str
    """UTC, ISO 8601."""
    made_by: str
    """okng and its version."""
    classes: tuple[str, ...] = ("ng",)
    """What the maps stand for, in their order; the ok kinds come first."""
    ok_classes: tuple[str, ...] = ()
    """Which of them are ok: none where there is one map, of ng against ok."""
    preprocess: PreprocessSpec
    format: Format = "int8"
    input: Tensor
    output: Tensor
    pooling: Pooling
    thresholds: Thresholds
    golden: tuple[GoldenFrame, ...]
    golden_tolerance_units: Annotated[int, msgspec.Meta(ge=0, le=16)] = 2
    """How far an int8 map may lie from the golden one: other processors round the last place otherwise."""
    parity: Parity
    calibration: Calibration | None = None
    """None in cards from before schema 2."""
    training: dict[str, Any] = {}
    """What it was trained on and how: counts, seeds, versions, validation figures."""

    def __post_init__(self) -> None:
        if self.classes[: len(self.ok_classes)] != self.ok_classes:
            raise ValueError(f"ok_classes {self.ok_classes} are not the first of classes {self.classes}")
        _ = self.kinds

    @property
    def kinds(self) -> Classes:
        """The classes as one value. Raises ValueError."""
        return Classes(ok=self.ok_classes, ng=self.classes[len(self.ok_classes) :])


class _Header(msgspec.Struct):
    schema: int


def encode_card(card: Card) -> bytes:
    """JSON, indented, UTF-8."""
    return msgspec.json.format(msgspec.json.encode(card), indent=1)


def decode_card(data: bytes, name: str) -> Card:
    """Raises BundleError when the card is of a newer schema or does not hold what a card holds."""
    try:
        schema = decode_json(data, _Header).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{name}: not a card: {error}") from None
    if schema > SCHEMA:
        raise BundleError(f"{name}: card schema {schema}, this okng reads up to {SCHEMA}; update okng on this machine")
    try:
        return decode_json(data, Card)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{name}: {error}") from None
