"""How well kinds are named: the matrix, the recall of each, and how the page shows them."""

import base64
import re
from dataclasses import replace

import pytest

from edge.contract.cam import Classes
from edge.contract.types import Verdict
from trainer.evaluate import Evaluation, predictions
from trainer.figures import figures
from trainer.naming import naming
from trainer.report import render_report

KINDS = Classes(ok=("ok",), ng=("dot", "spot"))


@pytest.fixture
def named(part, evaluation) -> Evaluation:
    """The 14 parts of `evaluation` and one of a kind never learned: every second caught one is named a dot."""
    opinions, caught = [], 0
    for item in evaluation.judged:
        caught += item.opinion.verdict is not Verdict.OK
        kind = "ok" if item.opinion.verdict is Verdict.OK else ("dot", "spot")[caught % 2]
        opinions.append(replace(item, opinion=replace(item.opinion, kind=kind)))
    rust = replace(opinions[-1], sample=replace(opinions[-1].sample, kind="rust"))
    return replace(evaluation, judged=[*opinions, rust], subject=replace(evaluation.subject, classes=KINDS))


def test_a_network_of_one_map_names_nothing(evaluation):
    assert naming(evaluation) is None
    assert {record["named"] for record in predictions(evaluation)} == {None}


def test_the_matrix_counts_each_image_once_and_the_recall_follows_from_it(named):
    found = naming(named)
    assert found["confusion"] == {
        "ok": {"ok": 6, "dot": 1, "spot": 1},
        "dot": {"ok": 0, "dot": 1, "spot": 1},
        "spot": {"ok": 1, "dot": 1, "spot": 2},
        "rust": {"ok": 1, "dot": 0, "spot": 0},
    }
    assert list(found["confusion"]) == ["ok", "dot", "spot", "rust"]
    assert sum(sum(row.values()) for row in found["confusion"].values()) == len(named.judged)
    assert set(found["recall"]) == {*KINDS.names}
    spot = found["recall"]["spot"]
    assert (spot["images"], spot["named"], spot["named_of_side"]) == (4, 0.5, pytest.approx(2 / 3))
    assert spot["interval"][0] < 0.5 < spot["interval"][1]
    assert (found["recall"]["ok"]["named"], found["recall"]["ok"]["named_of_side"]) == (0.75, 1.0)


def test_ok_and_ng_are_judged_as_without_kinds(evaluation, named):
    plain = figures(evaluation)
    known = figures(replace(named, judged=named.judged[:-1]))
    assert {key for key in plain if plain[key] != known[key]} == {"naming"}


def test_the_page_shows_the_matrix(named):
    page = render_report("a & b", named, figures(named), held_out=True)
    section = re.search(r'<h2 id="naming">.*?</section>', page, re.DOTALL)[0]
    assert re.search(r"<tr><td>spot</td><td>1</td><td>1</td><td class=\"right\">2</td><td>4</td><td>50.0", section)
    assert "rust: 1 named ok" in section
    picture = base64.b64decode(re.search(r"svg\+xml;base64,([^\"]+)", section)[1])
    assert picture.rstrip().endswith(b"</svg>")
    assert "· named " in page


def test_the_page_of_a_network_of_one_map_has_no_such_section(evaluation):
    assert 'id="naming"' not in render_report("plain", evaluation, figures(evaluation), held_out=True)
