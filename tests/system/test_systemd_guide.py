"""What systemd/README.md tells to write into a station file is right and complete. Needs no systemd."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from edge.bridge.commands import bridge
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


def _words(guide: Path, name: str) -> list[str]:
    """What systemd makes of `$NAME`, from the guide's file of the environment."""
    found = re.search(rf"^{name}=(.*)$", guide.read_text(), re.MULTILINE)
    assert found
    return found[1].split()


@pytest.mark.parametrize("guide", [GUIDE, GUIDE.parents[1] / "docs/fleet.md"])
def test_the_guides_bridge_is_one_that_okng_takes(guide):
    name, *options = _words(guide, "BRIDGE")

    command = bridge.commands[name]
    with command.make_context(name, options) as context:
        assert context.params["broker"] == "mqtts://press3@broker.plant"


@pytest.mark.parametrize("unit", ["okng-bridge@"])
def test_what_stands_beside_a_station_is_as_hardened(unit):
    """But for the devices, which it has not at all, and the state of a daemon."""
    own = set(GUIDE.with_name(f"{unit}.service").read_text().splitlines())
    privileges = UNIT.read_text().partition("# Privileges\n")[2].splitlines()

    missing = [line for line in privileges if line not in own and not line.startswith(("#", "Device", "RemoveIPC"))]
    assert missing == ["SystemCallFilter=sched_setscheduler sched_setparam setpriority"]
