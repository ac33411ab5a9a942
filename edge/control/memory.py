"""What process control remembers of one bundle, also over a restart."""

from __future__ import annotations

import msgspec

from edge.contract.statistics import Point
from edge.contract.typed import decode_json
from edge.contract.types import Verdict
from edge.control.chart import Watch
from edge.control.drift import Reference


class Group(msgspec.Struct):
    """A group of inspections that grows. Faults have no score and no mass."""

    verdicts: dict[Verdict, int] = {}
    scores: list[float] = []
    masses: list[float] = []
    """Mean over each map of P(NG) at its places."""
    cycles_ms: list[float] = []
    judging_ms: list[float] = []
    ended_ns: int = 0

    @property
    def count(self) -> int:
        """Inspections so far."""
        return sum(self.verdicts.values())


class Normal(msgspec.Struct, frozen=True):
    """What is usual with a bundle on a station: share of NG, scores and masses of its first judged inspections."""

    ng_rate: float
    scores: Reference
    masses: Reference


class Memory(msgspec.Struct):
    """Of one bundle. `first_` holds scores, masses and the NG among them until there are enough."""

    groups: int = 0
    verdicts: dict[Verdict, int] = {}
    """Of all inspections."""
    first_scores: list[float] = []
    first_masses: list[float] = []
    first_ng: int = 0
    normal: Normal | None = None
    group: Group = msgspec.field(default_factory=Group)
    watches: dict[str, Watch] = {}
    last_trigger: tuple[str, int] = ("", 0)
    """Boot id, and Unix time in nanoseconds."""
    point: Point | None = None
    """The last one."""


def encode_memory(memory: Memory) -> str:
    """JSON."""
    return msgspec.json.encode(memory).decode()


def decode_memory(text: str) -> Memory | None:
    """None when it is of another okng: then it is learned anew."""
    try:
        return decode_json(text, Memory)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
