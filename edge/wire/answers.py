"""What answers hold, command by command: a reader's view, which ignores fields that it does not know."""

from __future__ import annotations

from typing import Any

import msgspec

from edge.contract.quality import Quality
from edge.contract.types import Decision, State, Verdict
from edge.errors import WireError
from edge.wire.messages import Count, ResultHeader
from edge.wire.queries import QUERY_ANSWERS


class ShadowAnswer(msgspec.Struct, frozen=True):
    """The shadow bundle, and since the boot: frames judged, disagreements among them, and frames it had no time for."""

    bundle: str
    bundle_name: str
    judged: Count
    disagreements: Count
    dropped: Count


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


class StateAnswer(msgspec.Struct, frozen=True):
    """Of `start` and `stop`."""

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


class DecideAnswer(msgspec.Struct, frozen=True):
    """The decision as it is on the disk."""

    inspection_id: str
    decision: Decision
    operator: str
    reason: str
    request_id: str
    decided_ns: int


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
    "decide": DecideAnswer,
    "replay": ReplayAnswer,
    **QUERY_ANSWERS,
}
"""By the command's name."""


def read_answer(result: dict[str, Any], kind: type[Any]) -> Any:
    """A reply's `result` as one of these. Raises WireError when it is none."""
    try:
        return msgspec.convert(result, kind)
    except msgspec.ValidationError as error:
        raise WireError(f"not a {kind.__name__}: {error}") from None
