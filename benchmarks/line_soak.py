"""A line of simulated parts with faults of every kind, through the real line thread, gate and camera watch.

It checks that accepted, rejected and missed parts are the triggers exactly, and that each PASS pulse at the gate had a
good verdict in time for the very part that was there. It measures how soon READY falls after a fault.

    python benchmarks/line_soak.py --parts 100000
"""

from __future__ import annotations

import argparse
import bisect
import logging
import queue
import random
import statistics
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import numpy as np

from edge.camera.simulated import FAULTS, Sensor, SimulatedCamera
from edge.camera.watched import Patience, WatchedCamera
from edge.contract.triggers import Untaken
from edge.contract.types import Frame, Inspection, Judgement, Signal, State, Verdict
from edge.daemon.inspector import Inspector
from edge.daemon.life import WORKING, Life
from edge.errors import SignalError
from edge.inspection.pipeline import Pipeline
from edge.inspection.triggers import Times, Trigger, Triggers
from edge.line import Gate, Health, Output, SimulatedOutputs, SimulatedTrigger, Timing

MS = 1_000_000
DELAY_MS = 60
WINDOW_MS = 40
GAP_S = 0.003
"""Between two parts, but in a burst."""
SETTLE_S = 30.0


class Noise:
    """A scene of small frames, no two alike."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def open(self) -> None:
        """There is nothing to open."""

    def next(self) -> tuple[str, np.ndarray]:
        """The next frame."""
        return "", self._rng.integers(20, 240, (16, 20), np.uint8)

    def close(self) -> None:
        """There is nothing to close."""


class Moody(Sensor):
    """Each so many frames another fault begins, and lasts for a few."""

    def __init__(self, dice: random.Random, every: int) -> None:
        super().__init__()
        self._dice, self._every = dice, every
        self._left = 0
        self.seen: Counter[str] = Counter()

    def next(self) -> str | None:
        """The fault of the frame that is due now."""
        if not self._left:
            self.fault = None
            if self._dice.randrange(self._every) == 0:
                self.fault = self._dice.choice(FAULTS)
                self._left = self._dice.randint(1, 5) if self.fault != "hang" else 1
                self.seen[self.fault] += 1
        else:
            self._left -= 1
        return self.fault

    def plugged(self) -> bool:
        """Whether the camera can be opened."""
        return self.fault != "unplug" or self.next() != "unplug"


class Judges:
    """OK, NG and REVIEW, and now and then an exception, or a verdict that comes too late."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.seen: Counter[str] = Counter()

    def judge(self, _frame: Frame) -> Judgement:
        """One of these."""
        luck = self._dice.random()
        if luck < 0.002:
            self.seen["raises"] += 1
            raise RuntimeError("out of memory")
        if luck < 0.004:
            self.seen["late"] += 1
            time.sleep(1.5 * DELAY_MS / 1000)
        return Judgement(self._dice.choice([Verdict.OK] * 6 + [Verdict.NG, Verdict.REVIEW]), 0.5, None)


