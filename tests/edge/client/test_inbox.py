"""Each result once and in order, whatever is lost, repeated or pruned: against a model of station and journal."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.client.inbox import Inbox
from edge.contract.types import Signal, State, Verdict
from edge.errors import WireError
from edge.wire.answers import ReplayAnswer, Replayed
from edge.wire.messages import (
    Counters,
    ImageHeader,
    ImageMessage,
    MapShape,
    ResultHeader,
    ResultMessage,
    StateHeader,
    StateMessage,
    Topic,
)

FIRST, SECOND = "aaaaaaaa", "0bbbbbbb"
RESULTS = (Topic.RESULT,)


def header(boot: str, sequence: int, map_shape: MapShape | None = None) -> ResultHeader:
    who = {"station": "one", "boot": boot, "number": sequence, "sequence": sequence, "captured_ns": None, "bundle": ""}
    return ResultHeader(
        **who, id=f"{boot}-{sequence}", part="", frame_name="", triggered_ns=1, verdict=Verdict.OK, score=0.1,
        signal=Signal.ACCEPT, reason="", timings_ms={}, map=map_shape, thresholds=None, image=None,
    )  # fmt: skip


def result(boot: str, sequence: int) -> ResultMessage:
    return ResultMessage(header(boot, sequence), None)


def state(boot: str, sequence: int) -> StateMessage:
    said = StateHeader(
        station="one", boot=boot, number=1, sequence=sequence, captured_ns=None, bundle="", state=State.READY,
        reason="", counters=Counters(), ended=False,
    )  # fmt: skip
    return StateMessage(said)


def answer(*results: tuple[str, int], more: bool = False, boots: Sequence[str] = (FIRST, SECOND)) -> ReplayAnswer:
    return ReplayAnswer([Replayed(header(*each), None) for each in results], more, [*boots])


def taken(inbox: Inbox) -> list[tuple[str, int]]:
    found = []
    while message := inbox.next():
        found.append((message.header.boot, message.header.sequence))
    return found


def test_a_gap_is_asked_for_before_anything_goes_on() -> None:
    inbox = Inbox(RESULTS)
    inbox.put(state(FIRST, 7))
    for sequence in (8, 9, 13):
        inbox.put(result(FIRST, sequence))
    assert taken(inbox) == [(FIRST, 8), (FIRST, 9)]
    assert inbox.gap.after == f"{FIRST}-9"
    inbox.fill(answer((FIRST, 10), (FIRST, 11), more=True))
    assert inbox.gap.after == f"{FIRST}-11"
    inbox.fill(answer((FIRST, 12), (FIRST, 13), (FIRST, 14)))
    assert inbox.gap is None
    for sequence in (14, 15):
        inbox.put(result(FIRST, sequence))
    assert taken(inbox) == [(FIRST, each) for each in range(10, 16)]
    assert inbox.lost == 0


def test_a_state_shows_a_gap_that_no_result_follows() -> None:
    inbox = Inbox((Topic.RESULT, Topic.STATE))
    inbox.put(state(FIRST, 0))
    inbox.put(state(FIRST, 2))
    assert taken(inbox) == [(FIRST, 0)]
    assert inbox.gap.after == f"{FIRST}-0"
    inbox.fill(answer((FIRST, 1), (FIRST, 2)))
    assert taken(inbox) == [(FIRST, 1), (FIRST, 2), (FIRST, 2)]
    inbox.put(result(FIRST, 2))
    assert taken(inbox) == []


def test_after_a_restart_the_last_of_the_old_boot_come_first() -> None:
    inbox = Inbox(RESULTS)
    inbox.put(result(FIRST, 3))
    inbox.put(state(SECOND, 0))
    assert inbox.gap.after == f"{FIRST}-3"
    inbox.fill(answer((FIRST, 4), (SECOND, 1)))
    inbox.put(result(FIRST, 4))
    inbox.put(state(FIRST, 9))
    inbox.put(result(SECOND, 1))
    inbox.put(result(SECOND, 2))
    assert taken(inbox) == [(FIRST, 3), (FIRST, 4), (SECOND, 1), (SECOND, 2)]
    assert inbox.lost == 0


def test_a_bookmark_is_gone_on_from() -> None:
    inbox = Inbox(RESULTS, after=f"{FIRST}-3")
    inbox.put(state(SECOND, 1))
    assert inbox.gap.after == f"{FIRST}-3"
    inbox.fill(answer((FIRST, 4), (SECOND, 1)))
    assert (taken(inbox), inbox.gap) == ([(FIRST, 4), (SECOND, 1)], None)
    for wrong in ("x", "3f9a01c2", "3f9a01c2-", "3f9a01c2-1\n", "-1"):
        with pytest.raises(WireError, match="not an inspection's id"):
            Inbox(RESULTS, after=wrong)


def test_what_the_journal_let_go_is_counted() -> None:
    inbox = Inbox(RESULTS)
    inbox.put(result(FIRST, 1))
    inbox.put(result(FIRST, 10))
    inbox.fill(answer((FIRST, 4), (FIRST, 6)))
    assert taken(inbox) == [(FIRST, each) for each in (1, 4, 6, 10)]
    assert (inbox.lost, inbox.gap) == (6, None)


def test_another_journal_is_read_from_the_beginning_of_this_boot() -> None:
    inbox = Inbox(RESULTS, after=f"{FIRST}-3")
    inbox.put(result(SECOND, 3))
    inbox.fill(None)
    assert inbox.gap.after == f"{SECOND}-0"
    inbox.fill(answer((SECOND, 1), (SECOND, 2), (SECOND, 3), boots=[SECOND]))
    assert (taken(inbox), inbox.lost) == ([(SECOND, 1), (SECOND, 2), (SECOND, 3)], 0)
    inbox.put(result(SECOND, 5))
    inbox.fill(None)
    assert (taken(inbox), inbox.lost) == ([(SECOND, 5)], 1)


def test_what_is_left_of_an_older_boot_is_dropped_also_where_that_had_no_results() -> None:
    third = "cccccccc"
    inbox = Inbox(RESULTS)
    inbox.put(result(FIRST, 1))
    inbox.put(state(SECOND, 0))
    inbox.fill(answer((third, 1), more=True, boots=[FIRST, SECOND, third]))
    assert inbox.gap is None
    inbox.put(state(SECOND, 0))
    inbox.put(result(third, 2))
    assert (taken(inbox), inbox.gap) == ([(FIRST, 1), (third, 1), (third, 2)], None)
    inbox.put(state("dddddddd", 3))
    inbox.fill(answer(boots=[third]))
    assert (inbox.gap, inbox.lost) == (None, 0)


def test_an_answer_that_leads_nowhere_is_an_error() -> None:
    inbox = Inbox(RESULTS)
    inbox.put(result(FIRST, 1))
    inbox.put(result(FIRST, 3))
    with pytest.raises(WireError, match="more results, and sends none"):
        inbox.fill(answer(more=True))
    with pytest.raises(WireError, match="aaaaaaaa is not among them"):
        inbox.fill(answer(boots=[SECOND]))
    with pytest.raises(WireError, match="map of 2 bytes where its header says 6"):
        inbox.fill(ReplayAnswer([Replayed(header(FIRST, 2, MapShape(2, 3, 1, 0.5, 0)), b"12")], False, [FIRST]))


def test_topics_that_were_not_chosen_are_not_delivered_and_images_are_not_followed() -> None:
    inbox = Inbox((Topic.IMAGE,))
    inbox.put(result(FIRST, 1))
    inbox.put(state(FIRST, 9))
    fields = {"station": "one", "boot": FIRST, "captured_ns": 1, "bundle": "", "id": "", "encoding": "jpeg"}
    inbox.put(ImageMessage(ImageHeader(**fields, number=1, sequence=12, height=1, width=1), b""))
    assert (taken(inbox), inbox.gap) == ([(FIRST, 12)], None)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.sets(st.integers(0, 5))), min_size=1, max_size=4),
    st.sets(st.integers(0, 30)),
    st.integers(1, 4),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_each_result_that_the_journal_has_comes_once_and_in_order(boots, pruned, page, bookmark, pick) -> None:
    """`boots`: of each the number of its results, and which of them never arrive; between them states may come."""
    names = [f"{(7 * number) % 16:08x}" for number in range(len(boots))]
    journal, sent = [], []
    for number, (count, dropped) in enumerate(boots):
        boot = names[number]
        sent.append((state(boot, 0), len(journal)))
        for sequence in range(1, count + 1):
            journal.append((boot, sequence))
            if sequence not in dropped:
                sent.append((result(boot, sequence), len(journal)))
            if pick.random() < 0.3:
                sent.append((state(boot, sequence), len(journal)))
        sent.append((state(boot, count), len(journal)))
    places = {each: place for place, each in enumerate(journal)}
    inbox, found = Inbox(RESULTS, after="00000000-0" if bookmark else ""), []
    for message, written in sent:
        written += pick.randrange(3)  # what is on the disk already though it was not sent yet
        inbox.put(message)
        found += taken(inbox)
        asked = 0
        while gap := inbox.gap:
            asked += 1
            assert asked < 100
            boot, _, sequence = gap.after.partition("-")
            last = [place for each, place in places.items() if each[0] == boot and each[1] <= int(sequence)]
            before = [place for each, place in places.items() if names.index(each[0]) < names.index(boot)]
            start = max([*last, *before], default=-1) + 1
            rest = [journal[at] for at in range(start, min(written, len(journal))) if at not in pruned]
            inbox.fill(answer(*rest[:page], more=len(rest) > page, boots=names[names.index(boot) :]))
            found += taken(inbox)
    kept = [each for place, each in enumerate(journal) if place not in pruned]
    assert found == sorted(set(found), key=places.__getitem__)
    assert set(kept) <= set(found)
    assert len(found) + inbox.lost <= len(journal)
    assert len(found) + inbox.lost == len(journal) or len(boots) > 1  # how long an earlier boot was, nobody says
