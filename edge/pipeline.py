"""One inspection, from a frame to a result and a signal. No threads, no clock of its own, no disk."""

from __future__ import annotations

import logging
from typing import Protocol

from edge.contract.types import Frame, Inspection, Judgement, Signal, Verdict
from edge.errors import SignalError, TooLate
from edge.line import LineSignal

log = logging.getLogger(__name__)


class FrameJudge(Protocol):
    """Whatever can judge a frame."""

    def judge(self, frame: Frame) -> Judgement:
        """The verdict, the score and the map."""


class Pipeline:
    """Judges frames and tells the line. Belongs to one thread.

    Whatever goes wrong becomes a FAULT, and a FAULT is rejected: no failure turns into accept.
    """

    def __init__(self, judge: FrameJudge, signal: LineSignal, boot_id: str) -> None:
        self._judge = judge
        self._signal = signal
        self._boot_id = boot_id

    def use(self, judge: FrameJudge) -> None:
        """Judges with another one from the next frame on."""
        self._judge = judge

    def inspect(self, sequence: int, part: str, frame: Frame, triggered_ns: int) -> Inspection:
        """The one result of one trigger; the line has been told when this returns."""
        try:
            judgement = self._judge.judge(frame)
        except Exception as error:
            log.exception("frame %d could not be judged", frame.index)
            judgement = Judgement.fault(f"could not be judged: {type(error).__name__}: {error}")
        return self._conclude(sequence, part, frame, judgement, triggered_ns)

    def fault(self, sequence: int, part: str, reason: str, triggered_ns: int) -> Inspection:
        """The result of a trigger that no frame came for."""
        return self._conclude(sequence, part, None, Judgement.fault(reason), triggered_ns)

    def _conclude(
        self, sequence: int, part: str, frame: Frame | None, judgement: Judgement, triggered_ns: int
    ) -> Inspection:
        signal = judgement.signal
        try:
            self._signal.send(sequence, signal, judgement.verdict)
        except TooLate as error:
            signal = Signal.REJECT
            if judgement.verdict is not Verdict.FAULT:
                judgement = Judgement.fault(str(error))
        except SignalError as error:
            log.error("%s", error)
            signal = Signal.REJECT
            if judgement.verdict is Verdict.OK:
                judgement = Judgement.fault(f"the signal could not be driven: {error}")
        return Inspection(self._boot_id, sequence, part, frame, judgement, signal, triggered_ns)
