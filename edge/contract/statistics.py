"""What process control says of a group of inspections."""

from __future__ import annotations

import msgspec

from edge.contract.types import Verdict


class Spread(msgspec.Struct, frozen=True):
    """Of times in milliseconds: mean, median, the one that 95 % do not exceed, and the longest."""

    mean: float
    median: float
    p95: float
    longest: float


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One group of inspections in succession by one bundle; `group` counts them from 1. Shares are 0 to 1.

    What needs a judged inspection is None in a group of faults, and what needs the reference until there is one.
    """

    group: int
    inspections: int
    ended_ns: int
    """Unix time of its last trigger."""
    verdicts: dict[Verdict, int]
    accepted: float
    """Share of OK among all: the yield."""
    ng_rate: float | None
    """Share of NG among the judged."""
    ng_limits: tuple[float, float] | None
    score_drift: float | None
    """Population stability index of the scores against the reference."""
    map_drift: float | None
    """The same of the maps' mass."""
    cycle_ms: Spread | None
    """From trigger to trigger."""
    judging_ms: Spread | None
    """From frame to verdict."""
    alarms: dict[str, str]
    """By name, for people; those that are over are gone."""
    since_ns: dict[str, int] = {}
    """When each alarm was raised: Unix time of the last trigger of its group."""
