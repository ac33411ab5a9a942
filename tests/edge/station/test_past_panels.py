"""What History, Statistics and Setup say as HTML, and the charts they draw."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime

import numpy as np
import pytest

from edge.contract.cam import Thresholds
from edge.contract.survey import Overruled, Supposed, Survey, Tally
from edge.contract.types import Decision, Verdict
from edge.control.survey import Seen, Surveyor
from edge.station import history_panels, setup_panels, statistics_panels
from edge.station.charts import bars, ticks
from edge.station.span import span_of
from edge.station.words import languages
from edge.wire.messages import DecidedFact
from edge.wire.queries import LATEST, Past
from tests.edge.station.messages import result

SAY, BAD = languages()["en"], '<script>alert("x")</script>'
LIMITS = Thresholds(0.3, 0.7)
NOW = datetime(2026, 11, 21, 15, 0, 0)


def surveyed(count: int = 300) -> Survey:
    scores = np.random.default_rng(0).beta(1, 3, count).tolist()
    surveyor = Surveyor()
    surveyor.add([
        Seen("a", (count - index) * 10**9, LIMITS.verdict(score), score, BAD, BAD, "b", 2.0, None, None)
        for index, score in enumerate(scores)
    ])  # fmt: skip
    return surveyor.survey(complete=False, thresholds=LIMITS, normal=None, asked=LIMITS)


def parsed(html: str) -> ET.Element:
    """Everything is closed and escaped."""
    for void in ("<br>", "disabled", " selected", " readonly"):
        html = html.replace(void, "")
    return ET.fromstring(f"<div>{html}</div>")


@pytest.mark.parametrize("say", languages().values(), ids=languages())
def test_the_charts_are_drawn_in_each_language_and_hold_no_script(say) -> None:
    found = surveyed()
    for html in (
        statistics_panels.charts(say, found), statistics_panels.summary(say, found),
        setup_panels.limits(say, found, LIMITS), setup_panels.supposed(say, found),
        bars("x", [(BAD, 3), ("y", 1)], "fill"),
    ):  # fmt: skip
        assert parsed(html) is not None
        assert "<script" not in html


def test_where_nobody_decided_nothing_is_known_and_that_is_said() -> None:
    html = statistics_panels.charts(SAY, surveyed())
    assert html.count("nothing is known") == 4
    assert "drawn at random" in html


def test_what_was_decided_stands_with_its_interval() -> None:
    found = surveyed()
    known = {Verdict.OK: Overruled(200, 60, 0, 0.0, 0.0596)}
    html = statistics_panels.charts(
        SAY, Survey(**{name: getattr(found, name) for name in found.__struct_fields__} | {"overruled": known})
    )
    assert "<td>60</td><td>0</td><td>0.0 %</td><td>0.0 % – 6.0 %</td>" in html


def test_an_empty_span_has_no_charts() -> None:
    nothing = Surveyor().survey(complete=True, thresholds=None, normal=None, asked=LIMITS)
    assert "No inspections in this span" in statistics_panels.charts(SAY, nothing)
    assert "No inspections in this span" in setup_panels.supposed(SAY, nothing)
    assert parsed(setup_panels.limits(SAY, nothing, LIMITS)) is not None


def test_a_card_and_its_facts_escape_what_comes_from_outside() -> None:
    header = result(7, Verdict.NG, part=BAD).header
    said = DecidedFact(
        inspection_id=header.id, decision=Decision.ACCEPT, operator=BAD, reason=BAD, request_id="r", decided_ns=10**18
    )
    past = Past(header, said, True, b"jpeg")
    for html in (history_panels.cards(SAY, [past]), history_panels.facts(SAY, past)):
        assert "<script" not in html
        assert "&lt;script" in html
    assert "No image kept" in history_panels.cards(SAY, [Past(header, None, False, None)])


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, (0, LATEST)),
        ({"span": "hour"}, (int(NOW.timestamp()) * 10**9 - 3600 * 10**9, LATEST)),
        ({"span": "nonsense", "since": "<b>", "until": "9999999"}, (0, LATEST)),
        ({"span": "hour", "since": "2026-11-20T10:00"}, (int(datetime(2026, 11, 20, 10).timestamp()) * 10**9, LATEST)),
        ({"until": "1900-01-01T00:00"}, (0, 0)),
    ],
)
def test_a_span_is_read_and_what_cannot_be_counts_as_not_given(args, expected) -> None:
    assert span_of(args, NOW) == expected


@pytest.mark.parametrize("top", [1e-6, 0.07, 1.0, 3.0, 999.0, 1e9])
def test_an_axis_has_few_round_numbers(top) -> None:
    found = ticks(top)
    assert found[0] == 0
    assert 3 <= len(found) <= 6
    assert found[-1] <= top * 1.0001


def test_what_would_be_stands_beside_what_was() -> None:
    found = surveyed()
    supposed = Supposed(
        {Verdict.OK: 11, Verdict.REVIEW: 22, Verdict.NG: 33, Verdict.FAULT: 0},
        {decision: dict.fromkeys(Verdict, 5) for decision in Decision},
    )
    fields = {name: getattr(found, name) for name in found.__struct_fields__}
    html = setup_panels.supposed(SAY, Survey(**fields | {"supposed": supposed, "kinds": [Tally(BAD, 1)]}))
    assert f"<td>{found.verdicts[Verdict.OK]}</td><td><b>11</b></td><td>5</td><td>5</td>" in html
