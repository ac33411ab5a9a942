"""The demo's stages: each is a command of okng, run as its user would, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import OkngError

TRAIN_PARTS, UNSEEN_PARTS = 600, 120
TRAIN_SEED, UNSEEN_SEED = 11, 2027
NETWORK, INPUT_PX, STEPS, MAX_MINUTES = "house-m", 128, 600, 2.5
FRAMES_PER_S = 20
END_PATIENCE_S = 20.0

STATION = """\
station = "demo"
bundle = "{bundle}"

[camera]
uri = "{camera}"

[trigger]
start = "command"

[signal]
kind = "gpio"
pass_pin = 17
reject_pin = 27
pulse_ms = 20
factory = "mock"

[wire]
results = "ipc://{sockets}/results"
commands = "ipc://{sockets}/commands"

[journal]
folder = "journal"
images = "all"
"""


class Stages:
    """Runs okng's commands in the folder `out`; what they say goes to the terminal, or to `out/log.txt`."""

    def __init__(self, out: Path, *, shown: bool) -> None:
        self.out, self._shown = out, shown
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Adds what the block took to `seconds`."""
        began = time.monotonic()
        yield
        self.seconds[stage] = round(time.monotonic() - began, 1)

    def synthesize(self, name: str, count: int, seed: int) -> Path:
        """Draws `count` parts into `out/name`."""
        folder = self.out / name
        self._okng("dataset", "synthesize", folder, "--count", count, "--seed", seed)
        return folder

    def train(self, data: Path) -> Path:
        """Trains on `data`, and converts to a bundle."""
        run, bundle = self.out / "run", self.out / "bundle"
        with self.timed("train"):
            self._okng("train", data, "--out", run, "--network", NETWORK, "--size", INPUT_PX, "--steps", STEPS,
                       "--max-minutes", MAX_MINUTES)  # fmt: skip
        with self.timed("convert"):
            self._okng("convert", run, "--out", bundle)
        return bundle

    @contextmanager
    def daemon(self, bundle: Path, frames: Path, sockets: Path) -> Iterator[None]:
        """The station's daemon, alive within the block. Raises OkngError when it does not end well."""
        camera = f"{(frames / 'images').absolute().as_uri()}?rate={FRAMES_PER_S}"
        config = self.out / "station.toml"
        config.write_text(STATION.format(bundle=bundle.absolute(), camera=camera, sockets=sockets))
        with (self.out / "daemon.log").open("wb") as log:
            process = subprocess.Popen(self._command("run", "--config", config), stderr=log, stdin=subprocess.DEVNULL)
            try:
                yield
            finally:
                process.terminate()
                status = process.wait(END_PATIENCE_S)
        if status:
            raise OkngError(f"the daemon ended with {status}; see {self.out / 'daemon.log'}")

    def _okng(self, *arguments: object) -> None:
        command = self._command(*arguments)
        if self._shown:
            print(f"$ okng {' '.join(map(str, arguments))}", file=sys.stderr, flush=True)
        with (self.out / "log.txt").open("ab") as log:
            output = None if self._shown else log
            done = subprocess.run(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            where = "above" if self._shown else f"in {self.out / 'log.txt'}"
            raise OkngError(f"okng {arguments[0]} ended with {done.returncode}; see {where}")

    @staticmethod
    def _command(*arguments: object) -> list[str]:
        return [sys.executable, "-m", "edge.cli", *map(str, arguments)]
