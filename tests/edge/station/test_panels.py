"""What the page says as HTML, and the picture it draws."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from edge.contract.preprocess import Region
from edge.contract.types import Decision, State, Verdict
from edge.station import decide_panels, frame_panels, panels
from edge.station.live import Live, Part
from edge.station.looks import SHAPES, shape
from edge.station.pictures import LONGEST_PX, draw, heat_of, outline
from edge.station.review import Review
from edge.station.words import languages
from edge.wire.allowed import Role
from tests.edge.station.messages import WALL_NS, fact, image, result, state

SAY = languages()["en"]
T, BAD = 1000.0, '<script>alert("x")</script>'


def shown(*messages, later: float = 0.0):
    page = Live()
    for message in messages:
        page.put(message, T)
    return page.shown(T + later, WALL_NS)


def test_each_verdict_has_its_own_word_and_shape() -> None:
    assert {*SHAPES} == {*Verdict}
    assert len({*SHAPES.values()}) == len({SAY(f"verdict.{each}") for each in Verdict}) == 4


@pytest.mark.parametrize("verdict", Verdict)
def test_a_live_verdict_is_told_by_word_shape_and_class(verdict) -> None:
    html = panels.verdict(SAY, shown(state(), result(1, verdict), image(1)))
    assert f'class="verdict {verdict} live"' in html
    assert shape(verdict) in html
    assert f"<b>{SAY(f'verdict.{verdict}')}</b>" in html


def test_a_lost_station_shows_no_verdict_as_if_it_held() -> None:
    html = panels.verdict(SAY, shown(state(), result(1), image(1), later=10))
    assert "<b>NOT LIVE</b>" in html
    assert "Last verdict: OK" in html
    assert SHAPES[Verdict.OK] not in html
    assert 'class="verdict ok' not in html
    assert "NOT LIVE" in panels.age(SAY, shown(state(), result(1), image(1), later=10))


def test_an_old_part_says_how_old_it_is() -> None:
    page = Live()
    page.put(result(1, age_s=200), T)
    page.put(state(), T)
    html = panels.verdict(SAY, page.shown(T + 1, WALL_NS))
    assert 'class="verdict ok past"' in html
    assert "Last part, 3 min ago" in html


def test_score_and_thresholds_are_drawn_to_scale() -> None:
    html = panels.part(SAY, result(1, Verdict.NG).header)
    assert 'class="ng" style="left:70.00%;width:30.00%"' in html
    assert '<u style="left:90.00%"></u>' in html
    assert "OK below 0.300 · NG from 0.700" in html


def test_a_fault_says_why() -> None:
    html = panels.part(SAY, result(1, Verdict.FAULT).header)
    assert "no frame within 200 ms" in html
    assert "scale" not in html


def test_what_is_wrong_says_since_when() -> None:
    html = panels.notices(SAY, shown(state(faults={"camera": "it hangs"}, since_ns={"camera": WALL_NS})))
    assert "The camera gives no good picture" in html
    assert re.search(r"since 20\d\d-\d\d-\d\d \d\d:00:00.*it hangs", html)


def test_nothing_that_comes_from_outside_becomes_html() -> None:
    live = shown(state(State.ERROR, reason=BAD, faults={"x": BAD}), result(1, part=BAD))
    review = Review()
    review.put(result(1, Verdict.REVIEW, part=BAD))
    (case,) = review.waiting
    review.refused(review.choose(case.id, Decision.ACCEPT, BAD, "id"), BAD)
    wrong = replace(case, said=fact(1, Decision.ACCEPT, BAD))
    pages = [
        panels.condition(SAY, live), panels.notices(SAY, live), panels.part(SAY, result(1, part=BAD).header),
        decide_panels.choices(SAY, [(each, True) for each in review.choices], may=True),
        decide_panels.recent(SAY, [wrong], ""), decide_panels.codes(SAY, Decision.ACCEPT, (BAD, BAD), [BAD]),
        decide_panels.banner(SAY, wrong, 1, earlier=True, now=0.0),
        frame_panels.who(SAY, BAD, Role.OPERATOR), frame_panels.names(SAY, [BAD]),
        draw(Part(result(1, part=BAD), image(1)), lambda _: Region(), SAY),
    ]  # fmt: skip
    assert all("&lt;script&gt;" in html and "<script" not in html for html in pages)


def controls(*, may: bool = True, able: bool = True, asking: Decision | None = None) -> str:
    return decide_panels.controls(SAY, ("3f9a01c2-1", "id"), may=may, able=able, asking=asking, earlier=False)


def test_nothing_can_be_decided_while_the_station_is_away_or_by_nobody() -> None:
    assert (controls().count("disabled"), controls(able=False).count("disabled")) == (0, 2)
    asked = [controls(asking=Decision.REJECT, able=able).count("disabled") for able in (True, False)]
    assert asked == [0, 1]
    assert "data-decision" not in controls(may=False)


def test_a_button_says_what_it_is_about_as_it_was_drawn() -> None:
    assert 'data-decision="reject" data-case="3f9a01c2-1" data-seen="id" data-code=""' in controls()
    html = decide_panels.codes(SAY, Decision.REJECT, ("3f9a01c2-1", ""), ["dent", "loose-thread"])
    assert 'data-decision="reject" data-case="3f9a01c2-1" data-seen="" data-code="loose-thread"' in html
    assert "<span>Loose thread</span>" in html
    assert 'data-key="2"' in html


def test_what_the_line_waits_for_says_for_how_long() -> None:
    review = Review()
    review.put(result(1, Verdict.REVIEW))
    review.held = {"3f9a01c2-1": 42.5}
    (case,) = review.waiting
    html = decide_panels.banner(SAY, case, 3, earlier=False, now=30.0)
    assert "The line waits: 12 s" in html
    assert "3 parts wait" in html


def test_the_map_is_laid_over_the_region_that_it_covers() -> None:
    svg = draw(Part(result(1, Verdict.NG, hot=(1, 2)), image(1, 400, 600)), lambda _: Region(0.5, 0.25, 0.5, 0.5), SAY)
    root = ET.fromstring(svg)
    assert root.get("viewBox") == "0 0 600 400"
    group = root.find("g")
    assert group.get("transform") == "translate(300 100)"
    assert (group.find("image").get("width"), group.find("image").get("height")) == ("300", "200")


def test_the_outline_is_around_the_hottest_place() -> None:
    heat = heat_of(result(1, Verdict.NG, hot=(1, 2)))
    assert np.unravel_index(heat.argmax(), heat.shape) == (1, 2)
    points = np.array(re.findall(r"(-?\d+) (-?\d+)", outline(heat, 600, 400)), int)
    np.testing.assert_allclose((points.min(axis=0) + points.max(axis=0)) / 2, [250, 150], atol=4)
    assert (np.ptp(points, axis=0) < [140, 140]).all()


@pytest.mark.parametrize(("verdict", "outlined"), [(Verdict.OK, False), (Verdict.NG, True), (Verdict.REVIEW, True)])
def test_only_what_may_be_ng_is_outlined(verdict, outlined) -> None:
    assert ("counted" in draw(Part(result(1, verdict), image(1)), lambda _: Region(), SAY)) is outlined


def test_without_a_frame_the_map_is_shown_alone_and_says_so() -> None:
    html = draw(Part(result(1, Verdict.NG, hot=(0, 0)), None), lambda _: None, SAY)
    assert "Map alone" in html
    assert 'class="cam"' in html


def test_a_map_whose_region_is_not_known_is_not_laid_anywhere() -> None:
    html = draw(Part(result(1, Verdict.NG), image(1)), lambda _: None, SAY)
    assert 'class="cam"' not in html
    assert "Map not shown" in html


def test_a_fault_without_a_frame_has_no_picture() -> None:
    assert "No picture" in draw(Part(result(1, Verdict.FAULT), None), lambda _: Region(), SAY)


def test_a_large_frame_is_sent_smaller_and_a_broken_one_is_left_out() -> None:
    large, small = image(1, 3000, 4000), image(1, 960, 1280)
    known = {each: draw(Part(result(1), each), lambda _: Region(), SAY) for each in (large, small)}
    assert f'width="{large.header.width}"' in known[large], "the picture keeps its coordinates"
    assert len(known[large]) < 3 * len(known[small])
    assert LONGEST_PX == 1280
    broken = type(large)(large.header, b"no jpeg")
    assert "Map alone" in draw(Part(result(1), broken), lambda _: Region(), SAY)
