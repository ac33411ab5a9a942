"""What a frame costs from memory to verdict, map, durable journal row and received message, and what it must cost.

    python -m benchmarks.frame_path [--bundle BUNDLE] [--grey] [--journal FOLDER]

The daemon's own line, record and publishing threads, one frame of 1280 x 960 at a time. Between any two, in the same
run, the bare parts: that frame resized, the model invoked on the result, and 16 KiB written and synced to the journal's
disk, which is what a commit waits for. So a machine that is busy slows both alike. The bar is the path with the journal
in memory, that is without the wait for the disk, against resize and invoke: at most 1.5, 99th percentile below twice
the median. With the journal on a disk the same is said with the bare synced write on the other side.

Then the same beside a thread that computes in Python, as looking back over the journal does: as the daemon shares
the interpreter out, and as Python does by itself.

Then a camera at 30 frames a second, calm, and with a disk that takes half a second for each commit and a subscriber
that reads nothing: capture must not notice. Prints a table and one JSON line; exit status 1 when the bar is missed.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import queue
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import zmq

from benchmarks.station import HEIGHT, WIDTH, frame
from edge.camera import Camera
from edge.camera.simulated import SimulatedCamera
from edge.camera.watched import WatchedCamera
from edge.contract.bundle import Bundle, read_bundle
from edge.contract.cam import dequantise, heatmap, ng_map
from edge.contract.preprocess import preprocess
from edge.contract.types import Frame, Inspection, Pixels, Verdict
from edge.daemon.daemon import SWITCH_S
from edge.daemon.deadline import TimedPipeline
from edge.daemon.inspector import Inspector
from edge.daemon.life import Life
from edge.daemon.quality import QualityWatch
from edge.daemon.recorder import Recorder
from edge.daemon.results import Results
from edge.daemon.trial import Trial
from edge.inference.engine import Engine
from edge.inference.judge import Judge
from edge.inspection.triggers import Triggers
from edge.journal.images import ImagePolicy, ImageRule
from edge.journal.journal import Journal
from edge.line import NoSignal
from edge.shipped import shipped_bundle
from edge.wire.messages import Topic
from edge.wire.publisher import Publisher

BAR, TAIL = 1.5, 2.0
WARM_UP = 50
COMMIT = os.urandom(16_384)
STALL_S = 0.5
RATE = 30.0
WAIT_MS = 30_000


class Shelf(Camera):
    """Gives a frame when it is put there, and notes when the line had it."""

    live: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__("shelf")
        self._frames: queue.SimpleQueue[Pixels | None] = queue.SimpleQueue()
        self.taken_s = 0.0

    def put(self, pixels: Pixels | None) -> None:
        """One more; None ends it."""
        self._frames.put(pixels)

    def _do_open(self) -> None:
        """There is nothing to open."""

    def _do_read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002
        pixels = self._frames.get()
        if pixels is None:
            return None
        found = Frame(pixels, self._count_frame(), time.time_ns(), time.monotonic_ns())
        self.taken_s = time.perf_counter()
        return found

    def _do_close(self) -> None:
        """There is nothing to close."""


class Moments:
    """When each step of the path was last done."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def after(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """`work`, which notes when it has ended."""

        def noted(*arguments: Any, **named: Any) -> Any:
            found = work(*arguments, **named)
            self.at[name] = time.perf_counter()
            return found

        return noted


def slowed(work: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    """`work`, so much later. A pause of no seconds would take 0.05 ms or more."""
    return lambda *arguments: (time.sleep(seconds), work(*arguments))[1]


@contextmanager
def running(
    folder: Path, bundle: Bundle, camera: Camera, moments: Moments, *, policy: ImagePolicy, commit_s: float = 0.0
) -> Iterator[tuple[zmq.Socket[bytes], Inspector]]:
    """The daemon's threads over `camera`, their journal in `folder`; a subscriber to `result`, and the line."""
    life, results = Life(), Results()
    with ExitStack() as stack:
        context = stack.enter_context(zmq.Context())
        journal = stack.enter_context(Journal.open(folder / "journal", station="bench"))
        publisher = stack.enter_context(Publisher(context, f"ipc://{folder}/r", station="bench", boot=journal.boot_id))
        subscriber = stack.enter_context(context.socket(zmq.SUB))
        subscriber.linger = 0
        subscriber.subscribe(Topic.RESULT.value)
        subscriber.connect(publisher.address)
        while Topic.RESULT not in publisher.newcomers():
            time.sleep(0.001)
        stack.enter_context(camera)
        pipeline = TimedPipeline(Judge(bundle), stack.enter_context(NoSignal()), journal.boot_id, 60.0)
        inspector = Inspector(camera, pipeline, Triggers(), life, results, free_run=True, timeout_s=2.0)
        recorder = Recorder(
            results, journal, publisher, bundle, life, QualityWatch(), Trial(bundle.digest, None), None,
            rule=ImageRule(policy), publish_images=policy is not ImagePolicy.NONE,
        )  # fmt: skip
        results.put = moments.after("judged", results.put)  # type: ignore[method-assign]
        record = moments.after("journaled", journal.record)
        journal.record = slowed(record, commit_s) if commit_s else record  # type: ignore[method-assign]
        publisher.result = moments.after("published", publisher.result)  # type: ignore[method-assign]
        line = threading.Thread(target=inspector.run, name="line")
        threads = [line, threading.Thread(target=lambda: recorder.run(line), name="record")]
        inspector.start()
        for thread in threads:
            thread.start()
        try:
            yield subscriber, inspector
        finally:
            life.ending.set()
            if isinstance(camera, Shelf):
                camera.put(None)
            for thread in threads:
                thread.join()


