"""Kill -9 and power cuts while a station inspects at full speed, keeps each image and takes over bundles.

    python -m benchmarks.kills --kills 200 --cuts 200

After each it looks whether all results that were published before are in the journal, whether each row has the image
that it names and no image is nobody's, and whether exactly one bundle is active, whole, and the one last answered; and
whether the station starts again. One JSON line; exit status 1 when anything is wrong. Power cuts need root and the
program `powercut`, which shuts a mounted ext4 down without flushing it: `--powercut` says where it is.
"""

from __future__ import annotations

import argparse
import hashlib
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import zmq

from benchmarks.station import write_frames, write_station
from edge.client import CommandRefused, Station
from edge.client.links import new_id
from edge.contract.bundle import PROVENANCE, SUMS, Bundle, read_bundle, write_bundle
from edge.daemon.bundles import BundleStore
from edge.errors import OkngError, WireError
from edge.journal.journal import Journal
from edge.journal.schema import FILE, open_reader
from edge.shipped import shipped_bundle
from edge.wire.messages import ResultMessage, decode_message
from edge.wire.requests import ErrorCode, Load

ROOT = Path(__file__).parents[1]
POWERCUT = ROOT.parent / "shared" / "lab" / "powercut"
JOURNAL = 'images = "all"\nimage_format = "jpeg"\nkeep_gb = 0.1'
READY_S = 120.0
AFTER_S = (0.0, 2.0)
"""From READY, or from a cut's first published result, to the end."""
EARLY, LOADS = 5, 3
"""Each so-many-th kill comes before READY; each so-many-th time bundles are taken over meanwhile."""
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


class Ran:
    """A station in `work`, its journal in `folder`; `say` is told what it acknowledges, as lines.

    "row ID SHA256" is a result that came; "asked DIGEST" and "active DIGEST" are of `load` and its answer.
    """

    def __init__(self, work: Path, folder: Path, say: Callable[[str], None], *, loads: bool) -> None:
        """`loads`: it takes over bundles meanwhile."""
        self._say, self._work, self._loads = say, work, loads
        camera = f"{(work / 'frames').as_uri()}?loop=true"
        self._config = write_station(work, camera, JOURNAL, journal_folder=folder)
        self._done = threading.Event()

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """The daemon, listened to; it is killed at the end, and all that it sent is taken."""
        with zmq.Context() as context, context.socket(zmq.SUB) as results, (self._work / "log").open("ab") as log:
            results.subscribe(b"verdict")
            results.set_hwm(0)
            results.connect(f"ipc://{self._work}/r")
            with notified(self._work / "notify") as self._ready:
                environment = {**os.environ, "NOTIFY_SOCKET": str(self._work / "notify")}
                command = [sys.executable, "-m", "edge.cli", "run", "--config", str(self._config)]
                process = subprocess.Popen(command, stderr=log, env=environment, cwd=ROOT)
                threads = [threading.Thread(target=self._listen, args=(results,))]
                if self._loads:
                    threads.append(threading.Thread(target=self._load))
                for thread in threads:
                    thread.start()
                try:
                    yield process
                finally:
                    process.kill()
                    process.wait()
                    self._done.set()
                    for thread in threads:
                        thread.join()

    def wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Raises OkngError with its last words when it does not become so."""
        end_s = time.monotonic() + READY_S
        while process.poll() is None and time.monotonic() < end_s:
            try:
                if b"READY=1" in self._ready.recv(4096):
                    return
            except TimeoutError:
                pass
        raise OkngError(f"the station did not start again: {(self._work / 'log').read_text()[-500:]}")

    def _listen(self, results: zmq.Socket[bytes]) -> None:
        while results.poll(QUIET_MS) or not self._done.is_set():
            if not results.poll(0):
                continue
            message = decode_message(results.recv_multipart())
            assert isinstance(message, ResultMessage)
            image = message.header.image
            self._say(f"row {message.header.id} {image.sha256 if image else '-'}")

    def _load(self) -> None:
        """Has it take over one bundle after the other."""
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
        while not self._done.is_set():
            try:
                station.request(Load(str(bundle.path)), request_id=name, timeout_s=QUIET_MS / 1000)
            except CommandRefused as error:
                if error.code != ErrorCode.BUSY:
                    raise
                self._done.wait(QUIET_MS / 1000)
            except WireError:
                continue
            else:
                return True
        return False


@contextmanager
def notified(path: Path) -> Iterator[socket.socket]:
    """What systemd would listen on."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(0.1)
        yield listener


