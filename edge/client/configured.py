"""The client of a station whose file is at hand: addresses and keys are those of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.client.station import Station
from edge.daemon.config import StationConfig
from edge.wire.keys import ClientKeys


def station_of(config: StationConfig, **options: Any) -> Station:
    """`options` as `Station` takes them. Raises WireError as that does, and UsageError when the key cannot be read."""
    keys = ClientKeys.of_station(Path(config.wire.key)) if config.wire.key else None
    return Station(config.results_address, config.commands_address, keys=keys, **options)
