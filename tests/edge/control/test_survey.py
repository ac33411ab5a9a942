from __future__ import annotations

import numpy as np
import pytest

from edge.contract.cam import Thresholds
from edge.contract.survey import Survey
from edge.contract.types import Decision, Verdict
from edge.control.control import GROUP
from edge.control.interval import exact_interval
from edge.control.survey import LEAST_GROUP, MOST_GROUPS, Seen, Surveyor

LIMITS = Thresholds(0.3, 0.7)


def seen(number: int, score: float | None, *, decision: str | None = None, reason: str = "", boot: str = "a") -> Seen:
    verdict = Verdict.FAULT if score is None else LIMITS.verdict(score)
    return Seen(boot, number * 250_000_000, verdict, score, None, reason, "bundle", 2.0, decision, None)


def survey(found: list[Seen], asked: Thresholds | None = None, step: int = 100) -> Survey:
    """Of inspections, oldest first."""
    surveyor, newest_first = Surveyor(), found[::-1]
    for start in range(0, len(found), step):
        surveyor.add(newest_first[start : start + step])
    return surveyor.survey(complete=True, thresholds=LIMITS, normal=None, asked=asked)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (3, 20, 0.0321, 0.3789),
        (1, 1000, 2.53e-5, 0.00556),
    ],
)
def test_the_interval_is_that_of_the_tables(count, total, low, high) -> None:
    assert exact_interval(count, total) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    drawn = np.random.default_rng(1).binomial(40, 0.07, 2000)
    held = [low <= 0.07 <= high for low, high in (exact_interval(count, 40) for count in range(41))]
    assert np.mean([held[count] for count in drawn]) >= 0.95


def test_nothing_says_nothing() -> None:
    nothing = survey([])
    assert (nothing.inspections, nothing.usual, nothing.groups, nothing.cycle_ms) == (0, None, [], None)
    assert (nothing.overruled[Verdict.OK].low, nothing.overruled[Verdict.OK].high) == (0.0, 1.0)
    only_faults = survey([seen(n, None, reason=f"no frame within {n} ms") for n in range(LEAST_GROUP)])
    assert (only_faults.groups[0].ng_rate, only_faults.usual) == (None, None)
    assert [(each.name, each.count) for each in only_faults.reasons] == [("no frame within 49 ms", LEAST_GROUP)]


def test_a_day_with_a_bad_hour_shows_in_its_group_alone() -> None:
    scores = np.random.default_rng(2).beta(2, 12, 6000)
    scores[3000:3100] = 0.95
    found = survey([seen(number, float(score)) for number, score in enumerate(scores)])
    assert len(found.groups) == 6000 // GROUP
    outside = [index for index, each in enumerate(found.groups) if each.ng_rate > each.ng_limits[1]]
    assert outside == [15]
    assert [index for index, each in enumerate(found.groups) if each.score_drift > 0.25] == [15]
    assert (found.cycle_ms.median, found.cycle_ms.longest) == (250.0, 250.0)
    assert found.groups[0].ended_ns < found.groups[-1].ended_ns == found.last_ns


def test_no_time_is_between_two_boots() -> None:
    found = survey([seen(1, 0.1), seen(2, 0.1), seen(9000, 0.1, boot="b"), seen(9001, 0.1, boot="b")])
    assert (found.cycle_ms.longest, found.inspections) == (250.0, 4)


def test_what_operators_said_against_the_verdict_is_bounded_by_how_many_they_looked_at() -> None:
    good = [seen(n, 0.1, decision="accept" if n < 30 else None) for n in range(400)]
    bad = [seen(400 + n, 0.9, decision="accept" if n < 2 else "reject") for n in range(20)]
    found = survey(good + bad, Thresholds(0.05, 0.95))
    escapes, false_rejects = found.overruled[Verdict.OK], found.overruled[Verdict.NG]
    assert (escapes.inspections, escapes.decided, escapes.against, escapes.low) == (400, 30, 0, 0.0)
    assert escapes.high == pytest.approx(0.1157, abs=1e-4)
    assert (false_rejects.decided, false_rejects.against) == (20, 2)
    assert found.supposed.verdicts == {Verdict.OK: 0, Verdict.NG: 0, Verdict.REVIEW: 420, Verdict.FAULT: 0}
    assert found.supposed.decided[Decision.REJECT][Verdict.REVIEW] == 18


@pytest.mark.parametrize(("count", "groups"), [(1, 1), (99, 1), (1999, 20), (2000, 10), (50_000, MOST_GROUPS)])
def test_groups_are_large_enough_to_say_something(count, groups) -> None:
    assert len(survey([seen(number, 0.1) for number in range(count)], step=5000).groups) == groups
