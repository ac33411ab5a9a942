"""Kill -9 and power cuts while a station inspects at full speed, keeps each part's images and takes over bundles.

    python -m benchmarks.kills --kills 200 --cuts 200

After each it looks whether all results that were published before are in the journal, whether each row has the image
that it names and no image is nobody's, and whether exactly one bundle is active, whole, and the one last answered; and
whether the station starts again. One JSON line; exit status 1 when anything is wrong. Power cuts need root and the
program `powercut`, which shuts a mounted ext4 down without flushing it: `--powercut` says where it is.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import zmq

from benchmarks.left import wrong
from benchmarks.station import write_frames, write_station
from edge.client import CommandRefused, Station
from edge.client.links import new_id
from edge.contract.bundle import PROVENANCE, SUMS, Bundle, read_bundle, write_bundle
from edge.errors import OkngError, WireError
from edge.shipped import shipped_bundle
from edge.wire.frames import decode_message
from edge.wire.messages import ResultMessage
from edge.wire.requests import ErrorCode, Load

ROOT = Path(__file__).parents[1]
POWERCUT = ROOT.parent / "shared" / "lab" / "powercut"
JOURNAL = 'images = "all"\nimage_format = "jpeg"\nkeep_gb = 0.1'
READY_S = 300.0
AFTER_S = (0.0, 2.0)
"""From READY, or from a cut's first published result, to the end."""
EARLY, LOADS = 5, 3
"""Each so-many-th kill comes before READY; each so-many-th time bundles are taken over meanwhile."""
ON_ONE_DISK = 25
"""Power cuts."""
QUIET_MS = 300


def prepare(work: Path) -> list[Path]:
    """Frames, and two bundles that differ in their digests alone, in `work`."""
    write_frames(work / "frames", 12, 320, 240)
    first, second = work / "first", work / "second"
    shutil.copytree(shipped_bundle(), first)
    files = {path.relative_to(first).as_posix(): path.read_bytes() for path in first.rglob("*") if path.is_file()}
    files.pop(SUMS)
    write_bundle(second, files | {PROVENANCE: b"path\n"})
    return [first, second]


