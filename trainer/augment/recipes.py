"""Named recipes of variations, and recipes from a TOML file; an unknown key is an error."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec

from edge.contract.typed import decode_toml
from edge.errors import UsageError

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Angle = Annotated[float, msgspec.Meta(ge=0.0, le=180.0)]
Levels = Annotated[float, msgspec.Meta(ge=0.0, le=128.0)]
"""Grey levels of the model input; a standardised one has 32 of them to the standard deviation."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far each variation goes at most, either way; 0 or false switches it off, and all are off unless named.

    Every image is moved and changed in tone by chance; `illumination`, `elastic`, `erasing`, `blur`, `noise` and `jpeg`
    meet half of the images each, so that a network sees clean ones too.
    """

    flip_horizontal: bool = False
    flip_vertical: bool = False
    quarter_turns: bool = False
    """By 90, 180 or 270 degrees; square inputs only, others stay as they lie."""
    rotation_deg: Angle = 0.0
    shift: Annotated[float, msgspec.Meta(ge=0.0, le=0.5)] = 0.0
    """Of the side."""
    zoom: Annotated[float, msgspec.Meta(ge=0.0, le=0.5)] = 0.0
    """Of the size: 0.1 is 0.9 to 1.1."""
    crop: Annotated[float, msgspec.Meta(ge=0.0, le=0.7)] = 0.0
    """Of the side, cut off; the rest fills the frame again."""
    shear_deg: Annotated[float, msgspec.Meta(ge=0.0, le=45.0)] = 0.0
    contrast: Annotated[float, msgspec.Meta(ge=0.0, le=0.9)] = 0.0
    """Of a difference from mid-grey: 0.2 is 0.8 to 1.2."""
    brightness: Levels = 0.0
    gamma: Share = 0.0
    """Exponents from 1 / (1 + gamma) to 1 + gamma."""
    hue_deg: Angle = 0.0
    """Around the colour circle; images in colour only, as `saturation`."""
    saturation: Share = 0.0
    """Of the saturation: 0.2 is 0.8 to 1.2."""
    illumination: Levels = 0.0
    """Brighter or darker at mid-grey, unevenly over the frame."""
    elastic: Annotated[float, msgspec.Meta(ge=0.0, le=0.05)] = 0.0
    """Displacement as a share of the side, nothing at the border."""
    erasing: Annotated[float, msgspec.Meta(ge=0.0, le=0.3)] = 0.0
    """Of the area; never of an image whose fault could be anywhere."""
    blur: Annotated[float, msgspec.Meta(ge=0.0, le=10.0)] = 0.0
    """Sigma in pixels."""
    noise: Levels = 0.0
    """Sigma in grey levels."""
    jpeg: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    """The lowest quality, 1 to 100."""
    copy_paste: Share = 0.0
    """Of the ng images that training shows, the share of ok ones with the fault of a masked ng image pasted in."""
    synthetic: Share = 0.0
    """Of the ng images that training shows, the share of ok ones with a synthetic defect."""


NONE = Recipe()
GENTLE = Recipe(
    flip_horizontal=True, flip_vertical=True, rotation_deg=8.0, shift=0.04, zoom=0.08, contrast=0.15, brightness=10.0
)
STANDARD = Recipe(
    flip_horizontal=True, flip_vertical=True, rotation_deg=12.0, shift=0.06, zoom=0.1, crop=0.08, shear_deg=3.0,
    contrast=0.25, brightness=16.0, gamma=0.2, hue_deg=4.0, saturation=0.15, illumination=20.0, elastic=0.006,
    blur=0.7, noise=4.0, jpeg=60, copy_paste=0.15, synthetic=0.15,
)  # fmt: skip
"""What `okng train` takes."""
STRONG = Recipe(
    flip_horizontal=True, flip_vertical=True, quarter_turns=True, rotation_deg=20.0, shift=0.1, zoom=0.2, crop=0.25,
    shear_deg=8.0, contrast=0.4, brightness=30.0, gamma=0.4, hue_deg=10.0, saturation=0.3, illumination=40.0,
    elastic=0.012, erasing=0.1, blur=1.2, noise=8.0, jpeg=35, copy_paste=0.25, synthetic=0.25,
)  # fmt: skip
RECIPES = {"none": NONE, "gentle": GENTLE, "standard": STANDARD, "strong": STRONG}


def read_recipe(name: str) -> Recipe:
    """The recipe of that name, or the one in the TOML file of that name; keys the file does not have are off.

    Raises UsageError when it is neither, or naming file and key when the file is wrong.
    """
    if name in RECIPES:
        return RECIPES[name]
    path = Path(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        known = ", ".join(RECIPES)
        raise UsageError(f"{name}: neither a recipe ({known}) nor a file to read: {error.strerror}") from None
    try:
        return decode_toml(data, Recipe)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {explain_setting(error, Recipe)}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None


def explain_setting(error: msgspec.ValidationError, of: type[msgspec.Struct]) -> str:
    """msgspec's message, the key first; for an unknown key what is like it in `of`, or all there are."""
    message = str(error)
    if message.startswith("Object contains unknown field"):
        key = message.split("`")[1]
        allowed = difflib.get_close_matches(key, of.__struct_fields__) or of.__struct_fields__
        return f"{key}: no such key; allowed here: {', '.join(allowed)}"
    text, _, key = message.partition(" - at `$.")
    key = key.rstrip("`")
    if text.startswith("Invalid enum value"):
        text = f"{text}; allowed are {', '.join(get_args(_type_of(key, of)))}"
    return f"{key}: {text[:1].lower()}{text[1:]}" if key else text


def _type_of(key: str, of: Any) -> Any:
    """The type that a dotted key has."""
    for step in key.split("."):
        of = next(field.type for field in msgspec.structs.fields(of) if field.name == step)
    return of
