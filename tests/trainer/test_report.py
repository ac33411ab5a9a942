"""The page is whole in itself, says what the figures say, and says as plainly what they do not."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib as mpl
import pytest

from edge.contract.card import Bound, Calibration, Parity, Target
from trainer.figures import figures
from trainer.report import plots, render_report
from trainer.report.facts import fact_rows
from trainer.report.galleries import galleries
from trainer.report.words import escape_statement, limits, percent, percent_span, size_range, span, summary
from trainer.robustness import robustness

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """A page as a reader meets it: its text, its pictures, what it would fetch, and whether its tags close."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open, self.words, self.images, self.links, self.ids = [], [], [], [], set()
        self.feed(source)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids |= {values["id"]} if "id" in values else set()
        self.images += [(values["src"], values.get("alt", ""))] if tag == "img" else []
        self.links += [values["href"]] if "href" in values else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return plain(*self.words)


def plain(*sentences: str) -> str:
    return " ".join(" ".join(sentences).split())


def render(evaluation, *, held_out=True, **known) -> tuple[str, Page]:
    found = {**figures(evaluation), **known.pop("figures", {})}
    source = render_report("tried & tested", evaluation, found, held_out=held_out, **known)
    return source, Page(source)


HISTORY = [
    {"step": step, "loss": 30 / step, "validation_loss": 35 / step, "validation_auroc": 0.8 + step / 1000,
     "validation_ap": 0.7 + step / 1000} for step in (50, 100)
]  # fmt: skip


@pytest.fixture
def full(part, judged):
    """An evaluation of which everything is known."""
    bound = Bound(asked=0.02, images=9, parts=9, beyond=0, bound=0.1, kept=True, limit=0.28)
    calibration = Calibration(scores="int8", target=Target(), escape=bound, false_reject=bound, review=0.1)
    samples = [part() for _ in range(4)] + [part(80), part(20, kind="<i>dot</i>"), part(90, side=8)]
    about = {"made by": "okng", "plan": {"seed": 7, "refit": True}, "unreadable": ["a.png"]}
    return judged(samples, calibration=calibration, parity=Parity(5, 0.8, 0.01, 0.1, 0.99), about=about)


def test_everything_known_is_on_one_page_that_fetches_nothing(full):
    known = {"robustness": robustness(full)}
    source, page = render(full, history=HISTORY, float_scores=full.scores, figures=known)
    assert page.ids == {link.removeprefix("#") for link in page.links}, "contents and sections agree"
    assert {"verdicts", "faults", "calibration", "robustness", "int8", "training", "pictures", "made"} <= page.ids
    assert all(words for _, words in page.images)
    for data, _ in page.images:
        kind, _, content = data.removeprefix("data:image/").partition(";base64,")
        decoded = base64.b64decode(content)
        assert decoded.rstrip().endswith(b"</svg>") if kind == "svg+xml" else decoded.startswith(b"\xff\xd8")
    assert not re.search(r"https?://|@import|<script", source.partition("<main>")[0])
    assert len(source) < 1_500_000
    for expected in (
        "tried & tested", "1 of 3 ng images escaped", "by int8 scores at temperature 1.00", "equal verdicts 80.0 %",
        "light +20 %", "<i>dot</i>", "plan seed 7", "validation AUROC 0.900, validation average precision 0.800",
    ):  # fmt: skip
        assert expected in page.text + " ".join(words for _, words in page.images), expected


def test_it_says_whether_the_kept_network_has_learned_from_what_chose_its_thresholds(full):
    assert "The one that is kept was then trained anew" in render(full)[1].text
    once = replace(full, subject=replace(full.subject, about={"plan": {"refit": False}}))
    assert "trained anew" not in render(once)[1].text


def test_diagrams_are_the_same_each_time(evaluation):
    with mpl.rc_context(plots.STYLE):
        assert plots.histogram(evaluation) == plots.histogram(evaluation)
        assert plots.strip(evaluation) == plots.strip(evaluation)


def test_many_images_make_no_heavy_diagram(part, judged):
    evaluation = judged([part(), part(80)] * 700)
    drawn = plots.strip(evaluation), plots.float_against_int8(evaluation, evaluation.scores)
    assert all(len(plot.source) < 150_000 for plot in drawn)


def test_what_is_wrong_is_shown_first(evaluation):
    misses, alarms, typical = galleries(evaluation)
    assert [(picture.verdict, picture.caption) for picture in misses.pictures] == [
        ("ok", "spot · score 0.119 · peak on the fault · 14.png")
    ]
    assert [(picture.verdict, picture.caption) for picture in alarms.pictures] == [("ng", "ok · score 0.982 · 7.png")]
    kinds = [picture.caption.partition(" ·")[0] for picture in typical.pictures]
    assert kinds == ["ok", "spot", "dot"], "good, then the most frequent"
    assert all(picture.source.startswith("data:image/jpeg;base64,/9j/") for picture in misses.pictures)


