"""Messages as a station sends them, for tests of the bridges."""

from __future__ import annotations

import json

from edge.wire.frames import decode_message
from edge.wire.messages import ResultMessage, StateMessage

SECOND = 1_000_000_000


def result(sequence: int, verdict: str = "ok", *, boot: str = "3f9a01c2", at_s: float = 0.0) -> ResultMessage:
    header = {
        "schema": 1, "station": "one", "boot": boot, "number": sequence, "sequence": sequence, "captured_ns": None,
        "bundle": "9d5e", "id": f"{boot}-{sequence}", "part": "", "frame_name": "", "triggered_ns": int(at_s * SECOND),
        "verdict": verdict, "score": 0.5, "signal": "reject", "reason": "", "map": None, "thresholds": None,
        "timings_ms": {} if verdict == "fault" else {"preprocess": 4.0, "invoke": 3.0}, "image": None,
    }  # fmt: skip
    message = decode_message([b"verdict", json.dumps(header).encode()])
    assert isinstance(message, ResultMessage)
    return message


def state(**fields: object) -> StateMessage:
    header = {
        "schema": 1, "station": "one", "boot": "3f9a01c2", "number": 1, "sequence": 0, "captured_ns": None,
        "bundle": "9d5e0c1b7a3f4e2d", "state": "ready", "reason": "", "ended": False,
        "counters": {"triggers": 7, "results": {"ok": 7}}, **fields,
    }  # fmt: skip
    message = decode_message([b"state", json.dumps(header).encode()])
    assert isinstance(message, StateMessage)
    return message
