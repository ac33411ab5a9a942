"""The queue and the choices: each part is decided once, whatever is clicked twice and by whomever."""

from __future__ import annotations

import pytest

from edge.contract.types import Decision, Verdict
from edge.station.queue import FEW, LONGEST
from edge.station.review import HISTORY, Choice, Progress, Review
from edge.wire.messages import DecidedFact, DecisionHeader
from tests.edge.station.messages import BOOT, DIGEST, fact, image, result

ACCEPT, REJECT = Decision.ACCEPT, Decision.REJECT


def name(sequence: int) -> str:
    return f"{BOOT}-{sequence}"


def queue(*sequences: int) -> Review:
    made = Review()
    made.begin()
    for sequence in sequences:
        made.put(result(sequence, Verdict.REVIEW, age_s=-sequence))
    return made


def names(review: Review) -> list[int]:
    return [case.part.result.header.sequence for case in review.waiting]


def told(number: int, sequence: int, said: DecidedFact | None, undone: str = "", boot: str = BOOT) -> DecisionHeader:
    """What a station publishes."""
    return DecisionHeader(
        station="line-3", boot=boot, number=number, sequence=9, captured_ns=None, bundle=DIGEST,
        inspection=name(sequence), said=said, undone=undone, operator="ben", changed_ns=1,
    )  # fmt: skip


def on_record(review: Review, choice: Choice | None) -> None:
    assert choice is not None
    said = DecidedFact(
        inspection_id=choice.inspection, decision=choice.decision, operator=choice.operator, reason="",
        request_id=choice.request_id, decided_ns=1, code=choice.code,
    )  # fmt: skip
    review.done(choice, said)


def test_only_review_waits_oldest_first_and_each_once() -> None:
    review = queue(3, 2, 3)
    for verdict in (Verdict.OK, Verdict.NG, Verdict.FAULT):
        review.put(result(9, verdict))
    assert (names(review), review.total) == ([2, 3], 2)


def test_what_the_line_holds_comes_first() -> None:
    review = queue(2, 3, 4)
    review.held = {name(3): 50.0, name(4): 40.0}
    assert names(review) == [4, 3, 2]


def test_an_image_that_comes_later_is_attached() -> None:
    review = queue(2)
    review.attach(image(2))
    review.attach(image(3))
    assert [case.part.image.header.sequence for case in review.waiting] == [2]


def test_a_second_click_chooses_nothing() -> None:
    review = queue(2, 3)
    first = review.choose(name(2), ACCEPT, "ann", "id-1", code="dust")
    assert (first.decision, first.operator, first.code, first.progress) == (ACCEPT, "ann", "dust", Progress.SENDING)
    assert review.choose(name(2), ACCEPT, "ann", "id-2") is None
    assert review.choose(name(2), REJECT, "ben", "id-3") is None
    on_record(review, first)
    assert review.choose(name(2), REJECT, "ben", "id-4") is None, "ben's screen showed it undecided"
    assert (names(review), review.total) == ([3], 1)
    review.put(result(2, Verdict.REVIEW))
    assert names(review) == [3], "the same result, once more after a gap"


@pytest.mark.parametrize(("sequence", "code"), [(9, ""), (2, "scratch"), (2, "no such reason")])
def test_what_is_unknown_is_not_chosen(sequence, code) -> None:
    assert queue(2).choose(name(sequence), ACCEPT, "ann", "id", code=code) is None


def test_an_earlier_verdict_is_overridden_as_it_was_seen() -> None:
    review = queue(2)
    review.put(result(5, Verdict.OK))
    first = review.choose(name(5), REJECT, "ann", "id-1", code="dent")
    on_record(review, first)
    assert review.find(name(5)).said.operator == "ann"
    assert review.choose(name(5), ACCEPT, "ben", "id-2", seen="") is None
    second = review.choose(name(5), ACCEPT, "ben", "id-3", seen="id-1")
    assert second.replaces == "id-1"
    assert names(review) == [2]


def test_a_choice_is_taken_back_once_and_the_part_waits_again() -> None:
    review = queue(2)
    on_record(review, review.choose(name(2), ACCEPT, "ann", "id-1"))
    asked = review.undo("id-1", "ben", "undo-1")
    assert review.undo("id-1", "ben", "undo-2") is None
    assert review.choices[0].progress is Progress.UNDOING
    review.changed(told(1, 2, None, undone="id-1"))
    review.undone(asked, None)
    assert (names(review), review.total, review.choices[0].progress) == ([2], 1, Progress.UNDONE)


def test_only_what_stands_is_taken_back() -> None:
    review = queue(2)
    on_record(review, review.choose(name(2), ACCEPT, "ann", "id-1"))
    review.changed(told(1, 2, fact(2, REJECT, "ben", "elsewhere")))
    assert review.undo("id-1", "ann", "undo") is None
    assert [review.stands(each) for each in review.choices] == [True, False]


def test_a_refused_choice_says_why_and_the_part_waits_again() -> None:
    review = queue(2)
    review.refused(review.choose(name(2), ACCEPT, "ann", "id-1"), "not known")
    assert [(each.progress, each.why) for each in review.choices] == [(Progress.REFUSED, "not known")]
    assert (names(review), review.total) == ([2], 1)


def test_what_others_decide_is_shown_and_leaves_the_queue() -> None:
    review = queue(2, 3)
    review.changed(told(1, 2, fact(2, ACCEPT, "ben", "elsewhere")))
    assert [(each.operator, each.part, each.progress) for each in review.choices] == [("ben", "A-2", Progress.DONE)]
    assert names(review) == [3]
    review.changed(told(2, 2, None, undone="elsewhere"))
    assert (names(review), review.choices[0].progress, review.stale) == ([2, 3], Progress.UNDONE, False)


@pytest.mark.parametrize("header", [told(3, 2, None), told(2, 2, None, boot="00000000"), told(2, 99, None)])
def test_a_gap_or_an_unknown_part_has_the_journal_asked_again(header) -> None:
    review = queue(2, 3)
    review.changed(told(1, 3, fact(3, ACCEPT, "ben", "elsewhere")))
    assert not review.stale
    review.changed(header)
    assert review.stale


def test_what_comes_while_the_journal_is_asked_is_newer_than_its_answer() -> None:
    review = queue(1)
    review.begin()
    review.put(result(5, Verdict.REVIEW, age_s=-5))
    review.changed(told(1, 3, fact(3, ACCEPT, "ben", "elsewhere")))
    sending = review.choose(name(1), REJECT, "ann", "id-1")
    review.fill([result(each, Verdict.REVIEW, age_s=-each) for each in (1, 2, 3)], total=3, more=False)
    assert (names(review), review.total) == ([2, 5], 2)
    on_record(review, sending)
    assert names(review) == [2, 5]


@pytest.mark.parametrize("count", [LONGEST + 5, 3000])
def test_all_is_bounded_and_the_journal_is_asked_for_more(count) -> None:
    review = queue(*range(1, count + 1))
    assert (len(review.waiting), review.total) == (LONGEST, count)
    for case in review.waiting[: LONGEST - FEW]:
        on_record(review, review.choose(case.id, ACCEPT, "ann", case.id))
    assert not review.stale
    on_record(review, review.choose(review.waiting[0].id, ACCEPT, "ann", "last"))
    assert review.stale
    assert len(review.choices) == HISTORY
    assert len(review.recent(10_000)) <= 300