def path(folder: Path, bundle: Bundle, frames: Sequence[Pixels], count: int, policy: ImagePolicy) -> dict[str, Any]:
    """The path of `count` frames, one at a time, each beside its bare parts, in milliseconds."""
    bare = Bare(bundle, folder)
    taken: dict[str, list[float]] = {}
    shelf, moments = Shelf(), Moments()
    with running(folder, bundle, shelf, moments, policy=policy) as (subscriber, _):
        for number in range(-WARM_UP, count):
            if number == 0:
                began_cpu_s, bare.cpu_s = time.process_time(), 0.0
            pixels = frames[number % len(frames)]
            found = bare.measure(pixels) if number % 2 else {}  # whoever is second finds the frame in the cache
            moments.at.clear()
            shelf.put(pixels)
            if not subscriber.poll(WAIT_MS):
                raise SystemExit("no result came")
            subscriber.recv_multipart()
            ended, began = time.perf_counter(), shelf.taken_s
            found |= {} if number % 2 else bare.measure(pixels)
            found |= {name: at - began for name, at in moments.at.items()} | {"path": ended - began}
            for name, seconds in found.items() if number >= 0 else ():
                taken.setdefault(name, []).append(seconds * 1e3)
        cpu_ms = (time.process_time() - began_cpu_s - bare.cpu_s) * 1e3 / count
    return summary(taken) | {"cpu_ms": round(cpu_ms, 3)}


@contextmanager
def computing(switch_s: float) -> Iterator[None]:
    """A thread computes in Python, and others get a turn after `switch_s`."""
    ended, before_s = threading.Event(), sys.getswitchinterval()

    def compute() -> None:
        while not ended.is_set():
            sum(each * each for each in range(1000))

    thread = threading.Thread(target=compute, name="computing")
    sys.setswitchinterval(switch_s)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        sys.setswitchinterval(before_s)


def summary(taken: dict[str, list[float]]) -> dict[str, Any]:
    """Medians in milliseconds, and the ratios, frame by frame, to the bare parts."""
    paths = np.array(taken["path"])
    parts = np.array(taken["resize"]) + taken["invoke"]
    with_sync = parts + taken["sync"]
    tail = float(np.quantile(paths, 0.99))
    return {f"{name}_ms": round(statistics.median(values), 3) for name, values in taken.items()} | {
        "ratio": round(float(np.median(paths / parts)), 2),
        "ratio_with_sync": round(float(np.median(paths / with_sync)), 2),
        "ratio_quiet": round(float(np.quantile(paths, 0.1) / np.quantile(parts, 0.1)), 2),
        "p99_by_median": round(tail / float(np.median(paths)), 2),
        "bare_p99_by_median": round(float(np.quantile(parts, 0.99) / np.median(parts)), 2),
    }


class Bare:
    """The parts that no path can do without."""

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        self._bundle, self._engine = bundle, Engine(bundle.model)
        self._file = (folder / "bare").open("wb", buffering=0)
        self.cpu_s = 0.0
        """What all this has taken of a processor."""

    def measure(self, pixels: Pixels) -> dict[str, float]:
        """Seconds for each; `cam` is what a viewer pays to lay the map over the frame."""
        began_cpu_s = time.thread_time()
        spec, output, kinds = self._bundle.card.preprocess, self._bundle.card.output, self._bundle.card.kinds
        moments = [time.perf_counter()]
        cv2.resize(pixels, (spec.width, spec.height), interpolation=cv2.INTER_AREA)
        moments.append(time.perf_counter())
        image = preprocess(pixels, spec)
        moments.append(time.perf_counter())
        units = self._engine.invoke(image)
        moments.append(time.perf_counter())
        self._file.write(COMMIT)
        os.fdatasync(self._file.fileno())
        moments.append(time.perf_counter())
        logits = ng_map(dequantise(units, output.scale, output.zero_point), kinds)
        heatmap(logits, spec, *pixels.shape[:2])
        moments.append(time.perf_counter())
        self.cpu_s += time.thread_time() - began_cpu_s
        return dict(zip(("resize", "preprocess", "invoke", "sync", "cam"), np.diff(moments).tolist(), strict=True))


