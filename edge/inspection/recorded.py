"""The recipe that a part was inspected by, of what the journal kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from edge.contract.recipe import Recipe, RecipeSettings
from edge.errors import ConfigError
from edge.inspection.recipes import load_recipe


def recorded_recipe(station: msgspec.Raw) -> Recipe | None:
    """Of a station's settings, as JSON; None where there was none. Its known parts are left out.

    Its pictures are read from where they were. Raises ConfigError when one is not there, or another one by now.
    """
    found = msgspec.json.decode(station, type=_Station).recipe
    if not isinstance(found, dict):
        return None
    name, sums = str(found.get("name")), found.get("sha256") or {}
    stated = {key: value for key, value in found.items() if key not in {"name", "sha256", "golden"}}
    try:
        settings = msgspec.convert(stated, RecipeSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the recorded recipe {name} cannot be read: {error}; add --recipe") from None
    return _as_recorded(load_recipe(f"recorded recipe {name}", name, settings), sums)


class _Station(msgspec.Struct):
    recipe: dict[str, Any] | str | None = None


def _as_recorded(recipe: Recipe, sums: Mapping[str, str]) -> Recipe:
    now = recipe.record()["sha256"]
    assert isinstance(now, dict)
    for file, digest in now.items():
        if sums.get(file) != digest:
            raise ConfigError(f"recorded recipe {recipe.name}: {file} is another picture now; add --recipe")
    return recipe
