"""The whole loop on real images: train on all folds but one, make a bundle, have the daemon judge the fold held out.

    python benchmarks/real_parts.py DATA --work FOLDER [--fold 4] [-- OPTIONS OF okng train]

DATA has a manifest.csv with folds. Steps whose output is in FOLDER already are not repeated. The daemon is fed the
held-out images as a capture; each must have exactly one published result and one journal row, with the score and
verdict that `okng evaluate` gave for the bundle. Prints one JSON line; exit status 1 where they differ.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.client import Station
from edge.contract.types import State
from edge.journal.reader import JournalReader
from edge.wire.messages import ResultMessage, StateMessage, Topic
from edge.wire.requests import Start
from trainer.dataset import read_samples
from trainer.evaluate import select_fold

Judged = dict[str, tuple[str, float | None]]


def main() -> int:
    """Runs what is missing, then compares."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--fold", type=int, default=4)
    arguments, options = parser.parse_known_args()
    data, work, fold = arguments.data, arguments.work, arguments.fold
    work.mkdir(parents=True, exist_ok=True)
    step(work / "run", "train", data, "--test-fold", fold, *(o for o in options if o != "--"))
    step(work / "bundle", "convert", work / "run")
    step(work / "evaluation", "evaluate", work / "bundle", data, "--fold", fold)
    capture(data, fold, work / "capture")
    expected = read_predictions(work / "evaluation")
    published, rows = inspect(work)
    figures = json.loads((work / "evaluation" / "metrics.json").read_text())
    parity = json.loads((work / "bundle" / "model.json").read_text())["parity"]
    training = json.loads((work / "run" / "run.json").read_text())["training"]
    same = expected == published == rows
    print(json.dumps({
        "frames": len(expected), "results": len(published), "journal_rows": len(rows), "same": same,
        **{key: figures[key] for key in ("auroc", "ap", "peak_hit_rate", "verdicts", "kinds")},
        "parity": parity, "train_seconds": training["train_seconds"], "weights": training["weights"],
    }))  # fmt: skip
    return 0 if same else 1


def step(out: Path, *command: object) -> None:
    """An okng command that leaves the folder `out`, unless it is there."""
    if not out.exists():
        subprocess.run([sys.executable, "-m", "edge.cli", *map(str, command), "--out", str(out)], check=True)


def capture(data: Path, fold: int, folder: Path) -> None:
    """The fold's images as a folder of frames, by their names in the manifest."""
    for sample in select_fold(read_samples(data), fold):
        link = folder / sample.name
        if not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(sample.path.resolve())


def read_predictions(evaluation: Path) -> Judged:
    """What `okng evaluate` said of each image."""
    lines = (evaluation / "predictions.jsonl").read_text().splitlines()
    return {found["image"]: (found["verdict"], found["score"]) for found in map(json.loads, lines)}


def inspect(work: Path) -> tuple[Judged, Judged]:
    """What the daemon published, and what its journal holds. A frame with two results would raise KeyError."""
    with tempfile.TemporaryDirectory() as folder, daemon(work, Path(folder)) as addresses:
        with Station(*addresses, topics=(Topic.RESULT, Topic.STATE)) as station:
            station.wait_joined(30)
            station.request(Start())
            published = gather(station)
        with JournalReader(Path(folder) / "journal") as journal:
            found = journal.rows(limit=1_000_000)
    rows = {row.frame_name: (row.verdict.value, row.score) for row in found}
    if len(rows) != len(found):
        raise KeyError("a frame has two journal rows")
    return published, rows


def gather(station: Station) -> Judged:
    """Results until the source has ended and all are in."""
    published: Judged = {}
    for message in station.messages(silence_s=30):
        if isinstance(message, ResultMessage):
            header = message.header
            if header.frame_name in published:
                raise KeyError(f"{header.frame_name} was published twice")
            published[header.frame_name] = (header.verdict.value, header.score)
        elif isinstance(message, StateMessage):
            now = message.header
            if now.state is State.ERROR:
                raise RuntimeError(now.reason)
            if now.ended and sum(now.counters.results.values()) == now.counters.triggers:
                break
    return published


@contextmanager
def daemon(work: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """The daemon on the capture, as fast as it goes; gives its addresses."""
    addresses = (f"ipc://{folder}/results", f"ipc://{folder}/commands")
    config = folder / "station.toml"
    config.write_text(
        f'station = "benchmark"\nbundle = "{(work / "bundle").absolute()}"\n'
        f'[camera]\nuri = "{(work / "capture").absolute().as_uri()}"\n[journal]\nfolder = "journal"\nimages = "all"\n'
        f'[trigger]\nstart = "command"\n[wire]\nresults = "{addresses[0]}"\ncommands = "{addresses[1]}"\n'
    )
    process = subprocess.Popen([sys.executable, "-m", "edge.cli", "run", "--config", str(config)])
    try:
        yield addresses
    finally:
        process.terminate()
        if process.wait(30):
            raise RuntimeError("the daemon did not end well")


if __name__ == "__main__":
    sys.exit(main())
