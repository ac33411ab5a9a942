"""The line thread: trigger, frame, verdict, signal. It waits for no disk and no network."""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from edge.camera import Camera
from edge.contract.bundle import Bundle
from edge.contract.types import Frame, Inspection, State
from edge.errors import CameraError, JournalError
from edge.life import Life
from edge.line.code import CodeReader
from edge.line.presence import Presence
from edge.pipeline import Pipeline
from edge.triggers import Trigger, Triggers, Untaken

if TYPE_CHECKING:
    from edge.inference.judge import Judge

log = logging.getLogger(__name__)

IDLE_S = 0.1
RECORD_PATIENCE_S = 10.0
"""How long results may wait for the disk before the daemon gives up."""


class Inspector:
    """Turns every trigger into exactly one inspection, and hands it to the recorder's queue.

    In free run each frame is a trigger; otherwise they come by `trigger`, from any thread, and with `presence` from the
    frames too. Only the line thread calls `run`. When another bundle takes over, it goes into the queue too: what
    follows it there was judged with it.
    """

    name = "line"

    def __init__(
        self, camera: Camera, pipeline: Pipeline, triggers: Triggers, life: Life,
        results: queue.Queue[Inspection | Bundle],
        *, free_run: bool, timeout_s: float, presence: Presence | None = None, codes: CodeReader | None = None,
    ) -> None:  # fmt: skip
        self._camera, self._pipeline, self._triggers, self._life = camera, pipeline, triggers, life
        self._results, self._free_run, self._timeout_s = results, free_run, timeout_s
        self._presence, self._codes = presence, codes
        self._seen: Frame | None = None
        """With `presence`: the last frame."""
        self.enabled = threading.Event()
        """Set: frames or triggers are inspected."""
        self._stopped = ""
        """Why, when it was last stopped."""
        self._coming: Judge | None = None

    def run(self) -> None:
        """Until the daemon ends; then whoever still waits gets a FAULT. Raises CameraLost."""
        try:
            while not self._life.ending.is_set():
                self._life.progress(self.name)
                self._change_over()
                self._life.show_trouble(self._camera.check(), self._at_work)
                if not self._free_run:
                    self._serve_trigger()
                elif self.enabled.is_set():
                    self._serve_frame()
                else:
                    self.enabled.wait(IDLE_S)
        finally:
            self._triggers.close()
            while trigger := self._triggers.take(0):
                self._hand_on(self._fault(trigger, "the station is stopping"))

    def trigger(self, part: str = "", at_ns: int | None = None) -> Trigger | Untaken:
        """Takes a trigger of this moment, or of `at_ns` (CLOCK_MONOTONIC), or counts one that cannot be taken."""
        if self.enabled.is_set():
            taken = self._triggers.ask(part, at_ns)
        else:
            taken = self._triggers.pass_over(Untaken.MISSED, at_ns)
        if isinstance(taken, Untaken):
            log.warning("a trigger was not taken: %s", taken)
            self._life.count_untaken(taken)
        else:
            self._life.count_trigger()
        return taken

    def start(self) -> bool:
        """Begins to inspect; False when there is nothing left to inspect."""
        if self._life.condition().ended:
            return False
        self.enabled.set()
        self._life.enter(self._at_work)
        return True

    def stop(self, reason: str, *, ended: bool | None = None) -> None:
        """Inspects no more until started again."""
        self._stopped = reason
        self.enabled.clear()
        self._life.enter(State.HALTED, reason, ended=ended)

    def use(self, judge: Judge) -> None:
        """Judges with another bundle, between two frames; `changing` until it does."""
        self._coming = judge

    @property
    def changing(self) -> bool:
        """A bundle given to `use` is not yet the one that judges."""
        return self._coming is not None

    @property
    def _at_work(self) -> State:
        return State.CONTINUOUS_EXECUTION if self._free_run else State.READY

    def _change_over(self) -> None:
        if judge := self._coming:
            self._pipeline.use(judge)
            self._hand_on(judge.bundle)
            self._coming = None

    def _serve_frame(self) -> None:
        try:
            frame = self._camera.read(self._timeout_s)
        except CameraError as error:
            self._life.count_trigger()
            self._hand_on(self._fault(self._triggers.now(), str(error)))
            return
        if frame is None:
            self.stop("the source has ended", ended=True)
            return
        self._life.count_trigger()
        trigger = self._triggers.now(at_ns=frame.monotonic_ns)
        self._hand_on(self._inspect(trigger, frame, frame.captured_ns))

    def _serve_trigger(self) -> None:
        if self._presence:
            self._look_for_part(self._presence)
        trigger = self._triggers.take(0 if self._presence else IDLE_S)
        if trigger is None:
            return
        self._life.enter(State.SINGLE_EXECUTION)
        try:
            frame = self._frame_after(trigger)
        except CameraError as error:
            inspection = self._fault(trigger, str(error))
        else:
            inspection = (
                self._inspect(trigger, frame, trigger.wall_ns)
                if frame is not None
                else self._fault(trigger, "the source has ended")
            )
        self._hand_on(inspection)
        if self.enabled.is_set():
            self._life.enter(self._at_work)
        else:
            self._life.enter(State.HALTED, self._stopped)

    def _inspect(self, trigger: Trigger, frame: Frame, triggered_ns: int) -> Inspection:
        """The code is read once the line has its signal."""
        inspection = self._pipeline.inspect(trigger.sequence, trigger.part, frame, triggered_ns)
        if trigger.part or not self._codes:
            return inspection
        begin_s, part = time.perf_counter(), self._codes.read(frame.pixels)
        judgement = inspection.judgement
        timings_ms = {**judgement.timings_ms, "code": (time.perf_counter() - begin_s) * 1000}
        return replace(inspection, part=part, judgement=replace(judgement, timings_ms=timings_ms))

    def _look_for_part(self, presence: Presence) -> None:
        if not self.enabled.wait(IDLE_S):
            presence.forget()
            return
        try:
            if self._read(self._timeout_s) is None:
                self.stop("the source has ended", ended=True)
        except CameraError as error:
            log.warning("no part can be seen: %s", error)
        self._life.fault("presence", presence.trouble)

    def _read(self, timeout_s: float) -> Frame | None:
        """The next frame; one that shows a part that has come is a trigger."""
        self._seen = frame = self._camera.read(timeout_s)
        if frame is not None and self._presence and self._presence.arrived(frame):
            self.trigger(at_ns=frame.monotonic_ns)
        return frame

    def _frame_after(self, trigger: Trigger) -> Frame | None:
        """The first frame exposed after the trigger. Raises CameraError when none comes in time."""
        begin_s = max(time.monotonic(), trigger.from_ns / 1e9)
        end_s = min(begin_s + self._timeout_s, trigger.deadline_ns / 1e9)
        if time.monotonic() > end_s:
            raise CameraError("the deadline passed while the trigger waited for its frame")
        frame = self._seen if self._presence else None
        while frame is None or (self._camera.live and frame.monotonic_ns < trigger.from_ns):
            frame = self._read(max(0.0, end_s - time.monotonic()))
            if frame is None:
                return None
        if self._camera.live and frame.monotonic_ns > trigger.until_ns:
            late_ms = (frame.monotonic_ns - trigger.until_ns) / 1e6
            raise CameraError(f"the first frame was exposed {late_ms:.0f} ms after the part had moved on")
        return frame

    def _fault(self, trigger: Trigger, reason: str) -> Inspection:
        log.warning("inspection %d: FAULT: %s", trigger.sequence, reason)
        return self._pipeline.fault(trigger.sequence, trigger.part, reason, trigger.wall_ns)

    def _hand_on(self, result: Inspection | Bundle) -> None:
        try:
            self._results.put(result, timeout=RECORD_PATIENCE_S)
        except queue.Full:
            raise JournalError(
                f"{self._results.maxsize} results wait for the journal's disk since {RECORD_PATIENCE_S:.0f} s; "
                "check the disk"
            ) from None