class Turning:
    """A scene of frames in memory; counts those that the camera took."""

    def __init__(self, frames: Sequence[Pixels]) -> None:
        self._frames = frames
        self.shown = 0

    def open(self) -> None:
        """There is nothing to open."""

    def next(self) -> tuple[str, Pixels]:
        """The next frame."""
        self.shown += 1
        return "", self._frames[self.shown % len(self._frames)]

    def close(self) -> None:
        """There is nothing to close."""


def capture(folder: Path, bundle: Bundle, frames: Sequence[Pixels], seconds: float, commit_s: float) -> dict[str, Any]:
    """A live camera while each commit takes `commit_s` longer; the subscriber reads nothing."""
    scene = Turning(frames)
    camera = WatchedCamera(SimulatedCamera("bench", scene, RATE))
    judged: list[Inspection] = []
    with running(folder, bundle, camera, Moments(), policy=ImagePolicy.NONE, commit_s=commit_s) as (_, inspector):
        hand_on = inspector._hand_on
        inspector._hand_on = lambda result: (judged.append(result), hand_on(result))[1]  # type: ignore[method-assign]
        time.sleep(1.0)
        judged.clear()
        before = scene.shown
        time.sleep(seconds)
        shown, good = scene.shown - before, [each for each in judged if each.judgement.verdict is not Verdict.FAULT]
    times = [each.frame.monotonic_ns / 1e6 for each in good if each.frame]
    gaps = np.diff(times)
    return {
        "captured_per_s": round(shown / seconds, 1), "judged_per_s": round(len(good) / seconds, 1),
        "gap_ms": round(float(np.median(gaps)), 1), "gap_p99_ms": round(float(np.quantile(gaps, 0.99)), 1),
    }  # fmt: skip


def main() -> int:
    """Prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=shipped_bundle())
    parser.add_argument("--grey", action="store_true", help="frames in grey; default: BGR, as most cameras give them")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each capture")
    parser.add_argument("--journal", type=Path, help="a folder on the disk to measure; default: the temporary folder's")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    cv2.setNumThreads(1)
    bundle = read_bundle(options.bundle)
    frames = [frame(number) for number in range(8)]
    if not options.grey:
        frames = [cv2.cvtColor(each, cv2.COLOR_GRAY2BGR) for each in frames]
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    outcome: dict[str, Any] = {"frame": [HEIGHT, WIDTH, 1 if options.grey else 3], "bundle": bundle.short}
    places = {"memory": Path("/dev/shm"), "disk": options.journal}
    for name, place in places.items():
        for policy in (ImagePolicy.NONE, ImagePolicy.ALL) if name == "disk" else (ImagePolicy.NONE,):
            with tempfile.TemporaryDirectory(dir=place) as folder:
                found = path(Path(folder), bundle, frames, options.frames, policy)
            key = name if policy is ImagePolicy.NONE else f"{name}_with_images"
            outcome[key] = found
            print(f"{key}: {found}", flush=True)
    rounds: dict[str, list[dict[str, Any]]] = {"beside_python": [], "beside_python_by_itself": []}
    for number in range(8):  # in turn, as the machine is now calm and now busy
        name, switch_s = ("beside_python_by_itself", usual_s) if number % 2 else ("beside_python", SWITCH_S)
        with tempfile.TemporaryDirectory(dir=places["memory"]) as folder, computing(switch_s):
            rounds[name].append(path(Path(folder), bundle, frames, options.frames // 10, ImagePolicy.NONE))
    for name, each in rounds.items():
        medians, tails = zip(*((one["path_ms"], one["path_ms"] * one["p99_by_median"]) for one in each), strict=True)
        outcome[name] = {"path_ms": round(statistics.median(medians), 2), "p99_ms": round(statistics.median(tails), 1)}
        print(f"{name}: {outcome[name]}, rounds {medians}", flush=True)
    for name, commit_s in (("calm", 0.0), ("stalled", STALL_S)):
        with tempfile.TemporaryDirectory(dir=options.journal) as folder:
            outcome[name] = capture(Path(folder), bundle, frames, options.seconds, commit_s)
        print(f"{name}: {outcome[name]}", flush=True)
    print(json.dumps(outcome))
    memory = outcome["memory"]
    return int(memory["ratio"] > BAR or memory["p99_by_median"] >= TAIL)


if __name__ == "__main__":
    raise SystemExit(main())
