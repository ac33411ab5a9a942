"""From an evaluation and its figures to the page: which sections there are, and what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
import numpy as np

from edge import __version__
from trainer.evaluate import Evaluation
from trainer.page import render_page
from trainer.report import plots, words
from trainer.report.facts import fact_rows
from trainer.report.galleries import galleries
from trainer.report.plots import Plot

CONTENTS = (
    ("verdicts", "Verdicts"),
    ("scores", "Scores"),
    ("faults", "Kinds and sizes of fault"),
    ("naming", "Kinds named"),
    ("calibration", "Calibration"),
    ("robustness", "Robustness"),
    ("int8", "Float against int8"),
    ("training", "Training"),
    ("pictures", "Pictures"),
    ("made", "How it was made"),
    ("left-out", "Left out"),
    ("meaning", "What the figures mean"),
)
"""All sections, by the name of their anchor; those with nothing to show are left out."""


def render_report(
    title: str, evaluation: Evaluation, figures: dict[str, Any], *, held_out: bool,
    history: Sequence[dict[str, float]] = (), float_scores: np.ndarray | None = None,
) -> str:  # fmt: skip
    """The page of an evaluation and its `trainer.figures.figures`.

    `held_out`: the images had no part in training, nor in choosing the thresholds. `history` draws the training
    curves; `float_scores` are those of the float network on the same images.
    """
    rows = fact_rows(evaluation.subject.about)
    shown = {
        "int8": figures["int8"],
        "robustness": figures["robustness"],
        "training": history,
        "faults": figures["kinds"],
        "naming": figures["naming"],
        "made": rows,
        "left-out": evaluation.unreadable or evaluation.learned_from,
    }
    with mpl.rc_context(plots.STYLE):
        drawn = _plots(evaluation, figures, history, float_scores)
    return render_page(
        "report.html.j2",
        filters={
            "percent": words.percent,
            "figure": words.figure,
            "span": words.span,
            "percent_span": words.percent_span,
            "size_range": words.size_range,
        },
        title=title,
        contents={name: heading for name, heading in CONTENTS if shown.get(name, True)},
        summary=words.summary(figures, held_out=held_out),
        limits=words.limits(figures, held_out=held_out),
        both=bool(figures["ok"] and figures["ng"]),
        figures=figures,
        facts=rows,
        made=f"Made by okng {__version__} on {datetime.now(UTC):%d %B %Y}.",
        unreadable=evaluation.unreadable,
        plots=drawn,
        galleries=galleries(evaluation),
    )


def _plots(
    evaluation: Evaluation, figures: dict[str, Any], history: Sequence[dict[str, float]],
    float_scores: np.ndarray | None,
) -> dict[str, list[Plot]]:  # fmt: skip
    """The diagrams of each section that has any."""
    truth, scores = evaluation.truth, evaluation.scores
    found = {"scores": [plots.histogram(evaluation), plots.strip(evaluation)]}
    if truth.any() and not truth.all():
        found["scores"] += [
            plots.roc(truth, scores, figures["auroc"]),
            plots.precision_recall(truth, scores, figures["ap"]),
        ]
    if sized := [row for row in figures["sizes"] if row["images"]]:
        found["faults"] = [plots.sizes(sized, [words.size_range(row) for row in sized])]
    if figures["naming"]:
        found["naming"] = [plots.confusion(figures["naming"])]
    found["calibration"] = [plots.reliability_diagram(figures["reliability"])]
    if figures["robustness"]:
        found["robustness"] = [plots.variations(figures["robustness"][1:])]
    if float_scores is not None:
        found["int8"] = [plots.float_against_int8(evaluation, float_scores)]
    if history:
        found["training"] = plots.curves(history)
    return found
