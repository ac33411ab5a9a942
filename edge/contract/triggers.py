"""What becomes of triggers: each is judged, or is a FAULT, or was not taken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Untaken(StrEnum):
    """Why a trigger gets no inspection. Its part is rejected."""

    MISSED = "missed"
    """It came while the station did not inspect."""
    OVERRUN = "overrun"
    """It came while as many waited for their frame as may."""


class Outcome(StrEnum):
    """What became of a trigger."""

    JUDGED = "judged"
    FAULT = "fault"
    MISSED = "missed"
    OVERRUN = "overrun"


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A trigger that was not taken. `after` is the number of the last one that was, in the same boot; 0 for none."""

    why: Untaken
    part: str
    """Its id, where the trigger brought one."""
    triggered_ns: int
    """Unix time."""
    after: int