def wrong(folder: Path, lines: Sequence[str]) -> list[str]:
    """What of `lines`, all that was said so far, does not hold of the journal in `folder`, and what does not fit."""
    with Journal.open(folder, station="check") as journal:  # as the station does when it starts again
        found = [text for text in journal.faults.values() if text]
    query = "SELECT boot_id || '-' || sequence, image_path, image_sha256, image_removed_ns FROM inspections"
    with closing(open_reader(folder / FILE)) as connection:
        rows = {name: (path, digest, removed) for name, path, digest, removed in connection.execute(query)}
    said = [line.split() for line in lines]
    for name, digest in (rest for kind, *rest in said if kind == "row"):
        if name not in rows:
            found.append(f"{name}: was published, and is lost")
        elif (rows[name][1] or "-") != digest:
            found.append(f"{name}: was published with another image")
    kept = {path: digest for path, digest, removed in rows.values() if path and removed is None}
    files = {path.relative_to(folder).as_posix() for path in (folder / "images").rglob("*") if path.is_file()}
    found += [f"{path}: nobody's" for path in files - kept.keys()]
    found += [f"{path}: not there" for path in kept.keys() - files]
    for path in files & kept.keys():
        if hashlib.sha256((folder / path).read_bytes()).hexdigest() != kept[path]:
            found.append(f"{path}: another content")
    return found + wrong_bundle(folder, [(kind, rest[0]) for kind, *rest in said if kind in ("asked", "active")])


def wrong_bundle(folder: Path, said: Sequence[tuple[str, str]]) -> list[str]:
    """What is wrong with the active bundle: it is the last one answered, or one asked for since, and is whole."""
    answered = max((number for number, (kind, _) in enumerate(said) if kind == "active"), default=-1)
    if answered < 0:  # the station file's, or the first one asked for
        return []
    store = BundleStore(folder)
    if store.record is None:
        return ["no bundle is active"]
    if store.record.active not in {digest for _, digest in said[answered:]}:
        return [f"{store.record.active[:12]} is active, {said[answered][1][:12]} was answered"]
    try:
        whole = read_bundle(store.path(store.record.active)).digest == store.record.active
    except OkngError as error:
        return [str(error)]
    return [] if whole else ["the active bundle is another one"]


def kill(work: Path, rounds: int, seed: int = 0, *, tell: bool = False) -> dict[str, object]:
    """So many kills of a station in `work`."""
    dice, folder = random.Random(seed), work / "killed"
    said: list[str] = []
    starts_s: list[float] = []
    found: list[str] = []
    prepare(work)
    for number in range(rounds):
        ran = Ran(work, folder, said.append, loads=number % LOADS == 0)
        with ran.started() as process:
            if number % EARLY == EARLY - 1:
                time.sleep(dice.uniform(0, statistics.median(starts_s)))
            else:
                began = time.monotonic()
                ran.wait_ready(process)
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


def cut(work: Path, rounds: int, program: Path) -> dict[str, object]:
    """So many power cuts."""
    prepare(work)
    this = f"{shlex.quote(sys.executable)} -m benchmarks.kills"
    command = [
        str(program), "--rounds", str(rounds), "--size", "512M", "--after", *map(str, AFTER_S),
        "--writer", f"{this} --write {work} {{dir}}", "--checker", f"{this} --check {work} {{dir}} {{acked}}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = re.search(r"cuts (\d+), acknowledged (\d+), cuts with loss or damage (\d+)", done.stdout)
    if not said:
        return {"cuts": 0, "wrong": [(done.stdout + done.stderr)[-1000:]]}
    kinds = Counter(line.split()[0] for line in (work / "said").read_text().splitlines())
    return {
        "cuts": int(said[1]), "results": kinds["row"], "changes_of_bundle": kinds["active"],
        "wrong": done.stderr.splitlines()[-10:] if int(said[3]) else [],
    }  # fmt: skip


def write(work: Path, disk: Path) -> None:
    """What a power cut interrupts: runs a station with its journal on `disk`, for ever."""
    loads = random.randrange(LOADS) == 0
    ran = Ran(work, disk / "journal", lambda line: print(line, flush=True), loads=loads)
    with ran.started() as process:
        ran.wait_ready(process)
        process.wait()


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
        print("\n".join(bad[:10]), file=sys.stderr)
        return int(bool(bad))
    outcome: dict[str, object] = {}
    if options.kills:
        with tempfile.TemporaryDirectory() as work:
            outcome["kill_9"] = kill(Path(work), options.kills, tell=True)
    if options.cuts and (reason := no_cuts(options.powercut)):
        print(f"no power cuts: {reason}")
    elif options.cuts:
        with tempfile.TemporaryDirectory() as work:
            outcome["power_cut"] = cut(Path(work), options.cuts, options.powercut)
    print(json.dumps(outcome))
    return int(any(each["wrong"] for each in outcome.values()))


if __name__ == "__main__":
    raise SystemExit(main())
