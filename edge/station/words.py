"""What the operator page says, in plain language: a verdict by word and shape, never by colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.contract.types import State, Verdict


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


class Words:
    """Texts by key, "decide.undo"; call it with a key and what goes into its braces."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def __call__(self, key: str, **values: object) -> str:
        """The text. Raises KeyError when there is none of that key, or a value is missing."""
        return self.texts[key].format_map(values)

    def count(self, key: str, count: int) -> str:
        """The text for one, or for many."""
        return self(f"{key}_one" if count == 1 else f"{key}_many", count=count)

    def duration(self, seconds: float) -> str:
        """See `duration`."""
        return duration(seconds)


ENGLISH = Words(
    {f"verdict.{verdict}": look.word for verdict, look in LOOKS.items()}
    | {
        "decide.wait_one": "1 part waits",
        "decide.wait_many": "{count} parts wait",
        "decide.wait_none": "No part waits for a decision",
        "decide.line_waits": "The line waits: {time}",
        "decide.all_done": "All decided",
        "decide.decided": "Decided",
        "decide.accept": "Accept",
        "decide.reject": "Reject",
        "decide.accept_bare": "Accept, no reason",
        "decide.reject_bare": "Reject, no reason",
        "decide.why_accept": "Accept: why?",
        "decide.why_reject": "Reject: why?",
        "decide.back": "Back",
        "decide.accepted": "accepted by {name}",
        "decide.rejected": "rejected by {name}",
        "decide.sending": "being sent …",
        "decide.refused": "NOT on record: {why}",
        "decide.undoing": "being taken back …",
        "decide.undone": "taken back",
        "decide.undo": "Undo",
        "decide.earlier": "Earlier parts",
        "decide.close": "Close",
        "decide.recent": "Earlier parts: touch one to decide otherwise",
        "decide.none_yet": "No part has come yet",
        "decide.by_okng": "as judged by the station",
        "decide.was": "judged {verdict}",
        "decide.to_queue": "To the queue",
        "decide.sign_in_first": "Say first who decides",
        "reason.dust": "Dust",
        "reason.reflection": "Reflection",
        "reason.within-tolerance": "Within tolerance",
        "reason.false-alarm": "False alarm",
        "reason.scratch": "Scratch",
        "reason.dent": "Dent",
        "reason.stain": "Stain",
        "reason.crack": "Crack",
        "reason.missing": "Missing",
        "reason.other": "Other",
    }
)