class Wires(SimulatedOutputs):
    """Outputs of which a write fails now and then. `passes` are the times of PASS pulses."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self._dice = dice
        self.failed = 0
        self.passes: list[int] = []
        self.rejects = 0

    def _do_write(self, output: Output, level: bool) -> None:
        if self._dice.random() < 0.0005:
            self.failed += 1
            raise SignalError("a wire is loose")
        if level and output is Output.PASS:
            self.passes.append(time.monotonic_ns())
        self.rejects += level and output is Output.REJECT
        super()._do_write(output, level)


@dataclass
class Soak:
    """What came of it."""

    asked: int = 0
    untaken: Counter[str] = field(default_factory=Counter)
    taken: dict[int, int] = field(default_factory=dict)
    """Trigger times by sequence."""
    due: list[int] = field(default_factory=list)
    """When each part was at the gate, taken or not, in order."""
    found: dict[int, Inspection] = field(default_factory=dict)
    done: dict[int, int] = field(default_factory=dict)
    """When each result was there."""
    wrong: list[str] = field(default_factory=list)
    over_ns: list[int] = field(default_factory=list)
    """How long after the next part was due a PASS began, where it did: the machine held the thread up in between."""


def soak(parts: int, seed: int = 0) -> tuple[Soak, dict[str, object]]:
    """Runs so many parts past the line; gives the outcome, and what was injected."""
    dice = random.Random(seed)
    soaked, life, results = Soak(), Life(), queue.Queue[Inspection]()
    sensor, judges, wires = Moody(dice, 200), Judges(dice), Wires(dice)
    patience = Patience(timeout_s=0.05, reopenings=10**9, backoff_s=0.001, backoff_max_s=0.001)
    with ExitStack() as stack:
        camera = stack.enter_context(WatchedCamera(SimulatedCamera("sim", Noise(), 1000.0, sensor), patience))
        gate = stack.enter_context(Gate(wires, Timing(2 * MS, DELAY_MS * MS), lambda: health(life, camera)))
        triggers = Triggers(gate, Times(DELAY_MS * MS, 0, WINDOW_MS * MS))
        inspector = Inspector(camera, Pipeline(judges, gate, "50a50a50"), triggers, life, results,
                              free_run=False, timeout_s=0.05)  # fmt: skip
        source = stack.enter_context(SimulatedTrigger())
        answers: list[Trigger | Untaken] = []
        source.listen(
            lambda part, at_ns: (
                soaked.due.append(at_ns + DELAY_MS * MS),
                answers.append(inspector.trigger(part, at_ns)),
            )
        )
        stack.callback(sensor.awake.set)
        inspector.start()
        thread = threading.Thread(target=inspector.run)
        thread.start()
        stack.callback(thread.join)
        stack.callback(life.ending.set)
        while soaked.asked < parts:
            if dice.random() < 0.0005:
                inspector.stop("stopped") if inspector.enabled.is_set() else inspector.start()
            elif not inspector.enabled.is_set() and dice.random() < 0.1:
                inspector.start()
            burst = min(100, parts - soaked.asked) if dice.random() < 0.0003 else 1
            for _ in range(burst):
                source.pulse(f"P-{soaked.asked}")
                soaked.asked += 1
                _note(soaked, answers)
                time.sleep(GAP_S if burst == 1 else GAP_S / 10)
            _collect(soaked, results, behind=4)
        end_s = time.monotonic() + SETTLE_S
        while len(soaked.found) < len(soaked.taken) and time.monotonic() < end_s:
            _collect(soaked, results, behind=0)
        time.sleep(2 * DELAY_MS / 1000)
    _check(soaked, wires)
    injected = {"camera": dict(sensor.seen), "judge": dict(judges.seen), "writes that failed": wires.failed}
    return soaked, injected


def health(life: Life, camera: WatchedCamera) -> Health:
    """As a station has it."""
    trouble = bool(camera.check())
    return Health(life.state in WORKING and not trouble, life.state is State.ERROR or trouble, True)


def _note(soaked: Soak, answers: list[Trigger | Untaken]) -> None:
    for answer in answers:
        if isinstance(answer, Untaken):
            soaked.untaken[answer] += 1
        else:
            soaked.taken[answer.sequence] = answer.monotonic_ns
    answers.clear()


def _collect(soaked: Soak, results: queue.Queue[Inspection], behind: int) -> None:
    """Takes results until at most `behind` are missing, or a while has passed."""
    with suppress(queue.Empty):
        while len(soaked.found) < len(soaked.taken) - behind:
            found = results.get(timeout=1.0)
            if found.sequence in soaked.found:
                soaked.wrong.append(f"{found.sequence}: two results")
            soaked.found[found.sequence], soaked.done[found.sequence] = found, time.monotonic_ns()


def _check(soaked: Soak, wires: Wires) -> None:
    if soaked.found.keys() != soaked.taken.keys():
        soaked.wrong.append(f"{len(soaked.taken)} triggers were taken, {len(soaked.found)} have a result")
    by_due = {at_ns + DELAY_MS * MS: sequence for sequence, at_ns in soaked.taken.items()}
    for at_ns in wires.passes:
        place = bisect.bisect_right(soaked.due, at_ns) - 1
        found, before = (soaked.found.get(by_due.get(soaked.due[at], 0)) for at in (place, place - 1))
        if not _accepted(found) and _accepted(before):
            soaked.over_ns.append(at_ns - soaked.due[place])
        elif not _accepted(found):
            soaked.wrong.append(f"a PASS at {at_ns} for {found and (found.id, found.judgement.reason)}")
    soaked.wrong += [
        f"{each.id}: accepted by a frame older than its trigger"
        for each in soaked.found.values()
        if _accepted(each) and (each.frame is None or each.frame.monotonic_ns < soaked.taken[each.sequence])
    ]


def _accepted(found: Inspection | None) -> bool:
    return found is not None and found.judgement.verdict is Verdict.OK and found.signal is Signal.ACCEPT


def ready_falls(fault: str) -> float:
    """Milliseconds from a camera's fault being known to READY low."""
    life, sensor, outputs, known = Life(), Sensor(fault, after=10**9), SimulatedOutputs(), threading.Event()
    camera = Telling(
        SimulatedCamera("sim", Noise(), 100.0, sensor), Patience(timeout_s=0.05, reopenings=10**9, backoff_s=60.0)
    )
    with camera, Gate(outputs, Timing(), lambda: health(life, camera)):
        life.enter(State.READY)
        with outputs.changed:
            outputs.changed.wait_for(lambda: outputs.levels[Output.READY], SETTLE_S)
        camera.known = known
        sensor.after = 0
        known.wait(SETTLE_S)
        with outputs.changed:
            outputs.changed.wait_for(lambda: not outputs.levels[Output.READY], SETTLE_S)
        low_ns = next(at for at, output, level in reversed(outputs.changes) if output is Output.READY and not level)
        sensor.awake.set()
    return (low_ns - camera.known_ns) / MS


