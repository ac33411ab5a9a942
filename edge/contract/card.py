"""The card: a bundle's metadata, `model.json`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from edge.contract.cam import Pooling, Thresholds
from edge.contract.preprocess import PreprocessSpec
from edge.contract.types import Verdict
from edge.errors import BundleError

SCHEMA = 1
"""Raised whenever an older okng could misread a newer card."""


class Tensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor of the model: a real value is `(unit - zero_point) * scale`."""

    shape: tuple[int, ...]
    dtype: Literal["uint8", "int8"]
    scale: float
    zero_point: int


class GoldenFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frame with its known result: `map` holds the int8 units, row by row."""

    file: str
    label: Literal["ok", "ng"]
    verdict: Verdict
    score: float
    map: bytes


class Parity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The float network against the int8 model, over `images` images it was not trained on."""

    images: int
    equal_verdicts: float
    """Share, 0 to 1."""
    score_difference_mean: float
    score_difference_max: float
    map_correlation: float
    """Pearson's, over all places of all maps."""


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that is needed to run a model and to trust it, beside its weights."""

    schema: int = SCHEMA
    name: str
    created: str
    """UTC, ISO 8601."""
    made_by: str
    """okng and its version."""
    classes: tuple[str, ...] = ("ng",)
    preprocess: PreprocessSpec
    input: Tensor
    output: Tensor
    pooling: Pooling
    thresholds: Thresholds
    golden: tuple[GoldenFrame, ...]
    golden_tolerance_units: Annotated[int, msgspec.Meta(ge=0, le=16)] = 2
    """How far an int8 map may lie from the golden one: other processors round the last place otherwise."""
    parity: Parity
    training: dict[str, Any] = {}
    """What it was trained on and how: counts, seeds, versions, validation figures."""


class _Header(msgspec.Struct):
    schema: int


def encode_card(card: Card) -> bytes:
    """JSON, indented, UTF-8."""
    return msgspec.json.format(msgspec.json.encode(card), indent=1)


def decode_card(data: bytes, name: str) -> Card:
    """Raises BundleError when the card is of a newer schema or does not hold what a card holds."""
    try:
        schema = msgspec.json.decode(data, type=_Header).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{name}: not a card: {error}") from None
    if schema > SCHEMA:
        raise BundleError(f"{name}: card schema {schema}, this okng reads up to {SCHEMA}; update okng on this machine")
    try:
        return msgspec.json.decode(data, type=Card)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{name}: {error}") from None