def test_one_class_without_masks_has_a_page_of_what_is_known(part, judged):
    evaluation = judged([part(80, mask=False), part(80, mask=False)])
    _, page = render(evaluation, figures={"robustness": robustness(evaluation)})
    assert not page.ids & {"int8", "training", "made", "left-out"}
    for expected in (
        "0 of 2 ng images escaped", "Nothing is recorded of how the thresholds were chosen.", "No mask was given",
        "No ng image was judged OK.", "There is no ok image: nothing is known of false rejects.",
    ):  # fmt: skip
        assert expected in page.text
    for absent in ("AUROC 0.5", "0.500", "By size of the fault", "false reject rate"):
        assert absent not in page.text


def test_ok_images_alone_have_a_page(part, judged):
    _, page = render(judged([part(), part()]))
    assert not page.ids & {"faults", "robustness"}
    assert "images escaped" not in page.text
    assert "There is no ng image: nothing is known of escapes." in page.text


def test_no_escape_is_said_with_its_bound(evaluation):
    found = figures(evaluation)
    found["escape_bound"] = {"escaped": 0, "of": 74, "below": 0.0397, "escaped_groups": 0, "of_groups": 74}
    said = "0 of 74 ng images escaped (were judged OK); with 95 % confidence the true escape rate is below 4.0 %."
    assert plain(escape_statement(found)) == said
    assert said in plain(*summary(found, held_out=True))
    chosen = plain(*summary(found, held_out=False))
    assert "below 4.0 %" not in chosen, "images that chose the thresholds bound nothing"
    assert "this says little of new parts" in chosen


def test_shots_of_one_part_are_counted_by_part_too(part, judged):
    found = figures(judged([part(), *(part(80, group=name) for name in "aaabb")]))
    assert "Counted by group, 0 of 2 had an escape" in escape_statement(found)
    assert any("show only 2 groups" in sentence for sentence in limits(found, held_out=True))


def test_what_few_images_cannot_say_is_said(evaluation):
    found = figures(evaluation)
    said = plain(*limits(found, held_out=True))
    assert "only 6 ng images: even if none escaped, no escape rate below 50.0 % could be shown" in said
    assert "Fewer than 10 images show dot and spot" in said
    assert "chose when to stop" not in said
    assert "chose when to stop" in plain(*limits(found, held_out=False))
    many = {**found, "ng": 200, "images": 400, "kinds": {}}
    assert "rule of three" not in plain(*limits(many, held_out=True))


def row(name: str, changed: float, escapes: float, rejects: float = 0.0) -> dict:
    return {"variation": name, "changed_verdicts": changed, "escape_rate": escapes, "false_reject_rate": rejects}


def test_what_shakes_the_verdicts_is_named(evaluation):
    found = figures(evaluation)
    fog, rain, sun = row("fog", 0.4, 0.0, 0.3), row("rain", 0.2, 0.25), row("sun", 0.01, 0.05)
    found["robustness"] = [row("none", 0, 0.05), fog, rain, sun]
    last = plain(summary(found, held_out=True)[-1])
    assert "(fog: 40.0 %; rain: 20.0 %)" in last
    assert "escapes rise from 5.0 % to 25.0 % (rain) and false rejects rise from 0.0 % to 30.0 % (fog)" in last
    found["robustness"] = [row("none", 0, 0.05), sun]
    assert "Few verdicts change" in summary(found, held_out=True)[-1]


def test_figures_as_people_read_them():
    assert plain(percent(None), percent(0.0397), percent(1.0)) == "– 4.0 % 100.0 %"
    assert (span(None), span((0.5, 0.99949))) == ("–", "0.500 to 0.999")
    assert plain(percent_span(None), percent_span((0.004, 0.153))) == "– 0.4 to 15.3 %"
    edges = [(0.0, 0.001), (0.001, 0.003), (0.1, 1.0)]
    assert [size_range({"from": a, "below": b}) for a, b in edges] == ["< 0.1 %", "0.1 – 0.3 %", "> 10 %"]


def test_facts_become_rows():
    facts = {
        "data": "tile", "images": {"train": {"ok": 3, "ng": 1}, "test": {}}, "test_fold": None, "rate": 0.00123456,
        "plan": {"seed": 0, "recipe": {"flip": True}}, "unreadable": ["x"], "endless": "y" * 500,
    }  # fmt: skip
    assert fact_rows(facts) == [
        ("data", "tile"), ("images: train", "ok 3, ng 1"), ("test fold", "–"), ("rate", "0.001235"),
        ("plan: seed", "0"), ("plan: recipe", "flip yes"),
    ]  # fmt: skip
