"""A subscriber stalls while a station publishes, then recovers: what it costs the station, and what is missing.

python -m benchmarks.stalled_subscriber --results 100000
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import zmq

from edge.client import Station
from edge.contract.card import Tensor
from edge.contract.reading import Reading
from edge.contract.types import Inspection, Judgement, State, Verdict
from edge.daemon.recovery import replay
from edge.errors import WireError
from edge.journal.journal import Journal
from edge.journal.rows import Entry
from edge.wire.commands import CommandServer
from edge.wire.messages import Counters, ResultMessage
from edge.wire.publisher import Publisher
from edge.wire.requests import Replay

OUTPUT = Tensor((1, 14, 14, 1), "int8", 0.1, -7)
BUNDLE = "b" * 64
BATCH = 1000


@dataclass(frozen=True)
class Found:
    """What became of one run."""

    longest_publish_ms: float
    live: int
    """Results that came by themselves."""
    recovered: int
    """Results that were fetched from the journal."""
    wrong: int
    """Results that are missing, double, out of order or not as they were published."""
    recovery_s: float


def run(folder: Path, count: int) -> Found:
    """Publishes `count` results to a subscriber that reads none of them meanwhile, and has it read them then."""
    with (
        zmq.Context() as context,
        Journal.open(folder / "journal", station="one") as journal,
        Publisher(context, f"ipc://{folder}/r", station="one", boot=journal.boot_id) as publisher,
        _answering(context, f"ipc://{folder}/c", journal),
        Station(f"ipc://{folder}/r", f"ipc://{folder}/c", timeout_s=60.0) as station,
    ):
        _join(station, publisher)
        longest_s = 0.0
        for start in range(1, count + 1, BATCH):
            batch = [_inspection(journal.boot_id, number) for number in range(start, min(start + BATCH, count + 1))]
            reading = msgspec.json.encode(Reading.of(OUTPUT, None, Reading(1.0, 0).classes))
            journal.record([Entry(inspection, BUNDLE, reading=reading) for inspection in batch])
            for inspection in batch:
                began = time.perf_counter()
                publisher.result(inspection, bundle=BUNDLE, output=OUTPUT, thresholds=None)
                longest_s = max(longest_s, time.perf_counter() - began)
        publisher.state(State.READY, bundle=BUNDLE, counters=Counters())
        began, found = time.perf_counter(), []
        for message in station.results(60.0):
            found.append(message)
            if message.header.sequence == count:
                break
            publisher.state(State.READY, bundle=BUNDLE, counters=Counters())
        recovery_s = time.perf_counter() - began
        recovered = station.recovered
    wrong = abs(count - len(found)) + sum(not _as_published(number, each) for number, each in enumerate(found, 1))
    return Found(longest_s * 1000, len(found) - recovered, recovered, wrong, recovery_s)


@contextmanager
def _answering(context: zmq.Context[zmq.Socket[bytes]], address: str, journal: Journal) -> Iterator[None]:
    done, bound = threading.Event(), threading.Event()

    def serve() -> None:
        with CommandServer(context, address) as server:
            bound.set()
            while not done.is_set():
                request = server.poll(50)
                if request and isinstance(request.command, Replay) and (found := replay(journal, request.command)):
                    server.reply(request, msgspec.structs.asdict(found))

    thread = threading.Thread(target=serve)
    thread.start()
    bound.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _join(station: Station, publisher: Publisher) -> None:
    while True:
        publisher.state(State.READY, bundle=BUNDLE, counters=Counters())
        try:
            station.wait_joined(0.05)
        except WireError:
            continue
        return


def _inspection(boot: str, number: int) -> Inspection:
    units = np.full((14, 14, 1), number % 251 - 128, np.int8)
    judgement = Judgement(Verdict.NG, 1 / number, units, "", {"invoke": 1.25})
    return Inspection(boot, number, f"A-{number}", None, judgement, judgement.signal, 900 + number)


def _as_published(number: int, message: ResultMessage) -> bool:
    header, units = message.header, message.map_units
    return (
        (header.sequence, header.part, header.score) == (number, f"A-{number}", 1 / number)
        and units is not None
        and bool((units == number % 251 - 128).all())
    )


def main() -> None:
    """Prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=int, default=100_000)
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), parser.parse_args().results)
    print(
        f"longest publish {found.longest_publish_ms:.2f} ms; {found.live} results came live, {found.recovered} from "
        f"the journal in {found.recovery_s:.1f} s; {found.wrong} missing or wrong"
    )


if __name__ == "__main__":
    main()
