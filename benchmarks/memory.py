"""Does a station grow? A daemon at 30 frames a second, with journal, images by policy, a gate and a subscriber.

    python -m benchmarks.memory --minutes 40

Prints resident memory and open files once a minute, then one JSON line: the slope of resident memory after the
warm-up, the first quarter, in MB an hour, and the open files at its beginning and end. The journal is bounded, so that
it lets rows and images go all the while. Exit status 1 when it grows by 1 MB an hour or more, or by open files.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.station import Running, write_frames, write_station
from edge.errors import OkngError
from edge.wire.messages import ResultMessage, Topic

RATE = 30
FRAMES = 48
WIDTH, HEIGHT = 640, 480
JOURNAL = 'images = "ng"\nimages_every = 30\nimage_format = "jpeg"\nkeep_gb = 0.2\nkeep_inspections = 5000'
GATE = 'signal = {kind = "gpio", pass_pin = 17, reject_pin = 27, pulse_ms = 5, factory = "mock"}'
LIMIT_MB_PER_HOUR = 1.0
EVERY_S = 1.0


@dataclass(frozen=True)
class Sample:
    """A process at one moment."""

    at_s: float
    resident_kb: int
    files: int
    threads: int


@dataclass(frozen=True)
class Found:
    """What became of one run."""

    minutes: float
    results: int
    frames_per_s: float
    resident_mb: float
    """In the middle of the time after the warm-up."""
    slope_mb_per_hour: float
    floor_mb_per_hour: float
    """Of the least resident memory of each minute: frames under way come and go, what is kept stays."""
    files_first: int
    files_last: int
    files_most: int
    threads: int

    @property
    def grows(self) -> bool:
        """Whether the bar is missed."""
        return self.slope_mb_per_hour >= LIMIT_MB_PER_HOUR or self.files_last > self.files_first


def run(folder: Path, minutes: float, *, tell: bool = False) -> Found:
    """A station in `folder` for so long."""
    camera = f"sim://{write_frames(folder / 'frames', FRAMES, WIDTH, HEIGHT)}?rate={RATE}"
    config = write_station(folder, camera, JOURNAL, GATE)
    samples: list[Sample] = []
    with Running(config, Topic.RESULT, Topic.IMAGE) as daemon:
        reader = Counting(daemon)
        reader.start()
        began, next_s = time.monotonic(), 0.0
        while (at_s := time.monotonic() - began) < 60 * minutes:
            samples.append(sample(daemon.process.pid, at_s))
            if tell and at_s >= next_s:
                print(f"{at_s / 60:4.1f} min: {samples[-1]}, {reader.results} results", flush=True)
                next_s += 60
            time.sleep(EVERY_S)
        took_s = time.monotonic() - began
        reader.done.set()
        reader.join()
    return found(samples, reader.results, took_s)


class Counting(threading.Thread):
    """The subscriber."""

    def __init__(self, daemon: Running) -> None:
        super().__init__()
        self._daemon = daemon
        self.done = threading.Event()
        self.results = 0

    def run(self) -> None:
        """Reads until it is told that it is done."""
        while not self.done.is_set():
            self.results += isinstance(self._daemon.station.receive(0.5), ResultMessage)


def sample(pid: int, at_s: float) -> Sample:
    """Raises OkngError when the daemon is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        values = {name: rest.split()[0] for name, _, rest in (line.partition(":") for line in lines) if rest.split()}
        files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return Sample(at_s, int(values["VmRSS"]), files, int(values["Threads"]))
    except (OSError, KeyError):
        raise OkngError("the daemon has ended; its log says why") from None


def found(samples: Sequence[Sample], results: int, took_s: float) -> Found:
    """What the samples after the warm-up say."""
    warm = [each for each in samples if each.at_s >= samples[-1].at_s / 4]
    part = max(1, len(warm) // 10)
    return Found(
        round(took_s / 60, 1), results, round(results / took_s, 2),
        round(statistics.median(each.resident_kb for each in warm) / 1024, 1),
        round(slope([each.at_s for each in warm], [each.resident_kb for each in warm]) * 3600 / 1024, 3),
        round(slope(*floor(warm)) * 3600 / 1024, 3),
        round(statistics.median(each.files for each in warm[:part])),
        round(statistics.median(each.files for each in warm[-part:])),
        max(each.files for each in warm), warm[-1].threads,
    )  # fmt: skip


def floor(samples: Sequence[Sample]) -> tuple[list[float], list[int]]:
    """The middle of each minute, or of each tenth where there are fewer, and the least resident memory in it."""
    begin_s, whole_s = samples[0].at_s, samples[-1].at_s - samples[0].at_s
    count = max(10, int(whole_s // 60))
    length_s = whole_s / count
    least: dict[int, int] = {}
    for each in samples:
        number = min(count - 1, int((each.at_s - begin_s) / length_s))
        least[number] = min(least.get(number, each.resident_kb), each.resident_kb)
    return [(number + 0.5) * length_s for number in least], [*least.values()]


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """By least squares, in a second."""
    return statistics.linear_regression(times, values).slope


def main() -> int:
    """Prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=40.0)
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(Path(folder), parser.parse_args().minutes, tell=True)
    print(json.dumps(asdict(outcome)))
    return int(outcome.grows)


if __name__ == "__main__":
    raise SystemExit(main())
