"""What answers hold, command by command: a reader's view, which ignores fields that it does not know."""

from __future__ import annotations

from typing import Any

import msgspec

from edge.contract.cam import Thresholds
from edge.contract.quality import Quality
from edge.contract.reasons import Reasons
from edge.contract.typed import convert
from edge.contract.types import State, Verdict
from edge.errors import WireError
from edge.wire.messages import Count, DecidedFact, ResultHeader
from edge.wire.present import PRESENT_ANSWERS
from edge.wire.queries import LOOK_BACK_ANSWERS


class ShadowAnswer(msgspec.Struct, frozen=True):
    """The shadow bundle, and since the boot: frames judged, disagreements among them, and frames it had no time for."""

    bundle: str
    bundle_name: str
    judged: Count
    disagreements: Count
    dropped: Count


class HeldAnswer(msgspec.Struct, frozen=True):
    """A part that the line holds until somebody decides, for `left_s` seconds at most."""

    inspection: str
    left_s: float


class StatusAnswer(msgspec.Struct, frozen=True):
    """How the station is; `triggers`, those not taken, and `results` since the boot, `uptime_s` too."""

    station: str
    boot: str
    okng: str
    bundle: str
    bundle_name: str
    recipe: str
    state: State
    reason: str
    ended: bool
    triggers: Count
    missed: Count
    overrun: Count
    results: dict[Verdict, Count]
    quality: Quality | None
    warnings: dict[str, str]
    faults: dict[str, str]
    shadow: ShadowAnswer | None
    uptime_s: float
    reasons: Reasons = Reasons()
    """What `code` of a decision may be."""
    thresholds: Thresholds | None = None
    """Those that apply now."""
    held: list[HeldAnswer] = []
    since_ns: dict[str, int] = {}
    """When each of the faults and warnings was raised, Unix."""


class StateAnswer(msgspec.Struct, frozen=True):
    """Of `start`, `stop`, `pause` and `resume`."""

    state: State


class TriggerAnswer(msgspec.Struct, frozen=True):
    """The id under which the result follows."""

    inspection: str


class LoadAnswer(msgspec.Struct, frozen=True):
    """Of `load` and `rollback`: the bundle that judges now, its digest, its name."""

    bundle: str
    bundle_name: str


class ChangeoverAnswer(msgspec.Struct, frozen=True):
    """The recipe that parts are inspected by now, and the bundle that judges them: its digest, its name."""

    recipe: str
    bundle: str
    bundle_name: str


class InterlockAnswer(msgspec.Struct, frozen=True):
    """Whether all known frames were judged right, how many there are, and which were not and how."""

    passed: bool
    frames: Count
    wrong: list[str]


class GoldenAnswer(msgspec.Struct, frozen=True):
    """The inspection of a known part, whether it was judged right, and if not how."""

    inspection: str
    passed: bool
    wrong: list[str]


class DecideAnswer(DecidedFact, frozen=True):
    """The decision as it is on the disk."""


class DecisionAnswer(DecidedFact, frozen=True, kw_only=True):
    """One decision of an inspection's history; `withdrawn_by` took it back, and is empty while nobody has."""

    withdrawn_by: str = ""
    withdrawn_ns: int | None = None


class UndoAnswer(msgspec.Struct, frozen=True):
    """What stands on the inspection now that a decision was taken back; None: nothing, a REVIEW part waits again."""

    inspection: str
    said: DecidedFact | None


class DecisionsAnswer(msgspec.Struct, frozen=True):
    """All that was decided on an inspection, oldest first; the last one that nobody took back counts."""

    inspection: str
    decisions: list[DecisionAnswer]


class ThresholdAnswer(msgspec.Struct, frozen=True):
    """The recipe and the thresholds that apply to it now."""

    recipe: str
    thresholds: Thresholds


class ProtectAnswer(msgspec.Struct, frozen=True):
    """Whether the inspection is protected now."""

    inspection: str
    protected: bool


class Replayed(msgspec.Struct, frozen=True):
    """One result once more. `map` has the bytes of the result's third frame, None where there are none or not asked."""

    header: ResultHeader
    map: bytes | None


class ReplayAnswer(msgspec.Struct, frozen=True):
    """Results in the order in which they were published. `more`: there are further ones after the last of them.

    `boots`: all of the journal from that of `after` on, oldest first.
    """

    results: list[Replayed]
    more: bool
    boots: list[str]


class WaitingAnswer(msgspec.Struct, frozen=True):
    """Parts that wait for a decision, oldest first. `more`: there are further ones after the last of them.

    `total`: how many wait in all.
    """

    results: list[Replayed]
    more: bool
    total: Count


ANSWERS: dict[str, type[msgspec.Struct]] = {
    "status": StatusAnswer,
    "start": StateAnswer,
    "stop": StateAnswer,
    "trigger": TriggerAnswer,
    "load": LoadAnswer,
    "rollback": LoadAnswer,
    "changeover": ChangeoverAnswer,
    "interlock": InterlockAnswer,
    "golden": GoldenAnswer,
    "pause": StateAnswer,
    "resume": StateAnswer,
    "threshold": ThresholdAnswer,
    "protect": ProtectAnswer,
    "decide": DecideAnswer,
    "undo": UndoAnswer,
    "waiting": WaitingAnswer,
    "decisions": DecisionsAnswer,
    "replay": ReplayAnswer,
    **LOOK_BACK_ANSWERS,
    **PRESENT_ANSWERS,
}
"""By the command's name."""


def read_answer(result: dict[str, Any], kind: type[Any]) -> Any:
    """A reply's `result` as one of these. Raises WireError when it is none."""
    try:
        return convert(result, kind)
    except msgspec.ValidationError as error:
        raise WireError(f"not a {kind.__name__}: {error}") from None
