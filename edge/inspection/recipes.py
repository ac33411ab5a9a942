"""Recipe files: TOML, one for each product, each with the pictures it names."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge.contract.images import decode_image
from edge.contract.recipe import KnownPart, KnownParts, Recipe, RecipeSettings
from edge.contract.settings import NAME, read_settings
from edge.contract.types import Label, Pixels
from edge.errors import ConfigError, DataError

WHITE = 128
"""Grey level from which the ignore picture is white."""


def recipe_names(folder: Path) -> list[str]:
    """Those that there are, sorted; none where there is no such folder."""
    return sorted(each.stem for each in folder.glob("*.toml") if re.match(NAME, each.stem))


def recipe_file(folder: Path, name: str) -> Path:
    """Where the recipe of that name lies. Raises ConfigError when there is none, naming those that there are."""
    path = folder / f"{name}.toml"
    if not path.is_file():
        raise ConfigError(f"{path}: no such recipe; there are: {', '.join(recipe_names(folder)) or 'none'}")
    return path


def read_recipe(path: Path) -> Recipe:
    """The recipe at `path`, with all that it names. Raises ConfigError naming file, key, value and what is allowed."""
    if not re.match(NAME, path.stem):
        raise ConfigError(f"{path}: a recipe is named by letters, digits, - and _, 40 at most, and .toml")
    read, here = read_settings(path, RecipeSettings), path.absolute().parent
    golden = KnownParts(*(tuple(str(here / file) for file in files) for files in (read.golden.ok, read.golden.ng)))
    settings = msgspec.structs.replace(
        read,
        bundle=read.bundle and str(here / read.bundle),
        ignore=read.ignore and str(here / read.ignore),
        golden=golden,
        presence=read.presence and msgspec.structs.replace(read.presence, empty=str(here / read.presence.empty)),
    )
    return load_recipe(str(path), path.stem, settings)


def load_recipe(where: str, name: str, settings: RecipeSettings) -> Recipe:
    """A recipe with the pictures that its settings name by whole paths.

    Raises ConfigError naming `where` the settings are from, key, and what is wrong.
    """
    ignore = _ignored(where, settings.ignore) if settings.ignore else None
    known = [*_known(where, "ok", settings.golden.ok), *_known(where, "ng", settings.golden.ng)]
    empty = _grey(_picture(where, "presence.empty", settings.presence.empty)[1]) if settings.presence else None
    return Recipe(name, settings, ignore, tuple(known), empty)


def _ignored(path: str, file: str) -> Pixels:
    white = _grey(_picture(path, "ignore", file)[1]) >= WHITE
    if not white.any():
        raise ConfigError(f"{path}: ignore = {file!r}: has no white in it, so nothing is ignored; leave the key out")
    return np.where(white, 255, 0).astype(np.uint8)


def _grey(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)


def _known(path: str, label: Label, files: tuple[str, ...]) -> list[KnownPart]:
    found = [(file, _picture(path, f"golden.{label}[{index}]", file)[0]) for index, file in enumerate(files)]
    return [KnownPart(file, label, data) for file, data in found]


def _picture(path: str, key: str, file: str) -> tuple[bytes, Pixels]:
    """The file as it is, and what it shows."""
    try:
        data = Path(file).read_bytes()
        return data, decode_image(data, file)
    except OSError as error:
        raise ConfigError(f"{path}: {key} = {file!r}: cannot be read: {error.strerror}") from None
    except DataError as error:
        raise ConfigError(f"{path}: {key}: {error}") from None
