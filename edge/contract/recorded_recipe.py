"""The recipe in what a journal, or a capture, kept of a station's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from edge.contract.recipe import RecipeSettings
from edge.contract.typed import convert, decode_json
from edge.errors import ConfigError


@dataclass(frozen=True, slots=True)
class RecordedRecipe:
    """Without its known parts. `pictures` are the files that it names, each with the digest of its pixels."""

    name: str
    settings: RecipeSettings
    pictures: dict[str, str]


def recorded_recipe(station: msgspec.Raw) -> RecordedRecipe | None:
    """Of a station's settings, as JSON (see `Recipe.record`); None where there was no recipe.

    Raises ConfigError when this okng cannot read it.
    """
    try:
        found = decode_json(station, _Station).recipe
        if not isinstance(found, dict):
            return None
        name, sums = str(found.get("name")), convert(found.get("sha256") or {}, dict[str, str])
        stated = {key: value for key, value in found.items() if key not in {"name", "sha256", "golden"}}
        settings = convert(stated, RecipeSettings)
    except msgspec.DecodeError as error:
        raise ConfigError(f"a recorded recipe cannot be read: {error}; add --recipe") from None
    named = (settings.ignore, settings.presence.empty if settings.presence else None)
    return RecordedRecipe(name, settings, {file: sums.get(file, "") for file in named if file})


def picture_file(digest: str) -> str:
    """Where a capture has the picture with these pixels. It has no image's suffix: it is no frame."""
    return f"recipes/{digest}.picture"


class _Station(msgspec.Struct):
    recipe: dict[str, Any] | str | None = None
