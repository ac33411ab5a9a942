"""What a station file asks for, opened: journal, recipe, camera, and who gets in over tcp."""

from __future__ import annotations

from pathlib import Path

import msgspec
import zmq

from edge.camera import Camera, Patience, camera_from_uri, watch_camera
from edge.contract.events import InterlockEvent
from edge.contract.recipe import Recipe
from edge.daemon.changeover import last_changeover
from edge.daemon.config import CameraConfig, JournalConfig, StationConfig, WireConfig
from edge.daemon.thresholds import as_last_set
from edge.inspection.recipes import read_recipe, recipe_file
from edge.journal.images import ImageFormat, ImagePolicy, ImageRule
from edge.journal.journal import Journal
from edge.journal.retention import Bounds
from edge.wire.allowed import AllowList
from edge.wire.guard import Guard
from edge.wire.keys import read_wire_key

_ANSWERS = ("changeover", "command")
"""Occasions on which a person, or the line's controller, was told what the interlock said."""


def open_journal(config: StationConfig) -> Journal:
    """The journal that a station file asks for; each row says with which settings it was made."""
    keep = config.journal
    size = int(keep.keep_gb * 1e9) if keep.keep_gb else None
    bounds = Bounds(size, keep.keep_days, keep.keep_inspections)
    settings = msgspec.json.encode(config)
    return Journal.open(Path(keep.folder), station=config.station, settings=settings, bounds=bounds)


def station_recipe(config: StationConfig, journal: Journal) -> Recipe | None:
    """The recipe to start with: that of the last changeover, or the station file's where it names another since.

    Raises ConfigError.
    """
    configured, last = config.recipe or "", last_changeover(journal)[1]
    name = last.recipe if last and last.configured == configured else configured
    return as_last_set(read_recipe(recipe_file(Path(config.recipes), name)), journal) if name else None


def refused_changeover(journal: Journal) -> InterlockEvent | None:
    """What the last changeover was refused for, if nobody has had the known frames judged since."""
    found = [noted.event for noted in journal.reader.events("interlock")]
    asked = [event for event in found if isinstance(event, InterlockEvent) and event.occasion in _ANSWERS]
    return asked[-1] if asked and not asked[-1].passed else None


def wire_guard(context: zmq.Context[zmq.Socket[bytes]], config: WireConfig) -> Guard | None:
    """Who decides who gets in over tcp, where a station file asks for it."""
    if config.key is None or config.allowed is None:
        return None
    own = read_wire_key(Path(config.key))
    return Guard(context, own, AllowList(Path(config.allowed), own.public))


def image_rule(config: JournalConfig) -> ImageRule:
    """Which frames a station file wants kept."""
    return ImageRule(ImagePolicy(config.images), config.images_every, ImageFormat(config.image_format))


def station_camera(config: CameraConfig) -> Camera:
    """The camera that a station file asks for, looked after, not yet open."""
    patience = Patience(config.timeout_s, config.reopenings, config.backoff_s, config.backoff_max_s)
    return watch_camera(camera_from_uri(config.uri), patience, repeats=config.repeats)
