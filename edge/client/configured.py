"""The client of a station whose file is at hand: addresses and keys are those of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.client.station import Station
from edge.config import StationConfig
from edge.wire.keys import ClientKeys, read_wire_key


def station_of(config: StationConfig, **options: Any) -> Station:
    """`options` as `Station` takes them. Raises WireError as that does, and UsageError when the key cannot be read."""
    keys = None
    if config.wire.key:
        own = read_wire_key(Path(config.wire.key))
        keys = ClientKeys(own, own.public)  # whoever can read the station's own key acts as the station
    return Station(config.results_address, config.commands_address, keys=keys, **options)
