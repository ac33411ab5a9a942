"""What the daemon's threads know in common: the station's state, its counts, and whether it is to end."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from dataclasses import dataclass

from edge.contract.events import Alarm, DriftEvent, FaultEvent
from edge.contract.quality import Quality
from edge.contract.triggers import PassedOver
from edge.contract.types import Inspection, State, Verdict
from edge.daemon.standing import Standing
from edge.journal.log import Noted
from edge.wire.messages import DecidedFact

log = logging.getLogger(__name__)


WORKING = (State.READY, State.SINGLE_EXECUTION, State.CONTINUOUS_EXECUTION)


@dataclass(frozen=True, slots=True)
class Condition:
    """How the station is at one moment."""

    state: State
    reason: str
    ended: bool
    """The source of frames has no more."""
    triggers: int
    untaken: dict[str, int]
    """Triggers that got no inspection, by why."""
    results: dict[Verdict, int]
    quality: Quality | None
    """Of the last images, None before there are enough."""
    warnings: dict[str, str]
    """What has drifted in the images, in words."""
    faults: dict[str, str]
    """What is wrong though the station goes on, by name, for people."""
    since_ns: dict[str, int]
    """When each fault and warning was raised, Unix in nanoseconds."""


@dataclass(frozen=True, slots=True)
class DecisionNews:
    """What stands on an inspection now, in the journal and to be published; `undone`: the decision taken back."""

    inspection: str
    said: DecidedFact | None
    operator: str
    changed_ns: int
    undone: str = ""


class Life:
    """Shared by all threads of the daemon; every method may be called from any of them."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._state, self._reason, self._ended = State.PREOPERATIONAL, "starting", False
        self._triggers, self._results = 0, Counter[Verdict]()
        self._untaken = Counter[str]()
        self._quality: Quality | None = None
        self._warnings, self._alarms = Standing(DriftEvent), Standing(DriftEvent)
        self._faults = Standing(FaultEvent)
        self._progress: dict[str, float] = {}
        self._error: BaseException | None = None
        self.stuck: set[str] = set()
        """Threads that will not end."""
        self.events: queue.SimpleQueue[Noted] = queue.SimpleQueue()
        """What happened, is in the journal, and is to be published."""
        self.alarms: queue.SimpleQueue[Alarm] = queue.SimpleQueue()
        """What was raised or is over, to be journaled and published."""
        self.decisions: queue.SimpleQueue[DecisionNews] = queue.SimpleQueue()
        """What operators decided, is in the journal, and is to be published."""
        self.passed: queue.SimpleQueue[PassedOver] = queue.SimpleQueue()
        """Triggers that were not taken, to be journaled."""
        self.ending = threading.Event()
        self.changed = threading.Event()
        """Set at each change of state, for whoever publishes it."""

    def enter(self, state: State, reason: str = "", *, ended: bool | None = None) -> None:
        """Goes into a state, and says why."""
        with self._guard:
            if (state, reason) != (self._state, self._reason):
                log.info("%s%s", state, f": {reason}" if reason else "", extra={"fields": {"state": state}})
            self._state, self._reason = state, reason
            self._ended = self._ended if ended is None else ended
        self.changed.set()

    def show_trouble(self, trouble: str, at_work: State) -> None:
        """A station that inspects is in error as long as there is `trouble`, then `at_work` again.

        One that was stopped stays as it is, and so does one that ends.
        """
        with self._guard:
            if self._error or self._state not in (*WORKING, State.ERROR):
                return
            state = State.ERROR if trouble else self._state if self._state in WORKING else at_work
            if (state, trouble) == (self._state, self._reason):
                return
            log.info("%s%s", state, f": {trouble}" if trouble else "", extra={"fields": {"state": state}})
            self._state, self._reason = state, trouble
        self.changed.set()

    def condition(self) -> Condition:
        """The state and the counts at this moment."""
        with self._guard:
            return Condition(
                self._state, self._reason, self._ended, self._triggers, dict(self._untaken), dict(self._results),
                self._quality, dict(self._warnings.texts), dict(self._faults.texts),
                self._faults.since_ns | self._warnings.since_ns,
            )  # fmt: skip

    @property
    def state(self) -> State:
        """The state at this moment."""
        return self._state

    def fault(self, name: str, text: str) -> None:
        """Something is wrong though the station goes on, and this is what; an empty text says that it is over."""
        with self._guard:
            if self._faults.texts.get(name, "") == text:
                return
            self._tell(self._faults.put(name, text))
        level, said = (logging.ERROR, text) if text else (logging.INFO, "over")
        log.log(level, "%s: %s", name, said, extra={"fields": {"fault": name}})
        self.changed.set()

    def count_trigger(self) -> None:
        """One more inspection was asked for."""
        with self._guard:
            self._triggers += 1

    def pass_over(self, trigger: PassedOver) -> None:
        """A trigger came that gets no inspection."""
        self.passed.put(trigger)
        with self._guard:
            self._untaken[trigger.why] += 1
        self.changed.set()

    def count_result(self, inspection: Inspection) -> None:
        """One more result is on the disk."""
        with self._guard:
            self._results[inspection.judgement.verdict] += 1

    def show_quality(self, quality: Quality | None, warnings: dict[str, str]) -> None:
        """What the images are like, and what of it has drifted."""
        with self._guard:
            self._quality = quality
            changed = self._show(self._warnings, warnings, {})
        if changed:
            self.changed.set()

    def show_alarms(self, alarms: dict[str, str], since_ns: dict[str, int]) -> None:
        """What process control finds out of the usual, by name, and since when."""
        with self._guard:
            self._show(self._alarms, alarms, since_ns)

    def _show(self, standing: Standing, texts: dict[str, str], since_ns: dict[str, int]) -> bool:
        """Whether any was raised or is over."""
        over = standing.texts.keys() - texts.keys()
        put = {name: standing.put(name, text, since_ns.get(name)) for name, text in texts.items()}
        put |= {name: standing.put(name, "") for name in over}
        for event in put.values():
            if event:
                log.log(logging.WARNING if event.raised else logging.INFO, "%s", event)
            self._tell(event)
        return any(put.values())

    def _tell(self, event: Alarm | None) -> None:
        if event:
            self.alarms.put(event)

    def fail(self, error: BaseException, stuck: str = "") -> None:
        """The daemon cannot go on; the first reason counts. `stuck` names a thread that will not end."""
        with self._guard:
            self.stuck |= {stuck} if stuck else set()
            self._error = self._error or error
        self.enter(State.ERROR, str(error))
        self.ending.set()

    @property
    def error(self) -> BaseException | None:
        """Why the daemon could not go on, None while it can."""
        with self._guard:
            return self._error

    def progress(self, thread: str) -> None:
        """A thread says that it is not stuck."""
        self._progress[thread] = time.monotonic()

    def silent_s(self, thread: str) -> float:
        """Seconds since this thread said so; without end, where it never did."""
        return time.monotonic() - self._progress.get(thread, -float("inf"))

    def slowest_s(self) -> float:
        """Seconds since the thread that has been silent for longest said so."""
        stamps = list(self._progress.values())
        return time.monotonic() - min(stamps) if stamps else 0.0
