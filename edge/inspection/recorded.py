"""The recipe that a part of a capture was inspected by."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge.contract.recipe import Recipe
from edge.contract.recorded_recipe import picture_file, recorded_recipe
from edge.errors import ConfigError
from edge.inspection.recipes import load_recipe


def recipe_of_capture(capture: Path, station: msgspec.Raw) -> Recipe | None:
    """That in a station's settings, as JSON, with its pictures; None where there was none. It has no known parts.

    A picture is read from the folder `capture`, or from where it was. Raises ConfigError when one is not there, or
    another one by now.
    """
    found = recorded_recipe(station)
    if found is None:
        return None
    place = {file: _place(capture, file, digest) for file, digest in found.pictures.items()}
    ignore, presence = found.settings.ignore, found.settings.presence
    settings = msgspec.structs.replace(
        found.settings,
        ignore=ignore and place[ignore],
        presence=presence and msgspec.structs.replace(presence, empty=place[presence.empty]),
    )
    recipe = load_recipe(f"recorded recipe {found.name} (--recipe takes another)", found.name, settings)
    now = recipe.record()["sha256"]
    for file, digest in found.pictures.items():
        if not isinstance(now, dict) or now[place[file]] != digest:
            raise ConfigError(f"recorded recipe {found.name}: {place[file]} is another picture now; add --recipe")
    return recipe


def _place(capture: Path, file: str, digest: str) -> str:
    kept = capture / picture_file(digest)
    return str(kept) if kept.is_file() else file
