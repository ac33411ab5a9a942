"""Light stations: the daemon's own journal, messages and sockets, and nothing that inspects.

python -m benchmarks.fleet.stations FOLDER --stations 20 --rate 1

Writes FOLDER/NAME.toml for each, publishes until SIGTERM, then prints the last inspection of each as JSON.
"""

from __future__ import annotations

import argparse
import heapq
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np
import zmq

from edge.contract.card import Tensor
from edge.contract.reading import Reading
from edge.contract.types import Inspection, Judgement, State, Verdict
from edge.daemon.recovery import replay
from edge.journal.journal import Journal
from edge.journal.rows import Entry
from edge.wire.commands import CommandServer
from edge.wire.messages import Counters, Topic
from edge.wire.publisher import Publisher
from edge.wire.requests import ErrorCode, Replay

OUTPUT = Tensor((1, 14, 14, 1), "int8", 0.1, -7)
READING = msgspec.json.encode(Reading.of(OUTPUT, None, Reading(1.0, 0).classes))
BUNDLE = "b" * 64
STATE_S = 1.0
LISTEN_S = 0.1
"""From one look at commands and subscriptions to the next."""
STATION_FILE = """station = "{name}"
bundle = "bundle"
camera.uri = "sim://metal"
journal.folder = "{folder}/{name}"
wire.results = "ipc://{folder}/{name}.r"
wire.commands = "ipc://{folder}/{name}.c"
"""


class LightStation:
    """Belongs to one thread. Each call takes milliseconds at most."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], folder: Path, name: str) -> None:
        self.name, self.sequence = name, 0
        (folder / f"{name}.toml").write_text(STATION_FILE.format(name=name, folder=folder))
        with ExitStack() as stack:
            self._journal = stack.enter_context(Journal.open(folder / name, station=name))
            self._publisher = stack.enter_context(
                Publisher(context, f"ipc://{folder}/{name}.r", station=name, boot=self._journal.boot_id)
            )
            self._server = stack.enter_context(CommandServer(context, f"ipc://{folder}/{name}.c"))
            self._open = stack.pop_all()

    def inspect(self) -> None:
        """One more result: journaled, then published. Its trigger is now."""
        self.sequence += 1
        units = np.full((14, 14, 1), self.sequence % 251 - 128, np.int8)
        judgement = Judgement(Verdict.OK, 1 / self.sequence, units, "", {"preprocess": 4.0, "invoke": 1.25})
        inspection = Inspection(
            self._journal.boot_id, self.sequence, f"A-{self.sequence:06}", None, judgement, judgement.signal,
            time.time_ns(),
        )  # fmt: skip
        self._journal.record([Entry(inspection, BUNDLE, reading=READING)])
        self._publisher.result(inspection, bundle=BUNDLE, output=OUTPUT, thresholds=None)

    def say(self) -> None:
        """Its state."""
        counters = Counters(self.sequence, {Verdict.OK: self.sequence})
        self._publisher.state(State.CONTINUOUS_EXECUTION, bundle=BUNDLE, counters=counters)

    def listen(self) -> None:
        """Greets who subscribed, and gives what was missed."""
        if Topic.STATE in self._publisher.newcomers():
            self.say()
        while request := self._server.poll(0):
            found = replay(self._journal, request.command) if isinstance(request.command, Replay) else None
            if found:
                self._server.reply(request, msgspec.structs.asdict(found))
            else:
                self._server.refuse(request, ErrorCode.REFUSED, "a light station knows replay alone")

    def close(self) -> None:
        """Its sockets first."""
        self._open.close()


def serve(stations: list[LightStation], rate: float) -> None:
    """Lets each inspect `rate` times a second, evenly spread, until KeyboardInterrupt."""
    began = time.monotonic()
    due = [(began + place / rate / len(stations), place, station) for place, station in enumerate(stations)]
    heard = said = began
    while True:
        time.sleep(max(0.0, min(due[0][0], heard + LISTEN_S) - time.monotonic()))
        for _ in stations:  # one round at most: where the machine is too slow for all, requests are answered still
            if (now := time.monotonic()) < due[0][0]:
                break
            when, place, station = due[0]
            station.inspect()
            heapq.heapreplace(due, (max(when + 1 / rate, now), place, station))
        if (now := time.monotonic()) >= heard + LISTEN_S:
            for station in stations:
                station.listen()
            heard = now
        if now >= said + STATE_S:
            for station in stations:
                station.say()
            said = now


def main() -> None:
    """Until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stations", type=int, default=20)
    parser.add_argument("--rate", type=float, default=1.0, help="inspections a second of each")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with zmq.Context() as context, ExitStack() as stack:
        stations = []
        try:
            for place in range(options.stations):
                stations.append(LightStation(context, options.folder, f"s{place:03}"))
                stack.callback(stations[-1].close)
            print("ready", flush=True)
            serve(stations, options.rate)
        except KeyboardInterrupt:
            print(msgspec.json.encode({each.name: each.sequence for each in stations}).decode(), flush=True)


if __name__ == "__main__":
    main()
