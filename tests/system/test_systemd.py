"""The shipped unit under a real systemd: READY, watchdog, restart, stop, refusal, and what it is not allowed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.client import Station
from edge.errors import UsageError
from edge.shipped import shipped_bundle
from edge.wire.messages import ResultMessage
from tests.system.machine import ROOT, Machine, Unit, until, why_not
from trainer.synthesize import write_dataset

BUNDLE = "/var/lib/okng/bundles/test"
JOURNAL = "/var/lib/okng/{}/journal"
OKNG = "/opt/okng/bin/okng"
WATCHDOG_S = 2.0
BACK_S = 15.0
EXPOSURE = 1.2
"""What `systemd-analyze security` may find at most; 0 is best, 10 worst."""

# Only what differs here: Python's home where that lies in somebody's, and this checkout where it lies in /tmp; and a
# watchdog that tests can wait for.
HERE = f"[Service]\nProtectHome=read-only\nBindReadOnlyPaths={ROOT}\n"
DROP_IN = f"{HERE}WatchdogSec={WATCHDOG_S:g}\n"
STATION = """
station = "{name}"
bundle = "{bundle}"
camera.uri = "file:///srv/frames?rate=10&loop=true"
camera.timeout_s = 1
inference.hang_s = 1
journal.folder = "{journal}"
"""
OVER_TCP = 'wire.results = "tcp://127.0.0.1:5555"\nwire.commands = "tcp://127.0.0.1:5556"\n'
# Tries to open devices that are none: what may be opened fails for want of a driver (ENXIO, ENODEV).
DEVICES = """
[Service]
Type=oneshot
Restart=no
DeviceAllow=/dev/video0 rw
ExecStart=
ExecStart=/bin/sh -c 'for each in video0 gpiochip0 other; do cat /dev/$$each 2>&1; done; true'
"""


# Prints those inspections that a journal does not have. SQLite cannot open it from outside, through /proc.
LOST = """
import pathlib, sys
from edge.journal.reader import JournalReader
reader = JournalReader(pathlib.Path(sys.argv[1]))
print(*(each for each in sys.argv[2:] if reader.find(each) is None), end="")
"""


pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]


def files(root: Path, more: dict[str, str]) -> Path:
    """What an installation puts in its places, and `more`."""
    shutil.copytree(shipped_bundle(), root / BUNDLE[1:])
    write_dataset(root / "parts", count=20, seed=3)
    shutil.move(root / "parts/images", root / "srv/frames")
    texts = {
        "etc/okng/lab.toml": STATION.format(name="lab", bundle=BUNDLE, journal=JOURNAL.format("lab")),
        "etc/okng/tcp.toml": STATION.format(name="tcp", bundle=BUNDLE, journal=JOURNAL.format("tcp")) + OVER_TCP,
        "etc/systemd/system/okng@.service": (ROOT / "systemd/okng@.service").read_text(),
        "etc/systemd/system/okng@.service.d/test.conf": DROP_IN,
        "etc/systemd/system/okng@devices.service.d/test.conf": DEVICES,
        "etc/sysusers.d/okng.conf": (ROOT / "systemd/okng.sysusers.conf").read_text(),
    }
    for inside, text in (texts | more).items():
        (root / inside).parent.mkdir(parents=True, exist_ok=True)
        (root / inside).write_text(text)
    (root / "opt").mkdir()
    (root / "opt/okng").symlink_to(sys.prefix)
    return root


@contextmanager
def booted(factory: pytest.TempPathFactory, more: dict[str, str]) -> Iterator[Machine]:
    """A machine with an installation, and with `more` files by their paths without the first slash."""
    try:
        shipped_bundle()
    except UsageError as error:
        pytest.skip(str(error))
    with Machine(files(factory.mktemp("machine"), more)) as machine:
        yield machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> Iterator[Machine]:
    with booted(tmp_path_factory, {}) as found:
        yield found


@contextmanager
def running(machine: Machine, name: str) -> Iterator[Unit]:
    """A unit, by its name without `.service`."""
    unit = Unit(machine, f"{name}.service")
    try:
        unit.start()
        yield unit
    finally:
        unit.stop()


@pytest.fixture
def lab(machine) -> Iterator[Unit]:
    with running(machine, "okng@lab") as unit:
        yield unit


@contextmanager
def _client(machine: Machine, name: str = "lab") -> Iterator[Station]:
    folder = machine.path("/run/okng")
    with Station(f"ipc://{folder}/{name}.results", f"ipc://{folder}/{name}.commands", timeout_s=5.0) as station:
        yield station


def _results(station: Station, count: int) -> list[ResultMessage]:
    station.wait_joined()
    found = [station.receive(5.0) for _ in range(count)]
    assert all(isinstance(each, ResultMessage) for each in found), found
    return found  # type: ignore[return-value]


def _ids(results: list[ResultMessage]) -> list[str]:
    return [each.header.id for each in results]


def _ask(machine: Machine, user: str, name: str = "lab") -> subprocess.CompletedProcess[str]:
    """`okng status` as an operator types it."""
    command = (OKNG, "status", "--config", f"/etc/okng/{name}.toml")
    return machine.run("runuser", "-u", user, "--", *command, check=False)


def test_systemd_finds_no_fault_in_the_unit(machine):
    done = machine.run("systemd-analyze", "verify", "--man=no", "okng@lab.service")

    assert done.stdout + done.stderr == ""


def test_the_unit_is_exposed_to_little(tmp_path):
    unit = tmp_path / "okng@lab.service"
    shutil.copy(ROOT / "systemd/okng@.service", unit)

    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


def test_a_start_ends_with_ready_and_a_state(machine, lab):
    assert machine.run("systemctl", "is-active", lab.name).stdout == "active\n"
    until(lambda: "continuous_execution;" in lab.show("StatusText"), 5.0, "a state in STATUS")
    until(lambda: "no results yet" not in lab.show("StatusText"), 5.0, "counts in STATUS")


def test_only_the_station_s_own_user_may_ask(machine, lab):
    allowed, refused = _ask(machine, "okng"), _ask(machine, "nobody")

    assert json.loads(allowed.stdout)["state"] == "continuous_execution", allowed.stderr
    assert refused.returncode == 2
    assert "belongs to another user" in refused.stderr


def test_a_client_gets_results(machine, lab):
    with _client(machine) as station:
        found = _results(station, 10)

    numbers = [each.header.number for each in found]
    assert numbers == list(range(numbers[0], numbers[0] + 10))
    assert all(each.header.verdict != "fault" for each in found)


def test_kill_loses_nothing_acknowledged(machine, lab):
    with _client(machine) as station:
        before = _results(station, 10)
        old = lab.kill("KILL")
        while (late := station.receive(0.2)) is not None:
            before.append(late)
    print(f"kill -9 to READY: {lab.came_back(old, BACK_S):.1f} s")

    with _client(machine) as station:
        after = _results(station, 3)
    lost = machine.run("/opt/okng/bin/python", "-c", LOST, JOURNAL.format("lab"), *_ids(before + after)).stdout
    assert lost == ""
    assert before[0].header.boot != after[0].header.boot
    assert lab.show("NRestarts") == "1"


def test_the_watchdog_restarts_a_stopped_process(lab):
    seconds = lab.came_back(lab.kill("STOP"), BACK_S)

    print(f"SIGSTOP to READY: {seconds:.1f} s with WatchdogSec={WATCHDOG_S:g}")
    assert seconds > WATCHDOG_S / 2
    assert lab.show("NRestarts") == "1"


def test_stop_is_clean(machine, lab):
    with _client(machine) as station:
        _results(station, 3)
    before = lab.log()

    machine.run("systemctl", "stop", lab.name)

    assert (lab.show("Result"), lab.show("ExecMainStatus"), lab.show("ActiveState")) == ("success", "0", "inactive")
    said = lab.log().removeprefix(before)
    assert "preoperational: stopping" in said
    assert not [word for word in ("FAULT", "WARNING", "ERROR", "Traceback") if word in said], said
    by_field = machine.run("journalctl", "-o", "cat", "OKNG_STATION=lab", "OKNG_STATE=preoperational").stdout
    assert "preoperational: stopping" in by_field


@pytest.mark.parametrize("doing", ["okng run", "edge.inference.verify"])
def test_a_stop_while_it_starts_is_clean(machine, doing):
    unit = Unit(machine, "okng@lab.service")
    machine.run("systemctl", "start", "--no-block", unit.name)
    until(lambda: machine.run("pgrep", "-f", doing, check=False).stdout, 10.0, f"a process of {doing}")

    machine.run("systemctl", "stop", unit.name)

    assert (unit.show("Result"), unit.show("ActiveState")) == ("success", "inactive")


def test_a_broken_bundle_is_refused_until_it_is_good_again(machine):
    """Where the station has no copy of it that it could go on with."""
    unit, model = Unit(machine, "okng@lab.service"), machine.path(f"{BUNDLE}/model.tflite")
    good = model.read_bytes()
    shutil.rmtree(machine.path(JOURNAL.format("lab") + "/bundles"), ignore_errors=True)
    model.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    try:
        machine.run("systemctl", "start", "--no-block", unit.name)
        # One more than systemd's own limit, five in ten seconds.
        until(lambda: int(unit.show("NRestarts")) >= 6, 30.0, "six attempts")
        assert unit.show("ActiveState") == "activating"
        assert "model.tflite" in unit.log()

        model.write_bytes(good)

        unit.came_back("0", BACK_S)
    finally:
        model.write_bytes(good)
        unit.stop()


def test_one_station_s_end_leaves_the_other_its_sockets(machine, lab):
    with running(machine, "okng@tcp"):
        assert _ask(machine, "okng", "tcp").returncode == 0

    assert _ask(machine, "okng").returncode == 0


def test_devices_are_those_listed(machine):
    """gpiochip0 is on the list as a class, which only a kernel with the driver knows; here it is a stranger too."""
    with running(machine, "okng@devices") as unit:
        video, gpio, other = [line for line in unit.log().splitlines() if line.startswith("cat: ")]

    assert "No such device" in video
    assert "not permitted" in gpio
    assert "not permitted" in other
