"""The same images under other light, focus and position: what changes is counted, and the frame is what changes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edge.contract.types import Verdict
from trainer.evaluate import Evaluation, Opinion
from trainer.robustness import VARIATIONS, robustness


def judged_by(evaluation: Evaluation, judge: Callable[[np.ndarray], Opinion | None]) -> Evaluation:
    return replace(evaluation, subject=replace(evaluation.subject, judge=judge))


def by_name(rows: list[dict]) -> dict[str, dict]:
    return {row["variation"]: row for row in rows}


def test_every_variation_has_a_row_and_the_first_is_as_judged(evaluation):
    rows = robustness(evaluation)
    assert [row["variation"] for row in rows] == ["none", *VARIATIONS]
    assert {row["images"] for row in rows} == {14}
    assert rows[0]["changed_verdicts"] == rows[0]["faults"] == 0
    assert (rows[0]["escape_rate"], rows[0]["false_reject_rate"]) == (1 / 6, 1 / 8)


def test_more_light_makes_a_judge_of_brightness_reject(evaluation):
    rows = by_name(robustness(evaluation))
    # Times 1.2, spots of 120 and 140 become 144 and 168: REVIEW instead of OK, and NG instead of REVIEW.
    assert rows["light +20 %"]["escape_rate"] == 0.0
    assert rows["light +20 %"]["false_reject_rate"] == 2 / 8
    assert rows["light +20 %"]["changed_verdicts"] == 3 / 14
    assert rows["light -20 %"]["false_reject_rate"] == 0.0
    assert rows["light -20 %"]["escape_rate"] > 1 / 6
    assert rows["shift by 2 %"]["changed_verdicts"] < rows["light -20 %"]["changed_verdicts"]


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 3)])
@pytest.mark.parametrize("name", VARIATIONS)
def test_a_variation_changes_the_frame_and_keeps_its_shape(name, shape):
    frame = np.random.default_rng(0).integers(20, 200, shape, np.uint8)
    before = frame.copy()
    changed = VARIATIONS[name](frame)
    assert (changed.shape, changed.dtype) == (frame.shape, frame.dtype)
    assert not np.array_equal(changed, before)
    np.testing.assert_array_equal(frame, before)
    np.testing.assert_array_equal(VARIATIONS[name](frame), changed), "the same each time"


def test_light_multiplies():
    frame = np.array([[0, 10, 100, 250]], np.uint8)
    np.testing.assert_array_equal(VARIATIONS["light +20 %"](frame), [[0, 12, 120, 255]])
    np.testing.assert_array_equal(VARIATIONS["light -20 %"](frame), [[0, 8, 80, 200]])


@pytest.mark.parametrize(("ok", "ng", "shares"), [(30, 30, (5, 5)), (30, 2, (8, 2)), (3, 30, (3, 7)), (4, 3, (4, 3))])
def test_so_many_images_are_drawn_both_labels_where_there_are_enough(part, judged, ok, ng, shares):
    asked = []
    evaluation = judged([part() for _ in range(ok)] + [part(80) for _ in range(ng)])
    rows = robustness(evaluation, lambda done, total: asked.append((done, total)), limit=10)
    count = sum(shares)
    assert rows[0]["images"] == count
    assert asked == [(done, count) for done in range(1, count + 1)]
    assert rows[0]["ap"] == 1.0
    assert robustness(evaluation, limit=10) == rows, "the same are drawn each time"


def test_the_draw_has_as_many_ng_as_ok(part, judged):
    seen = []
    evaluation = judged([part() for _ in range(30)] + [part(80) for _ in range(30)])
    robustness(judged_by(evaluation, lambda pixels: seen.append(pixels.max() > 130)), limit=10)
    assert (len(seen), sum(seen)) == (10 * len(VARIATIONS), 5 * len(VARIATIONS))


def test_what_cannot_be_judged_is_a_fault_and_no_escape(part, judged):
    evaluation = judged([part(), part(20), part(80)])
    assert evaluation.judged[1].opinion.verdict is Verdict.OK
    before = evaluation.subject.judge

    def judge(pixels: np.ndarray) -> Opinion | None:
        return None if pixels.max() < 125 else before(pixels)

    row = by_name(robustness(judged_by(evaluation, judge)))["light -20 %"]
    assert (row["faults"], row["escape_rate"], row["changed_verdicts"]) == (2, 0.0, 1.0)


def test_one_class_alone(part, judged):
    rows = by_name(robustness(judged([part(), part()])))
    assert (rows["JPEG, quality 60"]["auroc"], rows["JPEG, quality 60"]["escape_rate"]) == (0.5, 0.0)
