"""Another machine, for tests: this one's files under an overlay, and a systemd of its own as first process.

Nothing written in it lasts, it has a loopback network only, and it ends with the process that made it. Needs root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

ROOT = Path(__file__).parents[2]
SYSTEMD = Path("/lib/systemd/systemd")
BOOT_S = 20.0
END_S = 10.0
_TOOLS = ("unshare", "setpriv", "nsenter", "pgrep", "systemctl", "systemd-analyze", "systemd-sysusers", "journalctl")
_OFF = ("systemd-udevd.service", "systemd-udev-trigger.service", "systemd-modules-load.service",
        "systemd-sysctl.service", "systemd-timesyncd.service", "systemd-random-seed.service")  # fmt: skip
Found = TypeVar("Found")
_TARGET = "[Unit]\nRequires=sysinit.target\nAfter=sysinit.target\nAllowIsolate=yes\n"


def why_not() -> str:
    """Why no machine can be booted here; empty when one can."""
    if os.geteuid() != 0:
        return "needs root, for namespaces and mounts"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if not SYSTEMD.exists() or missing:
        return f"needs systemd, not there: {', '.join(missing) or SYSTEMD}; apt-get install systemd"
    return ""


def until(what: Callable[[], Found], timeout_s: float, wanted: str) -> Found:
    """The first true value of `what`; fails the test when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while not (found := what()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {wanted}")
        time.sleep(0.05)
    return found


class Machine:
    """Boots when entered and ends when left. `files` (a folder) is laid over its root before it boots."""

    def __init__(self, files: Path) -> None:
        self._files = files
        self._store = Path(tempfile.mkdtemp(prefix="okng-machine-"))
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 lives as long as the machine
        self._outer: subprocess.Popen[bytes] | None = None
        self._pid = ""

    def __enter__(self) -> Self:
        try:
            self._boot()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def path(self, inside: str) -> Path:
        """A path of the machine as this process sees it; sockets can be used through it too."""
        return Path(f"/proc/{self._pid}/root") / inside.lstrip("/")

    def run(self, *command: str, check: bool = True, timeout_s: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Runs a command in it, as root."""
        enter = [
            "nsenter",
            "--target",
            self._pid,
            "--mount",
            "--pid",
            "--net",
            "--ipc",
            "--uts",
            "--cgroup",
            "--root",
            "--wd",
        ]
        done = subprocess.run([*enter, "--", *command], capture_output=True, text=True, timeout=timeout_s)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def _boot(self) -> None:
        self._add("etc/systemd/system/test.target", _TARGET)
        self._add("etc/tmpfiles.d/tmp.conf", "# overrides the one that empties /tmp, where this checkout may lie\n")
        for unit in _OFF:
            link = self._files / "etc/systemd/system" / unit
            link.symlink_to("/dev/null")
        # All ends with the process at its head, and that ends with this one.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net",
                   "--cgroup", "--kill-child", str(Path(__file__).with_name("boot.sh")), str(self._store),
                   str(self._files), *map(str, _needed())]  # fmt: skip
        self._outer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        self._pid = until(self._first_process, BOOT_S, "the first process")
        until(self._is_up, BOOT_S, "a booted systemd")

    def _add(self, inside: str, text: str) -> None:
        path = self._files / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _first_process(self) -> str:
        assert self._outer
        if self._outer.poll() is not None:
            self._log.seek(0)
            raise AssertionError(f"the machine did not boot: {self._log.read()}")
        return subprocess.run(["pgrep", "-P", str(self._outer.pid)], capture_output=True, text=True).stdout.strip()

    def _is_up(self) -> bool:
        self._first_process()
        return self.run("systemctl", "is-active", "test.target", check=False).returncode == 0

    def _end(self) -> None:
        """Kills its first process, with which go all others, its namespaces and its mounts."""
        if self._outer and self._outer.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(int(self._pid or self._outer.pid), signal.SIGKILL)
            try:
                self._outer.wait(END_S)
            except subprocess.TimeoutExpired:
                self._outer.kill()
                self._outer.wait()
        self._log.close()
        self._store.rmdir()


def _needed() -> list[Path]:
    """Folders that a user other than root must get through to reach this Python, its packages and okng."""
    starts = {Path(sys.prefix), Path(sys.base_prefix), ROOT}
    return sorted({each for start in starts for each in (start, *start.parents) if each != Path("/")})


class Unit:
    """A unit of a machine."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.name = machine, name

    def start(self) -> None:
        """Returns once it is READY; fails the test when it does not get there."""
        self.machine.run("systemctl", "start", self.name)

    def stop(self) -> None:
        """Returns once it is stopped, and forgets a failure."""
        self.machine.run("systemctl", "stop", self.name)
        self.machine.run("systemctl", "reset-failed", self.name, check=False)

    def show(self, name: str) -> str:
        """A property, as `systemctl show` has it."""
        return self.machine.run("systemctl", "show", "--value", "-p", name, self.name).stdout.strip()

    def kill(self, signal_name: str) -> str:
        """Sends a signal to the main process alone; returns its id."""
        pid = self.show("MainPID")
        self.machine.run("kill", "-s", signal_name, pid)
        return pid

    def came_back(self, old_pid: str, timeout_s: float) -> float:
        """Waits for another main process to be READY; returns how many seconds that took."""
        began = time.monotonic()
        until(lambda: self.show("ActiveState") == "active" and self.show("MainPID") not in {old_pid, "0"},
              timeout_s, f"{self.name} started again")  # fmt: skip
        return time.monotonic() - began

    def log(self) -> str:
        """All that it and systemd wrote about it since the machine booted."""
        self.machine.run("journalctl", "--sync")
        return self.machine.run("journalctl", "--no-pager", "-o", "cat", "-u", self.name).stdout
