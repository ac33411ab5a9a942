"""What Live shows, message by message: above all, that nothing stale ever looks live."""

from __future__ import annotations

import pytest

from edge.contract.types import State, Verdict
from edge.station.live import IMAGE_WAIT_S, KEPT_IMAGES, PAST_S, SILENT_S, Condition, Freshness, Live, Notice
from tests.edge.station.messages import SECOND_NS, WALL_NS, image, result, state

T = 1000.0


def live(*messages) -> Live:
    """A page that got these all at once."""
    made = Live()
    for message in messages:
        made.put(message, T)
    return made


def test_before_anything_came_nothing_is_live() -> None:
    shown = Live().shown(T, WALL_NS)
    assert (shown.freshness, shown.part, shown.age_s) == (Freshness.LOST, None, None)
    assert shown.condition == Condition("condition.unheard")


def test_a_result_with_its_image_is_live() -> None:
    shown = live(state(), result(1), image(1)).shown(T, WALL_NS)
    assert shown.freshness is Freshness.LIVE
    assert shown.part.image.header.id == shown.part.result.header.id
    assert (shown.station, shown.condition.key, shown.troubled) == ("line-3", "state.continuous_execution", False)


def test_a_silent_station_is_lost_and_back_with_its_next_word() -> None:
    page = live(state(faults={"disk_full": "the disk is full"}), result(1), image(1))
    assert page.shown(T + SILENT_S, WALL_NS).freshness is Freshness.LIVE
    page.trouble = "a message of schema 2"
    lost = page.shown(T + SILENT_S + 0.1, WALL_NS)
    assert (lost.freshness, lost.troubled) == (Freshness.LOST, True)
    assert lost.notices == (Notice("connection", "a message of schema 2"),)
    assert (lost.condition.key, round(lost.condition.silent_s, 3)) == ("condition.silent", SILENT_S + 0.1)
    page.put(state(), T + 5)
    assert page.shown(T + 5, WALL_NS).freshness is Freshness.LIVE
    assert page.trouble == ""


def test_results_without_any_state_are_not_live() -> None:
    assert live(result(1), image(1)).shown(T, WALL_NS).freshness is Freshness.LOST


def test_an_old_part_is_past_though_the_station_lives() -> None:
    page = live(state(), result(1), image(1))
    page.put(state(), T + PAST_S + 1)
    shown = page.shown(T + PAST_S + 1, WALL_NS)
    assert (shown.freshness, shown.age_s) == (Freshness.PAST, PAST_S + 1)


def test_what_came_just_now_but_was_taken_long_ago_is_past() -> None:
    """As after a gap that the journal filled."""
    shown = live(state(), result(1, age_s=60)).shown(T + IMAGE_WAIT_S + 0.1, WALL_NS)
    assert (shown.freshness, shown.age_s) == (Freshness.PAST, 60)


def test_a_station_whose_clock_is_ahead_makes_nothing_younger() -> None:
    page = live(state(), result(1, age_s=-3600), image(1))
    assert page.shown(T + 2, WALL_NS + 2 * SECOND_NS).age_s == 2


@pytest.mark.parametrize("now", [State.HALTED, State.ERROR, State.PREOPERATIONAL, State.INITIALIZED])
def test_a_station_that_does_not_inspect_shows_its_last_part_as_past(now) -> None:
    page = live(state(), result(1), image(1), state(now, reason="the camera is gone"))
    shown = page.shown(T, WALL_NS)
    assert shown.freshness is Freshness.PAST
    assert shown.condition == Condition(f"state.{now}", "the camera is gone")
    assert shown.troubled is (now is State.ERROR)


def test_the_part_of_an_earlier_boot_is_past() -> None:
    page = live(state(), result(1), image(1), state(boot="77c0ffee"))
    assert page.shown(T, WALL_NS).freshness is Freshness.PAST


def test_an_ended_source_is_said() -> None:
    assert live(state(State.HALTED, ended=True)).shown(T, WALL_NS).condition.key == "condition.ended"


def test_a_result_waits_for_its_image_and_never_shows_anothers() -> None:
    page = live(state(), result(1), image(1), result(2, Verdict.NG))
    assert page.shown(T, WALL_NS).part.result.header.sequence == 1
    alone = page.shown(T + IMAGE_WAIT_S + 0.1, WALL_NS).part
    assert (alone.result.header.sequence, alone.image) == (2, None)
    page.put(image(2), T + 1)
    assert page.shown(T + 1, WALL_NS).part.image.header.sequence == 2


def test_a_fast_line_that_sends_no_images_is_followed() -> None:
    page = live(state(), result(1))
    for step in range(2, 20):
        page.put(result(step), T + step / 10)
    assert page.shown(T + 1.9, WALL_NS).part.result.header.sequence == 18


def test_a_fault_without_a_frame_is_shown_at_once() -> None:
    shown = live(state(), result(1), image(1), result(2, Verdict.FAULT)).shown(T, WALL_NS)
    assert (shown.part.result.header.verdict, shown.part.image, shown.freshness) == (
        Verdict.FAULT,
        None,
        Freshness.LIVE,
    )


def test_the_same_part_stays_the_same_object_so_that_it_is_drawn_once() -> None:
    page = live(state(), result(1), image(1))
    assert page.shown(T, WALL_NS).part is page.shown(T + 1, WALL_NS).part


def test_a_day_of_results_leaves_only_the_last_images() -> None:
    page = live(state())
    for sequence in range(1, 10_001):
        page.put(result(sequence), T)
        page.put(image(sequence), T)
    assert sum(page.image_of(f"3f9a01c2-{sequence}") is not None for sequence in range(1, 10_001)) == KEPT_IMAGES
