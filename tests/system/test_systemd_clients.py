"""The shipped units of bridges, beside a station, under a real systemd."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.system.machine import ROOT, Machine, Unit, until, why_not
from tests.system.test_systemd import EXPOSURE, HERE, booted, running

UNITS = ("okng-bridge@",)
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
BROKER = f"[Service]\nExecStart={MOSQUITTO} -p 1883\n"
BRIDGE = "OKNG_CONFIG=/etc/okng/lab.toml\nBRIDGE=mqtt --broker mqtt://localhost --plant lyon --line body\n"
START_S = 60.0
"""They step back for all others (Nice=10)."""
# Prints the ids of the next results that arrive at the broker.
LISTEN = """
import json, sys
from paho.mqtt import subscribe
found = subscribe.simple("okng/lyon/body/lab/result", qos=1, msg_count=int(sys.argv[1]), client_id="plant",
                         clean_session=False, hostname="127.0.0.1")
print(json.dumps([json.loads(each.payload)["id"] for each in found]))
"""
# What the units may not do, though the files are the user's own.
WRITES = """
[Service]
Type=oneshot
Restart=no
ExecStart=
ExecStart=/bin/sh -c 'touch position /var/lib/okng/lab/journal/x 2>&1; true'
"""

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
    pytest.mark.skipif(not MOSQUITTO, reason="needs mosquitto: apt install mosquitto"),
    pytest.mark.skipif(not importlib.util.find_spec("paho"), reason="needs the extra bridges"),
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> Iterator[Machine]:
    placed = {
        "etc/okng/lab-mqtt.bridge": BRIDGE,
        "etc/systemd/system/broker.service": BROKER,
    }
    placed |= {"etc/okng/other.bridge": BRIDGE, "etc/systemd/system/okng-bridge@other.service.d/test.conf": WRITES}
    for unit in UNITS:
        placed[f"etc/systemd/system/{unit}.service"] = (ROOT / f"systemd/{unit}.service").read_text()
        placed[f"etc/systemd/system/{unit}.service.d/test.conf"] = HERE
    with booted(tmp_path_factory, placed) as found:
        yield found


@pytest.fixture(scope="module")
def lab(machine) -> Iterator[Unit]:
    with running(machine, "okng@lab") as unit:
        yield unit


def _python(machine: Machine, script: str, *arguments: str) -> str:
    return machine.run("/opt/okng/bin/python", "-c", script, *arguments).stdout


def _arrived(machine: Machine, count: int) -> list[int]:
    """Sequence numbers of the next results at the broker, two or more."""
    return [int(each.rpartition("-")[2]) for each in json.loads(_python(machine, LISTEN, str(count)))]


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_no_fault_in_the_unit(machine, unit):
    done = machine.run("systemd-analyze", "verify", "--man=no", f"{unit}lab.service")

    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_is_exposed_to_little(tmp_path, unit):
    path = tmp_path / f"{unit}lab.service"
    shutil.copy(ROOT / f"systemd/{unit}.service", path)

    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


def test_a_bridge_goes_on_where_it_stood_after_a_kill(machine, lab):
    with running(machine, "broker"), running(machine, "okng-bridge@lab-mqtt") as bridge:
        position = machine.path("/var/lib/okng-bridge/lab-mqtt/position")
        before = _arrived(machine, 5)
        until(position.exists, 5.0, "a position")
        bridge.came_back(bridge.kill("KILL"), START_S)
        after = _arrived(machine, 40)

        assert sorted(set(before + after)) == list(range(before[0], max(after) + 1))
        machine.run("systemctl", "stop", bridge.name)
        assert (bridge.show("Result"), bridge.show("ExecMainStatus")) == ("success", "0")


def test_a_bridge_whose_file_is_wrong_says_so_and_is_back_once_it_is_right(machine, lab):
    file = machine.path("/etc/okng/lab-mqtt.bridge")
    bridge = Unit(machine, "okng-bridge@lab-mqtt.service")
    file.write_text(BRIDGE.replace("mqtt://localhost", "http://localhost"))
    try:
        machine.run("systemctl", "start", bridge.name)
        until(lambda: "must be mqtt://HOST" in bridge.log(), START_S, "why")
        file.write_text(BRIDGE)
        with running(machine, "broker"):
            assert _arrived(machine, 2)
    finally:
        file.write_text(BRIDGE)
        bridge.stop()


def test_a_bridge_writes_in_its_own_place_alone(machine, lab):
    with running(machine, "okng-bridge@other") as unit:
        said = unit.log()

    assert "/var/lib/okng/lab/journal/x': Read-only file system" in said
    assert "'position'" not in said
