"""How long okng takes to be there: `import edge`, `okng --help`, and from the daemon's start to READY.

    python benchmarks/startup.py [--runs 9]

Prints one JSON line: medians in milliseconds. "ready" is what systemd would measure: from the start of the process to
its READY=1, the bundle proven in a child process included.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from edge.shipped import shipped_bundle
from trainer.synthesize import write_dataset


def main() -> None:
    """Measures each in turn, `--runs` times after one warm-up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        config = station(Path(folder))
        figures = {
            "python_ms": median_ms(runs, lambda: command_ms("-c", "pass")),
            "import_edge_ms": median_ms(runs, lambda: command_ms("-c", "import edge")),
            "help_ms": median_ms(runs, lambda: command_ms("-m", "edge.cli", "--help")),
            "ready_ms": median_ms(runs, lambda: ready_ms(config)),
        }
    print(json.dumps(figures))


def station(folder: Path) -> Path:
    """A station file for a few synthetic frames."""
    write_dataset(folder / "parts", count=4)
    config = folder / "station.toml"
    config.write_text(
        f'station = "bench"\nbundle = "{shipped_bundle()}"\n'
        f'[camera]\nuri = "{(folder / "parts/images").as_uri()}"\n[journal]\nfolder = "journal"\n'
        f'[wire]\nresults = "ipc://{folder}/r"\ncommands = "ipc://{folder}/c"\n'
    )
    return config


def median_ms(runs: int, measure: Callable[[], float]) -> float:
    """The median of `runs` measurements, after one that is not counted."""
    measure()
    return round(statistics.median(measure() for _ in range(runs)), 1)


def command_ms(*arguments: str) -> float:
    """One Python process, from start to end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1e3


def ready_ms(config: Path) -> float:
    """One daemon, from its start to READY=1; then it is ended."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"{folder}/notify")
        listener.settimeout(30)
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.cli", "run", "--config", str(config)],
            env={**os.environ, "NOTIFY_SOCKET": f"{folder}/notify"},
            stderr=subprocess.DEVNULL,
        )
        while b"READY=1" not in listener.recv(4096):
            pass
        took = time.perf_counter() - began
        process.terminate()
        process.wait(30)
    return took * 1e3


if __name__ == "__main__":
    main()
