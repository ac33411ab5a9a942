"""What systemd/README.md tells to write into a station file is right and complete. Needs no systemd."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from edge.daemon.config import StationConfig, read_config

GUIDE = Path(__file__).parents[2] / "systemd/README.md"
UNIT = GUIDE.with_name("okng@.service")


def _example() -> str:
    found = re.search(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    return found[1]


def test_the_guide_s_station_file_is_valid_and_has_every_key(tmp_path):
    path = tmp_path / "press3.toml"
    path.write_text(_example())

    known, shown = msgspec.to_builtins(read_config(path)), tomllib.loads(_example())

    assert shown.keys() == known.keys()
    for name in shown:
        assert not isinstance(known[name], dict) or shown[name].keys() == known[name].keys(), name


def test_the_default_time_without_a_frame_is_shorter_than_the_watchdog_s():
    config = msgspec.toml.decode(_example(), type=StationConfig)
    watchdog = re.search(r"^WatchdogSec=(\d+)$", UNIT.read_text(), re.MULTILINE)

    assert watchdog
    assert config.camera.timeout_s < int(watchdog[1])
