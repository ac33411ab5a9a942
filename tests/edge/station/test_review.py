"""The queue: each part is decided once, whatever is clicked twice."""

from __future__ import annotations

import pytest

from edge.contract.types import Decision, Verdict
from edge.station.review import HISTORY, LONGEST_QUEUE, Progress, Review
from tests.edge.station.messages import image, result

ACCEPT, REJECT = Decision.ACCEPT, Decision.REJECT


def queue(*sequences: int) -> Review:
    made = Review()
    for sequence in sequences:
        made.put(result(sequence, Verdict.REVIEW))
    return made


def names(review: Review) -> list[int]:
    return [part.result.header.sequence for part in review.waiting]


def test_only_review_waits_oldest_first_and_each_once() -> None:
    review = queue(2, 3, 2)
    for verdict in (Verdict.OK, Verdict.NG, Verdict.FAULT):
        review.put(result(9, verdict))
    assert names(review) == [2, 3]


def test_an_image_that_comes_later_is_attached() -> None:
    review = queue(2)
    review.attach(image(2))
    review.attach(image(3))
    assert [part.image.header.sequence for part in review.waiting] == [2]


def test_a_second_click_chooses_nothing() -> None:
    review = queue(2, 3)
    first = review.choose("3f9a01c2-2", ACCEPT, "ann", "id-1")
    assert (first.decision, first.operator, first.progress) == (ACCEPT, "ann", Progress.SENDING)
    assert review.choose("3f9a01c2-2", ACCEPT, "ann", "id-2") is None
    assert review.choose("3f9a01c2-2", REJECT, "ben", "id-3") is None
    assert names(review) == [3]
    review.put(result(2, Verdict.REVIEW))
    assert names(review) == [3], "the same result, once more after a gap"


def test_what_is_unknown_is_not_chosen() -> None:
    assert queue(2).choose("3f9a01c2-9", ACCEPT, "ann", "id") is None


def test_a_choice_can_be_turned_round_once_it_is_on_record() -> None:
    review = queue(2)
    first = review.choose("3f9a01c2-2", ACCEPT, "ann", "id-1")
    assert review.change("3f9a01c2-2", REJECT, "ben", "id-2") is None, "it is being sent"
    review.done(first)
    assert review.change("3f9a01c2-2", ACCEPT, "ben", "id-3") is None, "that is what counts already"
    second = review.change("3f9a01c2-2", REJECT, "ben", "id-4")
    assert review.change("3f9a01c2-2", REJECT, "ben", "id-5") is None, "a second click"
    review.done(second)
    assert [(each.decision, each.operator, each.progress) for each in review.choices] == [
        (REJECT, "ben", Progress.DONE)
    ]


def test_a_refused_choice_can_be_tried_again() -> None:
    review = queue(2)
    review.refused(review.choose("3f9a01c2-2", ACCEPT, "ann", "id-1"), "not known")
    assert [(each.progress, each.why) for each in review.choices] == [(Progress.REFUSED, "not known")]
    assert review.change("3f9a01c2-2", ACCEPT, "ann", "id-2").request_id == "id-2"


@pytest.mark.parametrize("count", [LONGEST_QUEUE + 5, 3000])
def test_queue_and_history_are_bounded(count) -> None:
    review = queue(*range(1, count + 1))
    assert (len(review.waiting), review.dropped) == (LONGEST_QUEUE, count - LONGEST_QUEUE)
    for part in review.waiting:
        review.done(review.choose(part.result.header.id, ACCEPT, "ann", part.result.header.id))
    assert len(review.choices) == HISTORY
    assert review.choices[0].inspection == f"3f9a01c2-{count}"
    assert review.change("3f9a01c2-1", REJECT, "ann", "id") is None
