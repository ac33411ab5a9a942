"""What commands to a station have in common: who says so, and the way to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edge.client import Station

operator_option = click.option(
    "--operator", default=lambda: os.environ.get("USER", "operator"), help="Who says so, for the record."
)


def station_at(config: Path, **options: Any) -> Station:
    """A client of the station of that file; `options` are those of `Station`."""
    from edge.client.configured import station_of
    from edge.daemon.config import read_config

    return station_of(read_config(config), **options)
