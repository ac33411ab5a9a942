"""Messages as a station sends them, for tests of the page."""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.cam import Thresholds
from edge.contract.types import Decision, Signal, State, Verdict
from edge.wire.messages import (
    Counters,
    DecidedFact,
    ImageHeader,
    ImageMessage,
    MapShape,
    ResultHeader,
    ResultMessage,
    StateHeader,
    StateMessage,
)

BOOT, DIGEST = "3f9a01c2", "d" * 64
WALL_NS = 1_767_225_600_000_000_000
SECOND_NS = 1_000_000_000


def result(
    sequence: int,
    verdict: Verdict = Verdict.OK,
    *,
    part: str = "",
    age_s: float = 0.0,
    boot: str = BOOT,
    hot: tuple[int, int] | None = None,
) -> ResultMessage:
    """Of a map of 4 x 6 places, cold but for `hot`; captured `age_s` before WALL_NS."""
    fault = verdict is Verdict.FAULT
    units = np.full((4, 6, 1), -100, np.int8)
    if hot:
        units[*hot, 0] = 100
    score = {Verdict.OK: 0.1, Verdict.NG: 0.9, Verdict.REVIEW: 0.5}.get(verdict)
    captured = WALL_NS - round(age_s * SECOND_NS)
    header = ResultHeader(
        station="line-3", boot=boot, number=sequence, sequence=sequence, captured_ns=None if fault else captured,
        bundle=DIGEST, id=f"{boot}-{sequence}", part=part or f"A-{sequence}", frame_name="", triggered_ns=captured,
        verdict=verdict, score=score, signal=Signal.ACCEPT if verdict is Verdict.OK else Signal.REJECT,
        reason="no frame within 200 ms" if fault else "", timings_ms={},
        map=None if fault else MapShape(4, 6, 1, 0.1, 0), thresholds=None if fault else Thresholds(0.3, 0.7),
        image=None,
    )  # fmt: skip
    return ResultMessage(header, None if fault else units)


def image(sequence: int, height: int = 40, width: int = 60, boot: str = BOOT) -> ImageMessage:
    """The frame of `result(sequence)`."""
    data = cv2.imencode(".jpg", np.full((height, width), 90, np.uint8))[1].tobytes()
    header = ImageHeader(
        station="line-3", boot=boot, number=sequence, sequence=sequence, captured_ns=WALL_NS, bundle=DIGEST,
        id=f"{boot}-{sequence}", encoding="jpeg", height=height, width=width,
    )  # fmt: skip
    return ImageMessage(header, data)


def state(
    now: State = State.CONTINUOUS_EXECUTION,
    *,
    reason: str = "",
    boot: str = BOOT,
    ended: bool = False,
    faults: dict[str, str] | None = None,
    since_ns: dict[str, int] | None = None,
    counts: dict[Verdict, int] | None = None,
) -> StateMessage:
    """The station's state."""
    header = StateHeader(
        station="line-3", boot=boot, number=1, sequence=0, captured_ns=None, bundle=DIGEST, state=now, reason=reason,
        counters=Counters(sum((counts or {}).values()), counts or {}), ended=ended, faults=faults or {},
        since_ns=since_ns or {},
    )  # fmt: skip
    return StateMessage(header)


def fact(sequence: int, decision: Decision, operator: str, request_id: str = "id") -> DecidedFact:
    """What was decided on `result(sequence)`."""
    return DecidedFact(
        inspection_id=f"{BOOT}-{sequence}", decision=decision, operator=operator, reason="", request_id=request_id,
        decided_ns=1,
    )  # fmt: skip