class Witness:
    """Listens to the station in `work`, and `say`s what it acknowledges, as lines.

    "row ID SHA256" is a result that came; "asked DIGEST" and "active DIGEST" are of `load` and its answer.
    """

    def __init__(self, work: Path, say: Callable[[str], object], *, loads: bool) -> None:
        """`loads`: it has the station take over bundles meanwhile."""
        self._work, self._say = work, say
        self._heard = threading.Event()
        self.done = threading.Event()
        """Set: the station sends no more."""
        self._context = zmq.Context()
        self._results = self._context.socket(zmq.SUB)
        self._results.subscribe(b"verdict")
        self._results.set_hwm(0)
        self._results.connect(f"ipc://{work}/r")
        self._threads = [threading.Thread(target=work) for work in (self._listen, self._load)[: 1 + loads]]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Takes what is still under way."""
        self.done.set()
        for thread in self._threads:
            thread.join()
        self._context.destroy(linger=0)

    def _listen(self) -> None:
        while self._results.poll(QUIET_MS) or not self.done.is_set():
            if not self._results.poll(0):
                continue
            message = decode_message(self._results.recv_multipart())
            assert isinstance(message, ResultMessage)
            self._heard.set()
            image = message.header.image
            self._say(f"row {message.header.id} {image.sha256 if image else '-'}")

    def _load(self) -> None:
        """Has it take over one bundle after the other, from its first result on."""
        while not self._heard.wait(QUIET_MS / 1000):
            if self.done.is_set():
                return
        bundles = [read_bundle(self._work / name) for name in ("second", "first")]
        with Station(f"ipc://{self._work}/r", f"ipc://{self._work}/c", topics=()) as station:
            for bundle in itertools.cycle(bundles):
                self._say(f"asked {bundle.digest}")
                if not self._loaded(station, bundle):
                    return
                self._say(f"active {bundle.digest}")

    def _loaded(self, station: Station, bundle: Bundle) -> bool:
        """Asks until there is an answer; False where the station is gone. Raises CommandRefused."""
        name = new_id()
        while not self.done.is_set():
            try:
                station.request(Load(str(bundle.path)), request_id=name, timeout_s=QUIET_MS / 1000)
            except CommandRefused as error:
                if error.code != ErrorCode.BUSY:
                    raise
                self.done.wait(QUIET_MS / 1000)
            except WireError:
                continue
            else:
                return True
        return False


def station(work: Path, folder: Path) -> list[str]:
    """The command that runs it, its journal in `folder`. Two frames are a part, and both are kept."""
    (work / "recipes").mkdir(exist_ok=True)
    (work / "recipes" / "two.toml").write_text("voting = {frames = 2}\n")
    camera = f"{(work / 'frames').as_uri()}?loop=true"
    config = write_station(work, camera, JOURNAL, 'recipe = "two"', journal_folder=folder)
    return [sys.executable, "-m", "edge.cli", "run", "--config", str(config)]


@contextmanager
def started(work: Path, folder: Path) -> Iterator[Callable[[], None]]:
    """The daemon; it is killed at the end. What is given waits until it is READY, as systemd would."""
    notify = work / "notify"
    notify.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, (work / "log").open("ab") as log:
        listener.bind(str(notify))
        listener.settimeout(0.1)
        environment = {**os.environ, "NOTIFY_SOCKET": str(notify)}
        process = subprocess.Popen(station(work, folder), stderr=log, env=environment, cwd=ROOT)

        def wait_ready() -> None:
            """Raises OkngError with its last words when it does not become so."""
            end_s = time.monotonic() + READY_S
            while process.poll() is None and time.monotonic() < end_s:
                with suppress(TimeoutError):
                    if b"READY=1" in listener.recv(4096):
                        return
            raise OkngError(f"the station did not start again: {(work / 'log').read_text()[-500:]}")

        try:
            yield wait_ready
        finally:
            process.kill()
            process.wait()


def kill(work: Path, rounds: int, seed: int = 0, *, tell: bool = False) -> dict[str, object]:
    """So many kills of a station in `work`."""
    dice, folder = random.Random(seed), work / "killed"
    said: list[str] = []
    starts_s: list[float] = []
    found: list[str] = []
    prepare(work)
    for number in range(rounds):
        witness = Witness(work, said.append, loads=number % LOADS == 0)
        with witness, started(work, folder) as wait_ready:
            if number % EARLY == EARLY - 1:
                time.sleep(dice.uniform(0, statistics.median(starts_s)))
            else:
                began = time.monotonic()
                wait_ready()
                starts_s.append(time.monotonic() - began)
                time.sleep(dice.uniform(*AFTER_S))
        bad = wrong(folder, said)
        found += [f"kill {number}: {each}" for each in bad]
        if tell and (bad or number % 10 == 0):
            print(f"kill {number}: {len(said)} acknowledged; wrong: {bad[:3]}", flush=True)
    kinds = Counter(line.split()[0] for line in said)
    return {
        "kills": rounds, "results": kinds["row"], "changes_of_bundle": kinds["active"], "wrong": found,
        "ready_s": round(statistics.median(starts_s), 2), "ready_most_s": round(max(starts_s), 2),
    }  # fmt: skip


def cut(work: Path, rounds: int, program: Path, seed: int = 0, *, tell: bool = False) -> dict[str, object]:
    """So many power cuts, each disk made anew after `ON_ONE_DISK` of them."""
    prepare(work)
    cuts, found, kinds = 0, list[str](), Counter[str]()
    for number, start in enumerate(range(0, rounds, ON_ONE_DISK)):
        said = work / "said"
        said.write_text("")
        done = _cut(work, min(ON_ONE_DISK, rounds - start), program, seed + number)
        counts = re.search(r"cuts (\d+), acknowledged \d+, cuts with loss or damage (\d+)", done.stdout)
        cuts += int(counts[1]) if counts else 0
        kinds.update(line.split()[0] for line in said.read_text().splitlines())
        if done.returncode:
            found += [line for line in (done.stdout + done.stderr).splitlines() if line][-10:]
        if tell:
            print(f"cut {cuts}: {kinds.total()} acknowledged; wrong: {found[:3]}", flush=True)
    return {"cuts": cuts, "results": kinds["row"], "changes_of_bundle": kinds["active"], "wrong": found}


def _cut(work: Path, rounds: int, program: Path, seed: int) -> subprocess.CompletedProcess[str]:
    this = f"{shlex.quote(sys.executable)} -m benchmarks.kills"
    command = [
        str(program), "--rounds", str(rounds), "--size", "512M", "--seed", str(seed), "--after", *map(str, AFTER_S),
        "--writer", f"{this} --write {work} {{dir}}", "--checker", f"{this} --check {work} {{dir}} {{acked}}",
    ]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def write(work: Path, disk: Path) -> None:
    """What a power cut interrupts: becomes a station with its journal on `disk`; its child says what it acknowledges.

    So whoever waits for this process to end waits for the one that has files open on the disk.
    """
    parent = os.getpid()
    if os.fork():
        with (work / "log").open("ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            os.execv(sys.executable, station(work, disk / "journal"))
    with Witness(work, lambda line: os.write(1, f"{line}\n".encode()), loads=random.randrange(LOADS) == 0):
        while os.getppid() == parent:
            time.sleep(QUIET_MS / 1000)


def no_cuts(program: Path) -> str:
    """Why power cuts cannot be tried here; empty where they can."""
    if os.geteuid() != 0:
        return "needs root to mount a disk"
    return "" if program.is_file() else f"{program}: not there; it cuts the power of a disk"


def main() -> int:
    """Prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--powercut", type=Path, default=POWERCUT)
    parser.add_argument("--write", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--check", type=Path, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(*options.write)
        return 0
    if options.check:
        work, disk, said = options.check
        shutil.copyfile(said, work / "said")
        bad = wrong(disk / "journal", said.read_text().splitlines())
        for line in bad[:10]:
            print(line, file=sys.stderr)
        return int(bool(bad))
    outcome: dict[str, object] = {}
    if options.kills:
        with tempfile.TemporaryDirectory() as work:
            outcome["kill_9"] = kill(Path(work), options.kills, options.seed, tell=True)
    if options.cuts and (reason := no_cuts(options.powercut)):
        print(f"no power cuts: {reason}")
    elif options.cuts:
        with tempfile.TemporaryDirectory() as work:
            outcome["power_cut"] = cut(Path(work), options.cuts, options.powercut, options.seed, tell=True)
    print(json.dumps(outcome))
    return int(any(each["wrong"] for each in outcome.values()))


if __name__ == "__main__":
    raise SystemExit(main())