class Telling(WatchedCamera):
    """Notes when it first knew of a trouble."""

    known: threading.Event | None = None
    known_ns = 0

    def _tell(self, trouble: str) -> None:
        super()._tell(trouble)
        if self.known and not self.known.is_set():
            self.known_ns = time.monotonic_ns()
            self.known.set()


def main() -> int:
    """Prints the outcome; exit status 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=int, default=100_000)
    parser.add_argument("--trials", type=int, default=10, help="of READY, for each fault of the camera")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    begin_s = time.monotonic()
    soaked, injected = soak(options.parts)
    verdicts = Counter(each.judgement.verdict.value for each in soaked.found.values())
    signals = Counter(each.signal.value for each in soaked.found.values())
    missed = sum(soaked.untaken.values())
    print(f"{soaked.asked} triggers in {time.monotonic() - begin_s:.0f} s; injected: {injected}")
    print(f"results {dict(verdicts)}; not taken {dict(soaked.untaken)}")
    print(f"accept {signals['accept']} + reject {signals['reject']} + missed {missed} = {signals.total() + missed}")
    print(f"PASS with no good verdict in time for its part: {len(soaked.wrong)} {soaked.wrong[:5]}")
    over_ms = max(soaked.over_ns, default=0) / MS
    print(f"PASS begun after the next part was due: {len(soaked.over_ns)}, at most {over_ms:.2f} ms")
    falls = {fault: [ready_falls(fault) for _ in range(options.trials)] for fault in FAULTS}
    for fault, times in falls.items():
        print(f"READY low after {fault}: median {statistics.median(times):.1f} ms, at most {max(times):.1f} ms")
    exact = signals.total() + missed == soaked.asked
    return int(bool(soaked.wrong) or not exact or max(map(max, falls.values())) > 100)


if __name__ == "__main__":
    raise SystemExit(main())
