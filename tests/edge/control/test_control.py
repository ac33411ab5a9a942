from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest

from edge.contract.cam import Classes
from edge.contract.card import Tensor
from edge.contract.statistics import Point
from edge.contract.types import Verdict
from edge.control.chart import CALM, Watch, p_limits
from edge.control.control import FIRST, GROUP, ProcessControl
from edge.control.drift import DRIFT, NO_DRIFT, reference, stability_index
from edge.control.memory import decode_memory, encode_memory
from edge.control.summary import describe

OUTPUT = Tensor((1, 4, 4, 1), "int8", 0.1, 0)
MS = 1_000_000


class Line:
    """A line that makes parts: scores of a beta distribution, NG from 0.9 on."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.control = ProcessControl(OUTPUT)
        self.now = 0

    def run(
        self, count: int, *, ng: float = 0.02, shift: float = 0.0, logit: int = -40, fault: bool = False
    ) -> list[Point]:
        points = []
        for _ in range(count):
            self.now += 250 * MS
            score = 0.95 if self.random.random() < ng else min(0.89, float(self.random.beta(2, 8)) + shift)
            units = self.random.integers(logit - 10, logit + 10, (4, 4, 1)).astype(np.int8)
            verdict = Verdict.FAULT if fault else Verdict.NG if score > 0.9 else Verdict.OK
            point = self.control.see(
                boot_id="00000000", triggered_ns=self.now, verdict=verdict, score=None if fault else score,
                map_units=None if fault else units, timings_ms={} if fault else {"invoke": 2.0, "pool": 0.5},
            )  # fmt: skip
            points += [point] if point else []
        return points


@pytest.fixture(scope="module")
def first_run() -> Line:
    made = Line()
    for point in made.run(FIRST):
        assert (point.ng_limits, point.score_drift, point.map_drift, point.alarms) == (None, None, None, {})
    return made


@pytest.fixture
def line(first_run) -> Line:
    """It has run long enough to know what is usual."""
    return deepcopy(first_run)


def test_several_maps_are_seen_as_the_one_of_ng_against_ok() -> None:
    """At each place the logit of either ng kind is 2 above that of the ok kind: ln 2 more for the two together."""
    classes = Classes(ok=("plain",), ng=("dent", "spot"))
    control = ProcessControl(Tensor((1, 4, 4, 3), "int8", 0.1, 0), classes=classes)
    units = np.broadcast_to(np.array([-10, 10, 10], np.int8), (4, 4, 3))
    control.see(
        boot_id="00000000", triggered_ns=1, verdict=Verdict.NG, score=0.9, map_units=units, timings_ms={},
    )  # fmt: skip
    assert control.memory.group.masses == [pytest.approx(1 / (1 + np.exp(-2 - np.log(2))))]


def test_the_limits_are_those_of_the_textbook() -> None:
    low, high = p_limits(0.2313, 50)  # Montgomery, example 7.1
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.4102)
    assert p_limits(0.01, 50)[0] == 0.0
    assert p_limits(0.99, 50)[1] == 1.0


def test_the_index_is_nothing_for_the_same_and_grows_with_the_distance() -> None:
    random = np.random.default_rng(0)
    known = reference(random.normal(0, 1, 5000).tolist())
    found = [stability_index(known, random.normal(mean, 1, 2000).tolist()) for mean in (0, 0.3, 1, 3)]
    assert found == sorted(found)
    assert found[0] < 0.02
    assert found[1] < DRIFT < found[2]


def test_the_index_is_what_one_reckons_by_hand() -> None:
    known = reference([0.0] * 50 + [1.0] * 49)
    assert (known.edges, known.counts) == ((0.0, 1.0), (50, 49, 0))
    found = stability_index(known, [0.0] * 24 + [1.0] * 75)
    before, now = np.array([50.5, 49.5, 0.5]) / 100.5, np.array([24.5, 75.5, 0.5]) / 100.5
    assert found == pytest.approx(float(((now - before) * np.log(now / before)).sum()))


@pytest.mark.parametrize("values", [[0.5] * 1000, [0.5], [0.0, 1.0] * 500], ids=["equal", "one", "two"])
def test_values_that_are_equal_are_no_trouble(values) -> None:
    known = reference(values)
    assert stability_index(known, values) == pytest.approx(0, abs=1e-9)
    assert np.isfinite(stability_index(known, [0.7] * 200))


def test_an_alarm_is_raised_at_once_and_over_after_calm_points_in_succession() -> None:
    watch, seen = Watch(), []
    points = [("", True), ("bad", False), ("", True), ("worse", False), ("", True), ("", True), ("bad", False)]
    for at_ns, (bad, good) in enumerate(points):
        watch.see(bad, good, at_ns)
        seen.append((watch.text, watch.since_ns if watch.text else None))
    assert seen == [("", None), ("bad", 1), ("bad", 1), ("worse", 1), ("worse", 1), ("", None), ("bad", 6)]
    assert CALM == 2


def test_a_steady_process_raises_no_alarm(line) -> None:
    points = line.run(12 * GROUP)
    assert [point.group for point in points] == list(range(FIRST // GROUP + 1, FIRST // GROUP + 13))
    assert max(point.score_drift for point in points) < DRIFT
    assert sum(bool(point.alarms) for point in points) <= 2, "three sigma, and two points until it is over"


def test_more_ng_than_usual_is_an_alarm_until_it_is_over(line) -> None:
    (point,) = line.run(GROUP, ng=0.15)
    assert point.ng_rate > point.ng_limits[1]
    assert "NG where" in point.alarms["ng_rate"]
    assert "ng_rate" in line.run(GROUP, ng=0.02)[0].alarms
    assert "ng_rate" not in line.run(GROUP, ng=0.02)[0].alarms


def test_scores_that_move_are_an_alarm_though_no_verdict_changes(line) -> None:
    (point,) = line.run(GROUP, shift=0.15)
    assert set(point.alarms) == {"score_drift"}
    assert point.map_drift < DRIFT < point.score_drift
    assert point.verdicts.get(Verdict.NG, 0) < 0.1 * GROUP


def test_maps_that_grow_brighter_are_an_alarm(line) -> None:
    (point,) = line.run(GROUP, logit=-30)
    assert set(point.alarms) == {"map_drift"}


def test_yield_and_times_are_counted(line) -> None:
    (point,) = line.run(GROUP, ng=0.0)
    assert (point.accepted, point.ng_rate, point.inspections) == (1.0, 0.0, GROUP)
    assert (point.cycle_ms.mean, point.cycle_ms.longest) == (250.0, 250.0)
    assert (point.judging_ms.median, point.judging_ms.p95) == (2.5, 2.5)
    assert point.ended_ns == line.now


def test_a_group_of_faults_says_nothing_of_the_parts(line) -> None:
    before = line.control.memory.normal
    (point,) = line.run(GROUP, fault=True)
    assert (point.accepted, point.ng_rate, point.ng_limits, point.score_drift, point.judging_ms) == (0.0,) + (None,) * 4
    assert point.verdicts == {Verdict.FAULT: GROUP}
    line.run(GROUP // 2 + 1, fault=True)
    (point,) = line.run(GROUP - GROUP // 2 - 1, ng=1.0)
    assert (point.ng_rate, point.ng_limits, point.alarms) == (1.0, None, {})
    assert line.control.memory.normal == before


def test_no_ng_among_the_first_does_not_make_the_first_one_an_alarm() -> None:
    line = Line()
    line.run(FIRST, ng=0.0)
    units = np.full((4, 4, 1), -40, np.int8)
    line.control.see(
        boot_id="00000000", triggered_ns=line.now, verdict=Verdict.NG, score=0.95, map_units=units, timings_ms={}
    )
    (point,) = line.run(GROUP - 1, ng=0.0)
    assert point.ng_rate == 1 / GROUP
    assert "ng_rate" not in point.alarms


def test_a_clock_that_was_set_back_gives_no_cycle(line) -> None:
    line.now = 0
    (point,) = line.run(GROUP)
    assert point.cycle_ms.longest == 250.0


@pytest.mark.parametrize("cut", [3, FIRST - 1, FIRST + GROUP + 7])
def test_it_goes_on_after_a_restart_as_if_there_was_none(cut: int) -> None:
    whole, parts = Line(1), Line(1)
    expected = whole.run(FIRST + 3 * GROUP)
    found = parts.run(cut)
    parts.control = ProcessControl(OUTPUT, decode_memory(encode_memory(parts.control.memory)))
    assert found + parts.run(FIRST + 3 * GROUP - cut) == expected
    assert parts.control.memory == whole.control.memory


@pytest.mark.parametrize("text", ["", "{", '{"groups": "many"}', '{"normal": 3}', "[" * 5000], ids=len)
def test_what_is_no_memory_is_learned_anew(text) -> None:
    assert decode_memory(text) is None


def test_it_is_told_in_lines(line) -> None:
    line.run(GROUP, ng=0.15)
    text = "\n".join(describe(line.control.memory))
    assert f"{FIRST + GROUP} inspections in {FIRST // GROUP + 1} groups" in text
    assert "ALARM ng_rate" in text
    assert "cycle ms: mean 250, median 250" in text
    assert "not known yet: 200 of 1000" in "\n".join(describe(_after(200)))
    assert "0 inspections" in describe(ProcessControl(OUTPUT).memory)[0]
    assert NO_DRIFT < DRIFT


def _after(count: int):
    line = Line()
    line.run(count)
    return line.control.memory
