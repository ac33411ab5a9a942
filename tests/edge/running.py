"""A station that runs: the real daemon, as a process of its own, over ipc sockets, and a client that has joined it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from edge.client import Station
from edge.errors import WireError
from edge.journal.reader import JournalReader
from edge.journal.rows import Row
from edge.wire.messages import ImageMessage, ResultMessage, Topic

WAIT_S = 60.0
PROGRAM = [sys.executable, "-m", "edge.cli", "run", "--config"]
GATE = 'signal = {kind = "gpio", pass_pin = 17, reject_pin = 27, pulse_ms = 5, factory = "mock"}'
BRIGHTER = "quality = {brightness = 250, focus = 0.001, clipped = 1}"
BY_COMMAND = 'trigger = {kind = "command"}'
ON_START = 'trigger = {start = "command"}'


def station_file(
    folder: Path, bundle: Path, camera: str, *extra: str, journal: str = "journal", images: bool = True
) -> Path:
    """A station whose sockets lie in `folder`; without `images` it keeps and publishes none, and is quicker."""
    folder.mkdir(exist_ok=True)
    text = f"""
        station = "one"
        bundle = "{bundle}"
        camera = {{uri = "{camera}", timeout_s = 0.5}}
        journal = {{folder = "{journal}", images = "{"all" if images else "none"}"}}
        wire = {{results = "ipc://{folder}/r", commands = "ipc://{folder}/c", images = {str(images).lower()}}}
    """
    path = folder / "station.toml"
    path.write_text("\n".join([text, *extra]))
    return path


class Running:
    """A daemon that runs, and a client that has joined it."""

    def __init__(self, config: Path) -> None:
        self.folder, self.config = config.parent, config
        self.log = self.folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*PROGRAM, str(config)], stderr=log)
        self.station = Station(
            f"ipc://{self.folder}/r", f"ipc://{self.folder}/c", topics=(Topic.RESULT, Topic.IMAGE), timeout_s=WAIT_S
        )
        self.messages: list[ResultMessage | ImageMessage] = []

    def __enter__(self) -> Self:
        while self.process.poll() is None:
            with suppress(WireError):
                self.boot = self.station.wait_joined(0.5).header.boot
                return self
        self.station.close()
        raise AssertionError(f"it ended with {self.process.returncode}: {self.log.read_text()}")

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.station.close()

    @property
    def results(self) -> list[ResultMessage]:
        return [message for message in self.messages if isinstance(message, ResultMessage)]

    def collect(self, count: int) -> list[ResultMessage]:
        """Until there are that many results."""
        while len(self.results) < count:
            message = self.station.receive(WAIT_S)
            assert message is not None, f"{len(self.results)} of {count} results; {self.log.read_text()}"
            self.messages.append(message)
        return self.results

    def drain(self) -> list[ResultMessage]:
        """Whatever is still under way."""
        while message := self.station.receive(0.3):
            self.messages.append(message)
        return self.results

    def end(self) -> int:
        """SIGTERM; gives the exit status."""
        self.process.terminate()
        status = self.process.wait(WAIT_S)
        self.drain()
        return status

    def rows(self, boot: str = "") -> list[Row]:
        with JournalReader(self.folder / "journal") as reader:
            return reader.rows(boot or self.boot, limit=1_000_000)


def refused(okng: Callable[..., Any], config: Path, status: int) -> str:
    """What the daemon says in its one line when it cannot start; in this process, which is quicker."""
    done = okng("run", "--config", config)
    return one_line(done.status, done.out, done.err, status)


def refused_alone(config: Path, status: int) -> str:
    """The same of a process of its own, where what this one has loaded would matter."""
    done = subprocess.run([*PROGRAM, str(config)], capture_output=True, text=True, timeout=WAIT_S)
    return one_line(done.returncode, done.stdout, done.stderr, status)


def one_line(status: int, out: str, err: str, wanted: int) -> str:
    assert (status, out) == (wanted, ""), err
    assert err.startswith("okng: ")
    assert err.count("\n") == 1, err
    return err
