"""A station to measure: frames of a camera's size, a station file for them, and the daemon as a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from edge.client import Station
from edge.contract.types import Pixels
from edge.errors import WireError
from edge.shipped import shipped_bundle
from edge.wire.messages import Topic
from trainer.synthesize.passing import metal

WIDTH, HEIGHT = 1280, 960
START_S = 60.0


def frame(number: int, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Drawn metal part `number`, (height, width) grey, with a sensor's noise; every fourth has a defect."""
    large = cv2.resize(metal(number), (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    noise = np.random.default_rng(number).normal(0, 2, large.shape).astype(np.int16)
    return np.clip(large + noise, 0, 255).astype(np.uint8)


def write_frames(folder: Path, count: int, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """So many different frames, as JPEG."""
    folder.mkdir()
    for number in range(count):
        pixels = frame(number, width, height)
        cv2.imwrite(str(folder / f"{number:04d}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])
    return folder


def write_station(folder: Path, camera: str, journal: str, *extra: str, journal_folder: Path | None = None) -> Path:
    """A station file whose sockets lie in `folder`, and the journal too; `journal` is what its table says besides."""
    config, place = folder / "station.toml", journal_folder or folder / "journal"
    config.write_text(
        f'station = "bench"\nbundle = "{shipped_bundle()}"\n'
        + "".join(f"{line}\n" for line in extra)
        + f'[camera]\nuri = "{camera}"\n[journal]\nfolder = "{place}"\n{journal}\n'
        + f'[wire]\nresults = "ipc://{folder}/r"\ncommands = "ipc://{folder}/c"\n'
    )
    return config


class Running:
    """A daemon that runs, and a client that has joined it. It is killed where it has not been ended."""

    def __init__(self, config: Path, *topics: Topic, after: str = "") -> None:
        """`after` is a client's last known result."""
        self.folder = config.parent
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "edge.cli", "run", "--config", str(config)]
            self.process = subprocess.Popen(command, stderr=log)
        addresses = (f"ipc://{self.folder}/r", f"ipc://{self.folder}/c")
        self.station = Station(*addresses, topics=topics, after=after, timeout_s=START_S)

    def __enter__(self) -> Self:
        """Raises AssertionError with the daemon's last words when it ends instead."""
        end_s = time.monotonic() + START_S
        while self.process.poll() is None and time.monotonic() < end_s:
            with suppress(WireError):
                self.boot = self.station.wait_joined(0.5).header.boot
                return self
        self.__exit__()
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.station.close()
