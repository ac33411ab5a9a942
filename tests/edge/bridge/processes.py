"""What the tests of bridges share: a bridge as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.edge.running import WAIT_S


class Bridge:
    """`okng bridge NAME ...`, as a process of its own; killed at the end where it still runs."""

    def __init__(self, name: str, config: Path, *options: str) -> None:
        self.log = config.parent / f"{name}.log"
        command = [sys.executable, "-m", "edge.cli", "bridge", name, "--config", str(config), *options]
        environment = {key: value for key, value in os.environ.items() if key != "JOURNAL_STREAM"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, env=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """SIGTERM; gives the exit status."""
        self.process.terminate()
        return self.process.wait(WAIT_S)
