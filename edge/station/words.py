"""What the operator page says, in plain language: a verdict by word and shape, never by colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.types import Decision, State, Verdict


@dataclass(frozen=True)
class Look:
    """How a verdict looks: its word, what that means, and the path of its shape in a box of 100 x 100."""

    word: str
    meaning: str
    shape: str


_CIRCLE = "M50 4a46 46 0 1 0 .01 0Z"
_OCTAGON = "M31 4h38l27 27v38l-27 27H31L4 69V31Z"
LOOKS: dict[Verdict, Look] = {
    Verdict.OK: Look("OK", "Part accepted", f"{_CIRCLE}M24 52l18 18 34-36"),
    Verdict.NG: Look("NG", "Part rejected", f"{_OCTAGON}M34 34l32 32M66 34L34 66"),
    Verdict.REVIEW: Look(
        "REVIEW", "You decide", "M50 2L98 50 50 98 2 50ZM37 39a13 13 0 1 1 19 11c-5 3-6 5-6 10M50 73v1"
    ),
    Verdict.FAULT: Look("FAULT", "Could not be judged: rejected", "M50 5L97 92H3ZM50 36v26M50 77v1"),
}

STATES: dict[State, str] = {
    State.PREOPERATIONAL: "Starting",
    State.HALTED: "Halted: not inspecting",
    State.INITIALIZED: "Starting: not inspecting yet",
    State.READY: "Ready for the next part",
    State.SINGLE_EXECUTION: "Inspecting one part",
    State.CONTINUOUS_EXECUTION: "Inspecting",
    State.ERROR: "Error: cannot inspect",
}
INSPECTING = frozenset({State.READY, State.SINGLE_EXECUTION, State.CONTINUOUS_EXECUTION})
DECIDED: dict[Decision, str] = {Decision.ACCEPT: "accepted", Decision.REJECT: "rejected"}


def duration(seconds: float) -> str:
    """A length of time as one would say it, rounded down: "0.4 s", "12 s", "3 min", "2 h", "5 days"."""
    if seconds < 10:
        return f"{int(max(0.0, seconds) * 10) / 10:.1f} s"
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds // 86_400)} days"


def share(part: int, whole: int) -> str:
    """As a percentage; a dash where there is nothing to divide."""
    return f"{100 * part / whole:.1f} %" if whole else "–"
