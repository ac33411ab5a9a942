"""The shipped unit of the operator page, beside a station, under a real systemd."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from html import unescape

import pytest

from tests.system.machine import ROOT, Machine, Unit, until, why_not
from tests.system.test_systemd import EXPOSURE, HERE, OKNG, booted, running

UNIT = "okng-station@"
HOME = "/var/lib/okng-station/lab"
START_S = 60.0
"""It steps back for all others (Nice=10)."""
PORT = "8085"
# Prints what a browser gets at first, which says what the station is doing.
LOOK = f"import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:{PORT}/', timeout=10).read().decode())"
SHOWN = "<b>Inspecting</b><span>lab</span>"
# What the unit may not do, though the files are the user's own.
WRITES = """
[Service]
Type=oneshot
Restart=no
ExecStart=
ExecStart=/bin/sh -c 'touch people.log /var/lib/okng/lab/journal/x 2>&1; true'
"""

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
    pytest.mark.skipif(not importlib.util.find_spec("nicegui"), reason="needs the extra station"),
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> Iterator[Machine]:
    placed = {
        f"etc/systemd/system/{UNIT}.service": (ROOT / f"systemd/{UNIT}.service").read_text(),
        f"etc/systemd/system/{UNIT}.service.d/test.conf": HERE + "WatchdogSec=5\n",
        f"etc/systemd/system/{UNIT}other.service.d/test.conf": WRITES,
        "etc/okng/lab.page": f"PAGE=--port {PORT} --idle-min 2\n",
    }
    with booted(tmp_path_factory, placed) as found:
        yield found


@pytest.fixture(scope="module")
def lab(machine) -> Iterator[Unit]:
    with running(machine, "okng@lab") as unit:
        yield unit


def _look(machine: Machine) -> str:
    """The page as it comes; empty while nobody serves it."""
    return unescape(machine.run("/opt/okng/bin/python", "-c", LOOK, check=False).stdout)


def test_systemd_finds_no_fault_in_the_unit(machine):
    done = machine.run("systemd-analyze", "verify", "--man=no", f"{UNIT}lab.service")

    assert done.stdout + done.stderr == ""


def test_the_unit_is_exposed_to_little(tmp_path):
    path = tmp_path / f"{UNIT}lab.service"
    shutil.copy(ROOT / f"systemd/{UNIT}.service", path)

    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


def test_the_page_shows_the_station_comes_back_after_a_kill_and_ends_well(machine, lab):
    with running(machine, f"{UNIT}lab") as page:
        until(lambda: SHOWN in _look(machine), START_S, "the station on the page")
        page.came_back(page.kill("KILL"), START_S)
        until(lambda: SHOWN in _look(machine), START_S, "the station on the page again")
        assert machine.path(HOME).stat().st_mode & 0o777 == 0o700
        machine.run("systemctl", "stop", page.name)
        assert (page.show("Result"), page.show("ExecMainStatus")) == ("success", "0")
    assert lab.show("ActiveState") == "active"


def test_a_page_that_hangs_is_started_anew_and_leaves_its_stacks(machine):
    with running(machine, f"{UNIT}lab") as page:
        page.came_back(page.kill("STOP"), START_S)

        assert "Fatal Python error: Aborted" in page.log()


def test_people_are_set_as_the_guide_says_and_the_page_refuses_a_file_that_others_read(machine, lab):
    people = (OKNG, "people", "set", "Ann", "--role", "operator", "--token", "--people", f"{HOME}/people.toml")
    machine.run("install", "-d", "-o", "okng", "-g", "okng", "-m", "700", HOME)
    machine.run("runuser", "-u", "okng", "--", *people)
    file = machine.path(f"{HOME}/people.toml")
    with running(machine, f"{UNIT}lab") as page:
        until(lambda: SHOWN in _look(machine), START_S, "the page")
        page.stop()
        file.chmod(0o644)
        machine.run("systemctl", "start", page.name, check=False)
        until(lambda: "people.toml" in page.log(), START_S, "why it does not start")
        file.chmod(0o600)
        until(lambda: SHOWN in _look(machine), START_S, "the page, once that is right")


def test_the_page_writes_in_its_own_place_alone(machine, lab):
    with running(machine, f"{UNIT}other") as unit:
        said = unit.log()

    assert "/var/lib/okng/lab/journal/x': Read-only file system" in said
    assert "'people.log'" not in said
