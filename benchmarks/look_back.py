"""How long looking back takes over a large journal, and what inspection notices of it.

python -m benchmarks.look_back --rows 100000

It fills a journal, starts the daemon on it, and triggers parts: first alone, then while clients ask for surveys and for
pages without a pause.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from edge.client import Station
from edge.contract.cam import Thresholds
from edge.contract.types import Inspection, Judgement, Signal, Verdict
from edge.errors import WireError
from edge.journal.journal import Journal
from edge.journal.rows import Entry
from edge.wire.queries import History, TakeSurvey
from edge.wire.requests import Command

BATCH = 1000
PARTS = 100
WAIT_S = 120.0
QUESTIONS: dict[str, Command] = {
    "survey of all": TakeSurvey(thresholds=Thresholds(0.2, 0.7)),
    "first page": History(),
    "a part that is not there": History(part="no such part"),
}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--bundle", type=Path, default=Path("models/metal"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        _fill(folder / "journal", arguments.rows)
        config = _station_file(folder, arguments.bundle.absolute())
        daemon = subprocess.Popen([sys.executable, "-m", "edge.cli", "run", "--config", str(config)])
        try:
            _measure(folder)
        finally:
            daemon.terminate()
            daemon.wait()


def _measure(folder: Path) -> None:
    with _client(folder) as station:
        while True:
            try:
                station.wait_joined(1.0)
                break
            except WireError:
                continue
        station.start()
        for name, question in QUESTIONS.items():
            begun = time.perf_counter()
            station.request(question, timeout_s=WAIT_S)
            print(f"{name}: {1000 * (time.perf_counter() - begun):.0f} ms")
        print(f"trigger to result, alone: {_inspect(station)}")
        over, asked = threading.Event(), [0]
        threads = [threading.Thread(target=_ask, args=(folder, each, over, asked)) for each in QUESTIONS.values()]
        for thread in threads:
            thread.start()
        print(f"trigger to result, asked meanwhile: {_inspect(station)}")
        over.set()
        for thread in threads:
            thread.join()
        print(f"questions answered meanwhile: {asked[0]}")


def _inspect(station: Station) -> str:
    times = []
    results = station.results(WAIT_S)
    for number in range(PARTS):
        begun = time.perf_counter()
        asked = station.trigger(f"P-{number}")
        while next(results).header.id != asked:
            pass
        times.append(1000 * (time.perf_counter() - begun))
    median, p95 = np.quantile(times, (0.5, 0.95))
    return f"median {median:.1f} ms, 95 % within {p95:.1f} ms, longest {max(times):.1f} ms"


def _ask(folder: Path, question: Command, over: threading.Event, asked: list[int]) -> None:
    with _client(folder) as station:
        while not over.is_set():
            station.request(question, timeout_s=WAIT_S)
            asked[0] += 1


def _client(folder: Path) -> Station:
    return Station(f"ipc://{folder}/r", f"ipc://{folder}/c", timeout_s=WAIT_S)


def _station_file(folder: Path, bundle: Path) -> Path:
    path = folder / "station.toml"
    path.write_text(f"""
        station = "bench"
        bundle = "{bundle}"
        camera = {{timeout_s = 2, uri = "sim://metal?rate=10"}}
        trigger = {{kind = "command"}}
        journal = {{folder = "{folder}/journal", images = "none"}}
        wire = {{results = "ipc://{folder}/r", commands = "ipc://{folder}/c", images = false}}
    """)
    return path


def _fill(folder: Path, rows: int) -> None:
    random = np.random.default_rng(0)
    with Journal.open(folder, station="bench") as journal:
        for start in range(0, rows, BATCH):
            journal.record([_entry(journal.boot_id, start + number + 1, random) for number in range(BATCH)])


def _entry(boot: str, sequence: int, random: np.random.Generator) -> Entry:
    score = float(random.beta(1, 6))
    verdict = Thresholds(0.3, 0.6).verdict(score)
    units = random.integers(-100, 100, (28, 28, 1), np.int8)
    judgement = Judgement(verdict, score, units, timings_ms={"invoke": 2.0, "pool": 0.1})
    signal = Signal.ACCEPT if verdict is Verdict.OK else Signal.REJECT
    triggered_ns = 1_760_000_000_000_000_000 + sequence * 250_000_000
    return Entry(Inspection(boot, sequence, f"A-{sequence}", None, judgement, signal, triggered_ns), "b" * 64)


if __name__ == "__main__":
    main()
