"""Commands that ask for what a station has and sees now, and their answers. They change nothing."""

from __future__ import annotations

import msgspec

from edge.wire.messages import Size


class Recipes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="recipes"):
    """What there is to change over to."""


class FetchFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="frame"):
    """The newest frame that the camera gave, whether a part was inspected in it or not."""


Present = Recipes | FetchFrame


class RecipesAnswer(msgspec.Struct, frozen=True):
    """Names of the station's recipes, sorted, and of the one in use, empty where there is none."""

    recipes: list[str]
    recipe: str


class FrameAnswer(msgspec.Struct, frozen=True):
    """A frame as JPEG, `height` x `width` its pixels, and when it was captured, Unix in nanoseconds."""

    captured_ns: int
    encoding: str
    height: Size
    width: Size
    data: bytes


PRESENT_ANSWERS: dict[str, type[msgspec.Struct]] = {"recipes": RecipesAnswer, "frame": FrameAnswer}
"""By the command's name."""
