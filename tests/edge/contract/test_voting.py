from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.cam import Thresholds
from edge.contract.recipe import NamedRegion
from edge.contract.types import Judgement, Verdict
from edge.contract.voting import decide

THRESHOLDS = Thresholds(0.3, 0.7)
LEFT, RIGHT = NamedRegion(name="left", width=0.5), NamedRegion(name="right", left=0.5, width=0.5)


def judged(score: float | None, region: NamedRegion | None = None) -> Judgement:
    if score is None:
        return Judgement(Verdict.FAULT, None, None, "blank", region=region)
    return Judgement(THRESHOLDS.verdict(score), score, None, "", {"invoke": 1.0}, region=region)


@pytest.mark.parametrize(
    ("scores", "ng", "verdict", "frame"),
    [
        ((0.1, 0.9, 0.2), 1, Verdict.NG, 1),
        ((0.1, 0.9, 0.2), 2, Verdict.OK, 2),
        ((0.8, 0.1, 0.9), 2, Verdict.NG, 0),
        ((0.8, 0.5, 0.9), 3, Verdict.REVIEW, 1),
        ((0.1, None, 0.2), 2, Verdict.FAULT, 1),
        ((0.9, None, 0.8), 2, Verdict.NG, 2),
        ((0.9, None, 0.1), 2, Verdict.FAULT, 1),
        ((None, None, None), 1, Verdict.FAULT, 0),
    ],
)
def test_a_part_is_as_its_nth_worst_frame(scores, ng, verdict, frame) -> None:
    found = decide([[judged(score)] for score in scores], ng)
    assert (found.verdict, found.score, found.frame) == (verdict, scores[frame], frame)
    assert [(look.frame, look.score) for look in found.looks] == list(enumerate(scores))
    assert found.reason == (f"frame {frame + 1} of 3: blank" if verdict is Verdict.FAULT else "")


def test_a_frame_is_as_its_worst_region_and_one_that_cannot_be_judged_is_worse_than_all() -> None:
    found = decide([[judged(0.2, LEFT), judged(0.9, RIGHT)]], 1)
    assert (found.verdict, found.region, found.timings_ms) == (Verdict.NG, RIGHT, {"invoke": 2.0})
    assert [(look.region, look.verdict) for look in found.looks] == [("left", Verdict.OK), ("right", Verdict.NG)]
    assert decide([[judged(0.9, LEFT), judged(None, RIGHT)]], 1).verdict is Verdict.FAULT


def test_one_look_alone_is_what_it_was() -> None:
    one = judged(0.5, LEFT)
    assert decide([[one]], 1) == one


score = st.none() | st.floats(0, 1)
parts = st.integers(1, 3).flatmap(lambda k: st.lists(st.lists(score, min_size=k, max_size=k), min_size=1, max_size=5))


@given(parts, st.data())
def test_ok_only_where_all_was_judged_and_fewer_than_n_frames_are_not_ok(parts, data) -> None:
    ng = data.draw(st.integers(1, len(parts)))
    frames = [[judged(each) for each in regions] for regions in parts]
    worst = [max(regions, key=lambda each: 2.0 if each.score is None else each.score).verdict for regions in frames]
    found = decide(frames, ng).verdict
    assert (found is Verdict.NG) == (worst.count(Verdict.NG) >= ng)
    if found is Verdict.OK:
        assert Verdict.FAULT not in worst
        assert sum(each is not Verdict.OK for each in worst) < ng
