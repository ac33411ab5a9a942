"""What the inspections of a span say together."""

from __future__ import annotations

import msgspec

from edge.contract.cam import Thresholds
from edge.contract.statistics import Spread
from edge.contract.types import Decision, Verdict

SCORE_BINS = 50
"""Of equal width, from 0 to 1."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Inspections in succession. Shares are 0 to 1; what needs a judged inspection is None in a group of faults."""

    ended_ns: int
    """Unix time of its last trigger."""
    inspections: int
    judged: int
    """All but the faults."""
    ng_rate: float | None
    """Share of NG among the judged."""
    ng_limits: tuple[float, float] | None
    """Between these it lies where nothing but chance is at work: three sigma around `Survey.usual`."""
    score_drift: float | None
    """Population stability index of the scores against the reference; None where there is none."""
    cycle_ms: Spread | None
    """From trigger to trigger."""
    judging_ms: Spread | None
    """From frame to verdict."""


class Tally(msgspec.Struct, frozen=True):
    """How often something was said; `name` is how it was said last, numbers may differ."""

    name: str
    count: int


class Overruled(msgspec.Struct, frozen=True):
    """Of the inspections with one verdict: how many operators decided, and how many of these against the verdict.

    Against OK is reject, against NG, REVIEW and FAULT accept. `low` to `high` holds the share that would be decided
    against it, with a confidence of at least 95 % (Clopper and Pearson 1934), if those that were decided had been drawn
    at random among the `inspections`. Nobody but the operators knows whether they were.
    """

    inspections: int
    decided: int
    against: int
    low: float
    high: float


class Supposed(msgspec.Struct, frozen=True):
    """What judged inspections would be by other thresholds: all, and those that operators decided, by the decision."""

    verdicts: dict[Verdict, int]
    decided: dict[Decision, dict[Verdict, int]]


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """Of the newest inspections of a span, known parts left out. `complete`: they are all that there are.

    `first_ns` and `last_ns` are their first and last trigger, None where there are none. `usual` is the share of NG
    that the groups' limits lie around: `learned` by process control from the first inspections of this bundle and
    recipe, else the span's own. `scores` counts by verdict, in SCORE_BINS bins. `thresholds` are the
    latest that applied.
    """

    inspections: int
    complete: bool
    first_ns: int | None
    last_ns: int | None
    verdicts: dict[Verdict, int]
    usual: float | None
    learned: bool
    groups: list[Group]
    """Oldest first."""
    reasons: list[Tally]
    """Why faults were faults, most frequent first."""
    kinds: list[Tally]
    """Of NG and REVIEW."""
    decision_reasons: list[Tally]
    scores: dict[Verdict, list[int]]
    thresholds: Thresholds | None
    bundles: int
    """By so many pairs of bundle and recipe were they judged; where more than one, figures mix them."""
    cycle_ms: Spread | None
    judging_ms: Spread | None
    overruled: dict[Verdict, Overruled]
    supposed: Supposed | None
    """By the thresholds that were asked for."""
