"""The report: one self-contained HTML page that a quality engineer can read and file."""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
import numpy as np

from edge.contract.cam import heatmap
from edge.contract.images import read_image
from edge.contract.types import Verdict
from trainer.evaluate import Evaluation, Judged
from trainer.page import embed, embed_pair, render_page

mpl.use("agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

THUMBNAIL_PX = 260
OK_COLOUR, NG_COLOUR, BAND_COLOUR = "#2f6f9f", "#c2512a", "#d9b44a"


def render_report(
    title: str, evaluation: Evaluation, figures: dict[str, Any], *, held_out: bool,
    history: list[dict[str, float]] | None = None, facts: dict[str, Any] | None = None,
) -> str:  # fmt: skip
    """The page. `history` draws the training curves; `facts` are shown as a table of their own.

    `held_out`: the images had no part in training, nor in choosing the thresholds.
    """
    return render_page(
        "report.html.j2",
        title=title,
        held_out=held_out,
        figures=figures,
        facts=facts or {},
        unreadable=evaluation.unreadable,
        plots=_plots(evaluation, history),
        galleries=_galleries(evaluation),
    )


def _plots(evaluation: Evaluation, history: list[dict[str, float]] | None) -> dict[str, str]:
    truth, scores = evaluation.truth, evaluation.scores
    plots = {"Scores, and the thresholds between OK, REVIEW and NG": _histogram(evaluation)}
    if truth.any() and not truth.all():
        plots["ROC: ng images caught against ok images rejected"] = _roc(truth, scores)
        plots["Precision and recall of NG"] = _precision_recall(truth, scores)
    if history:
        plots["Training: loss, and validation figures"] = _curves(history)
    return plots


def _histogram(evaluation: Evaluation) -> str:
    truth, scores = evaluation.truth, evaluation.scores
    thresholds = evaluation.subject.thresholds
    figure, axes = plt.subplots(figsize=(5.2, 3.2))
    bins = np.linspace(0, 1, 31).tolist()
    axes.axvspan(thresholds.ok_below, thresholds.ng_from, color=BAND_COLOUR, alpha=0.4, label="REVIEW")
    axes.hist(scores[~truth], bins, color=OK_COLOUR, alpha=0.75, label="ok")
    axes.hist(scores[truth], bins, color=NG_COLOUR, alpha=0.75, label="ng")
    axes.set(xlabel="score, P(NG)", ylabel="images", xlim=(0, 1))
    axes.legend()
    return _embed_figure(figure)


def _roc(truth: np.ndarray, scores: np.ndarray) -> str:
    false_rate, true_rate, _ = roc_curve(truth, scores)
    return _line(false_rate, true_rate, "ok images rejected (share)", "ng images caught (share)")


def _precision_recall(truth: np.ndarray, scores: np.ndarray) -> str:
    precision, recall, _ = precision_recall_curve(truth, scores)
    return _line(recall, precision, "recall: ng images caught (share)", "precision: true among those called NG")


def _line(x: np.ndarray, y: np.ndarray, xlabel: str, ylabel: str) -> str:
    figure, axes = plt.subplots(figsize=(4.2, 3.2))
    axes.step(x, y, where="post", color=OK_COLOUR)
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axes.grid(alpha=0.3)
    return _embed_figure(figure)


def _curves(history: list[dict[str, float]]) -> str:
    figure, (loss, quality) = plt.subplots(1, 2, figsize=(8, 3.2))
    steps = [row["step"] for row in history]
    for key, colour in (("loss", OK_COLOUR), ("validation_loss", NG_COLOUR)):
        loss.plot(steps, [row[key] for row in history], color=colour, label=key.replace("_", " "))
    for key, colour in (("validation_auroc", OK_COLOUR), ("validation_ap", NG_COLOUR)):
        quality.plot(steps, [row[key] for row in history], color=colour, label=key.replace("_", " "))
    quality.set_ylim(0, 1.02)
    for axes in (loss, quality):
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend()
    return _embed_figure(figure)


def _galleries(evaluation: Evaluation) -> list[dict[str, Any]]:
    ng = sorted((i for i in evaluation.judged if i.sample.is_ng), key=lambda item: item.opinion.score)
    ok = sorted((i for i in evaluation.judged if not i.sample.is_ng), key=lambda item: -item.opinion.score)
    missed = [item for item in ng if item.opinion.verdict is Verdict.OK]
    alarms = [item for item in ok if item.opinion.verdict is Verdict.NG]
    chosen = [
        ("Worst misses: ng, judged OK", missed[:8]),
        ("Worst false alarms: ok, judged NG", alarms[:8]),
        ("Typical ng", ng[len(ng) // 2 : len(ng) // 2 + 4]),
        ("Typical ok", ok[len(ok) // 2 : len(ok) // 2 + 4]),
    ]
    return [{"title": title, "items": [_picture(i, evaluation) for i in items]} for title, items in chosen]


def _picture(item: Judged, evaluation: Evaluation) -> dict[str, Any]:
    pixels = read_image(item.sample.path)
    heat = heatmap(item.opinion.logits, evaluation.subject.spec, *pixels.shape[:2])
    caption = f"{item.sample.name} · {item.sample.kind} · score {item.opinion.score:.3f}"
    return {"source": embed_pair(pixels, heat, THUMBNAIL_PX), "caption": caption}


def _embed_figure(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.tight_layout()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return embed("png", buffer.getvalue())
