"""The line thread: trigger, frame, verdict, signal. It waits for no disk and no network."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from edge.camera import Camera
from edge.contract.bundle import Bundle
from edge.contract.events import ChangeoverEvent, Event, InterlockEvent, Occasion, ThresholdsEvent
from edge.contract.recipe import Recipe
from edge.contract.triggers import PassedOver, Untaken
from edge.contract.types import Frame, Inspection, Label, State
from edge.daemon.guard import Guard
from edge.daemon.interlock import Interlock
from edge.daemon.life import Life
from edge.daemon.orders import InFlightError, Orders
from edge.daemon.results import Results
from edge.errors import CameraError, JournalError
from edge.inspection.examiner import Examiner
from edge.inspection.part import PartFrames
from edge.inspection.pipeline import PartJudge, Pipeline
from edge.inspection.triggers import Trigger, Triggers
from edge.line.code import CodeReader
from edge.line.presence import Presence

log = logging.getLogger(__name__)
T = TypeVar("T")

IDLE_S = 0.1
RECORD_PATIENCE_S = 10.0
"""How long results may wait for the disk before the daemon gives up."""


class Inspector:
    """Turns every trigger into exactly one inspection, and hands it to the recorder's queue.

    In free run each frame is a trigger; otherwise they come by `trigger`, from any thread, and with `presence` from the
    frames too. Only the line thread calls `run`. When another bundle takes over, it goes into the queue too: what
    follows it there was judged with it. So do events.

    Nothing is inspected while the guard has a reason against it: before known frames were judged right (`check`).
    """

    name = "line"

    def __init__(
        self, camera: Camera, pipeline: Pipeline, triggers: Triggers, life: Life,
        results: Results,
        *, free_run: bool, timeout_s: float, presence: Presence | None = None, codes: CodeReader | None = None,
        guard: Guard | None = None, keep_frames: bool = False,
    ) -> None:  # fmt: skip
        self._camera, self._pipeline, self._triggers, self._life = camera, pipeline, triggers, life
        self._results, self._free_run, self._presence = results, free_run, presence
        self._frames = PartFrames(
            camera, timeout_s, presence,
            lambda frame: self.trigger(at_ns=frame.monotonic_ns), lambda: life.progress(self.name),
        )  # fmt: skip
        self._examiner = Examiner(self._frames, pipeline, triggers, codes, keep_frames=keep_frames)
        self.enabled = threading.Event()
        """Set: frames or triggers are inspected."""
        self._stopped = ""
        """Why, when it was last stopped."""
        self._guard = guard or Guard()
        self._orders = Orders()

    def run(self) -> None:
        """Until the daemon ends; then whoever still waits gets a FAULT. Raises CameraLost."""
        try:
            while not self._life.ending.is_set():
                self._life.progress(self.name)
                self._between_parts()
                trouble = self._camera.check()
                self._life.fault("camera", trouble)
                self._life.show_trouble(trouble or self.blocked, self._at_work)
                if not self._free_run:
                    self._serve_trigger()
                elif self.blocked:
                    self._life.ending.wait(IDLE_S)
                elif self.enabled.is_set():
                    self._serve_frame()
                else:
                    self.enabled.wait(IDLE_S)
        finally:
            self._end_triggers("the station is stopping")

    def abandon(self, inspection: Inspection) -> None:
        """The line thread hangs, and this is the result of what it hangs in; whoever still waits gets a FAULT too.

        Whoever watches it calls this.
        """
        self._hand_on(inspection)
        self._end_triggers(inspection.judgement.reason)

    def trigger(self, part: str = "", at_ns: int | None = None) -> Trigger | Untaken:
        """Takes a trigger of this moment, or of `at_ns` (CLOCK_MONOTONIC), or counts one that cannot be taken."""
        if self.enabled.is_set():
            taken = self._triggers.ask(part, at_ns)
        else:
            taken = self._triggers.pass_over(Untaken.MISSED, at_ns)
        if isinstance(taken, Untaken):
            log.warning("a trigger was not taken: %s", taken)
            ago_ns = 0 if at_ns is None else time.monotonic_ns() - at_ns
            self._life.pass_over(PassedOver(taken, part, time.time_ns() - ago_ns, self._triggers.newest))
        else:
            self._life.count_trigger()
        return taken

    def start(self) -> bool:
        """Begins to inspect; False when there is nothing left to inspect."""
        if self._life.condition().ended:
            return False
        self.enabled.set()
        self._show_work()
        return True

    def stop(self, reason: str, *, ended: bool | None = None) -> None:
        """Inspects no more until started again."""
        self._stopped = reason
        self.enabled.clear()
        self._life.enter(State.HALTED, reason, ended=ended)

    def use(self, judge: PartJudge, interlock: Interlock) -> InterlockEvent | None:
        """Judges with another bundle by the recipe it has, and judges its known frames. Of the line thread.

        None: it is the bundle in use, on another processor perhaps; that it judges right was proved.
        """
        same = judge.bundle.digest == self._pipeline.judge.bundle.digest
        self._pipeline.use(judge)
        self._hand_on(judge.bundle)
        if same:
            return None
        self._guard.use(interlock)
        return self.check("changeover")

    @property
    def blocked(self) -> str:
        """Why known frames or parts forbid to inspect, in plain words; empty where they do not."""
        return self._guard.reason

    @property
    def recipe(self) -> Recipe | None:
        """The one that parts are inspected by."""
        return self._pipeline.judge.recipe

    def order(self, work: Callable[[], T]) -> Future[T]:
        """Has the line thread do something between two parts; what comes of it is in the future."""
        return self._orders.give(work)

    def check(self, occasion: Occasion) -> InterlockEvent:
        """Judges the known frames; blocks the line where one is judged wrong. Of the line thread, or before it runs."""
        event = self._guard.check(self._pipeline.judge, occasion)
        self._show_guard()
        self._hand_on(event)
        return event

    def show_golden(self, label: Label) -> tuple[Inspection, InterlockEvent]:
        """Inspects the known part in front of the camera. Of the line thread. Raises InFlightError."""
        trigger = self._triggers.alone()
        if trigger is None:
            raise InFlightError
        self._life.count_trigger()
        found = self._examiner.after(trigger, label)
        event = self._guard.shown(self._pipeline.judge, label, found.judgement)
        self._show_guard()
        self._hand_on(found)
        self._hand_on(event)
        return found, event

    def change_over(self, judge: PartJudge, interlock: Interlock, configured: str) -> InterlockEvent:
        """Another recipe, once its known frames are judged right. Of the line thread.

        Where they are not, the recipe stays as it was and inspects nothing before `check`, or another changeover: the
        parts to come may be others already. Raises InFlightError.
        """
        if not self._free_run and self._triggers.waiting:
            raise InFlightError
        recipe, before = judge.recipe, self.recipe
        assert recipe is not None
        event = interlock.check(judge, "changeover")
        if not event.passed:
            self._guard.refuse(event)
            self._show_guard()
            self._hand_on(event)
            return event
        if not self._triggers.use(recipe):  # a part came meanwhile
            raise InFlightError
        self._hand_on(event)
        self._pipeline.use(judge)
        self._guard.use(interlock)
        self._guard.judged(event)
        self._hand_on(judge.bundle)
        self._hand_on(ChangeoverEvent(recipe.name, before.name if before else "", judge.bundle.digest, configured))
        self._show_guard()
        return event

    def use_thresholds(self, judge: PartJudge, interlock: Interlock, change: ThresholdsEvent) -> InterlockEvent:
        """The recipe in use with other thresholds, once its known frames are judged right. Of the line thread.

        Where they are not, all stays as it was.
        """
        event = interlock.check(judge, "thresholds")
        self._hand_on(event)
        if event.passed:
            self._pipeline.use(judge)
            self._guard.keep(interlock, event)
            self._hand_on(change)
            self._show_guard()
        return event

    def newest_frame(self) -> Frame | None:
        """What the camera sees, or saw last where frames are parts. Of the line thread, between two parts."""
        for_parts = self.enabled.is_set() and (self._presence or (self._free_run and not self.blocked))
        return self._frames.newest(fresh=self._camera.live and not for_parts and not self._triggers.waiting)

    @property
    def _at_work(self) -> State:
        return State.CONTINUOUS_EXECUTION if self._free_run else State.READY

    def _between_parts(self) -> None:
        self._orders.carry_out()
        if self._guard.due() and not self._triggers.waiting:
            self.check("schedule")

    def _show_guard(self) -> None:
        if self.enabled.is_set():
            self._show_work()

    def _show_work(self) -> None:
        if self.blocked:
            self._life.enter(State.ERROR, self.blocked)
        else:
            self._life.enter(self._at_work)

    def _serve_frame(self) -> None:
        inspection = self._examiner.next()
        if inspection is None:
            self.stop("the source has ended", ended=True)
            return
        self._life.count_trigger()
        self._hand_on(inspection)

    def _serve_trigger(self) -> None:
        if self._presence:
            self._look_for_part(self._presence)
        trigger = self._triggers.take(0 if self._presence else IDLE_S)
        if trigger is None:
            return
        if self.blocked:
            self._hand_on(self._examiner.fault(trigger, self.blocked))
            return
        self._life.enter(State.SINGLE_EXECUTION)
        self._hand_on(self._examiner.after(trigger))
        if self.enabled.is_set():
            self._show_work()
        else:
            self._life.enter(State.HALTED, self._stopped)

    def _look_for_part(self, presence: Presence) -> None:
        if not self.enabled.wait(IDLE_S):
            presence.forget()
            return
        try:
            if not self._frames.look():
                self.stop("the source has ended", ended=True)
        except CameraError as error:
            log.warning("no part can be seen: %s", error)
        self._life.fault("presence", presence.trouble)

    def _end_triggers(self, reason: str) -> None:
        self._triggers.close()
        while trigger := self._triggers.take(0):
            self._hand_on(self._examiner.fault(trigger, reason))

    def _hand_on(self, result: Inspection | Bundle | Event) -> None:
        try:
            self._results.put(result, timeout=RECORD_PATIENCE_S)
        except queue.Full:
            raise JournalError(
                f"as many results as may wait for the journal's disk, and that for {RECORD_PATIENCE_S:.0f} s; "
                "check the disk"
            ) from None
