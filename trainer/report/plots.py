"""The report's diagrams: each an SVG that stands in the page, with its caption and what it says in words."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np

from edge.contract.cam import Thresholds
from trainer.evaluate import Evaluation
from trainer.page import embed

mpl.use("agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

OK_COLOUR, NG_COLOUR, BAND_COLOUR, QUIET = "#2f6f9f", "#c2512a", "#f0dfae", "#5c6870"
WIDTH_IN, HEIGHT_IN = 5.0, 3.3
JITTER = 0.28
"""How far points of one class are strewn to either side, of the distance between classes."""

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6eaed",
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "text.color": QUIET,
    "legend.frameon": False,
    "svg.hashsalt": "okng",  # the same data make the same file
}
"""How all diagrams look: drawn within `matplotlib.rc_context(STYLE)`."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A diagram: a data URI, its caption, and in words what it shows, for who cannot see it."""

    source: str
    caption: str
    words: str


def histogram(evaluation: Evaluation) -> Plot:
    """Scores of ok and ng images, with the thresholds."""
    truth, scores, thresholds = evaluation.truth, evaluation.scores, evaluation.subject.thresholds
    figure, axes = _axes()
    _band(axes.axvspan, thresholds)
    bins = np.linspace(0, 1, 31).tolist()
    axes.hist([scores[~truth], scores[truth]], bins, color=[OK_COLOUR, NG_COLOUR], label=["ok", "ng"], stacked=True)
    axes.set(xlabel="score", ylabel="images", xlim=(0, 1))
    axes.legend()
    return _plot(
        figure,
        "Scores of all images. Left of the shaded REVIEW band the verdict is OK, right of it NG.",
        f"Histogram of scores; REVIEW from {thresholds.ok_below:.3f} to {thresholds.ng_from:.3f}.",
    )


def strip(evaluation: Evaluation) -> Plot:
    """True kind against score, a point for each image."""
    kinds = [item.sample.kind for item in evaluation.judged]
    good = {item.sample.kind for item in evaluation.judged if not item.sample.is_ng}
    names = [*sorted(good), *sorted(set(kinds) - good)]
    row = {name: place for place, name in enumerate(names)}
    height = max(HEIGHT_IN, 0.38 * len(names) + 0.8)
    figure, axes = _axes(height)
    _band(axes.axvspan, evaluation.subject.thresholds)
    strewn = np.random.default_rng(0).uniform(-JITTER, JITTER, len(kinds))
    colours = [OK_COLOUR if kind in good else NG_COLOUR for kind in kinds]
    places = np.array([row[kind] for kind in kinds]) + strewn
    _few(axes.scatter(evaluation.scores, places, s=9, c=colours, alpha=0.55, linewidths=0))
    axes.set(xlabel="score", xlim=(-0.01, 1.01), ylim=(len(names) - 0.5, -0.5))
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    return _plot(
        figure,
        "True against predicted: a point for each image. Good ones (blue) belong left, faulty ones (red) right.",
        f"Scores by true kind: {', '.join(names)}.",
    )


def roc(truth: np.ndarray, scores: np.ndarray, area: float) -> Plot:
    """The receiver operating characteristic."""
    false_rate, true_rate, _ = roc_curve(truth, scores)
    figure, axes = _axes()
    axes.step(false_rate, true_rate, where="post", color=OK_COLOUR)
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=":")
    _unit(axes, "ok images rejected (share)", "ng images caught (share)")
    return _plot(
        figure,
        "ROC: what each threshold would catch, and at the price of how many good parts. Dotted: guessing.",
        f"ROC curve, area {area:.3f}.",
    )


def precision_recall(truth: np.ndarray, scores: np.ndarray, ap: float) -> Plot:
    """Precision over recall, by steps."""
    precision, recall, _ = precision_recall_curve(truth, scores)
    figure, axes = _axes()
    axes.step(recall, precision, where="post", color=OK_COLOUR)
    axes.axhline(float(truth.mean()), color=QUIET, linewidth=0.8, linestyle=":")
    _unit(axes, "recall: ng images caught (share)", "precision: truly ng among those rejected")
    return _plot(
        figure,
        "Precision and recall of NG at each threshold. Dotted: guessing.",
        f"Precision-recall curve, average precision {ap:.3f}.",
    )


def reliability_diagram(bins: Sequence[dict[str, Any]]) -> Plot:
    """Share of ng over the score, a point for each bin with its 95 % interval."""
    figure, axes = _axes()
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=":")
    x, share = (np.array([each[key] for each in bins]) for key in ("score", "share"))
    spans = np.array([each["interval"] for each in bins])
    axes.errorbar(x, share, np.abs(spans.T - share), fmt="o", color=OK_COLOUR, ecolor="#a9c3d6", markersize=5)
    for each, place, value in zip(bins, x, share, strict=True):
        axes.annotate(str(each["images"]), (place, value), (5, 3), textcoords="offset points", fontsize=7)
    _unit(axes, "mean score of the bin", "truly ng (share)")
    return _plot(
        figure,
        "Reliability: of the images scored about x, the share that is truly ng, with its 95 % interval and the number "
        "of images; ok and ng weigh the same in all. On the dotted line a score can be read as a probability.",
        "Reliability diagram: " + ", ".join(f"{a:.2f} scored, {b:.2f} ng" for a, b in zip(x, share, strict=True)),
    )


def confusion(naming: dict[str, Any]) -> Plot:
    """True kinds against named ones, darker where more of a true kind went; lines part ok from ng."""
    names, rows = [*naming["ok"], *naming["ng"]], list(naming["confusion"])
    counts = np.array([[naming["confusion"][row][name] for name in names] for row in rows])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _axes(max(HEIGHT_IN, 0.45 * len(rows) + 1.4))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.6 else QUIET
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(names)), [_short(name) for name in names], rotation=30, ha="right")
    axes.set_yticks(range(len(rows)), [_short(row) for row in rows])
    axes.set(xlabel="named", ylabel="truly")
    axes.axvline(len(naming["ok"]) - 0.5, color=NG_COLOUR, linewidth=0.8)
    axes.axhline(sum(row in naming["ok"] for row in rows) - 0.5, color=NG_COLOUR, linewidth=0.8)
    axes.grid(visible=False)
    return _plot(
        figure,
        "Kinds as they are against kinds as they were named, in images; darker: more of the true kind. The lines part "
        "ok from ng.",
        "; ".join(f"{row}: {_counted(naming['confusion'][row])}" for row in rows),
    )


def sizes(rows: Sequence[dict[str, Any]], labels: Sequence[str]) -> Plot:
    """Share caught by size of the fault, with its interval, and the hit rate of the peak."""
    figure, axes = _axes()
    place = np.arange(len(rows))
    caught = np.array([row["caught"] for row in rows])
    spans = np.array([row["caught_interval"] for row in rows])
    axes.errorbar(
        place - 0.08, caught, np.abs(spans.T - caught), fmt="o", color=NG_COLOUR, ecolor="#e3b7a5", label="caught"
    )
    hits = np.array([row["peak_hit_rate"] for row in rows])
    axes.plot(place + 0.08, hits, "D", color=OK_COLOUR, markersize=4, label="peak on the fault")
    counted = [f"{label}\nn = {row['images']}" for label, row in zip(labels, rows, strict=True)]
    axes.set_xticks(place, counted, fontsize=8)
    axes.set(ylim=(-0.02, 1.04), ylabel="share of ng images", xlabel="size of the fault, of the image's area")
    axes.legend(loc="lower right")
    return _plot(
        figure,
        "Recall by size of the fault: caught is NG or REVIEW, with its 95 % interval.",
        "; ".join(f"{a} of the image: {b:.0%} caught" for a, b in zip(labels, caught, strict=True)),
    )


def variations(rows: Sequence[dict[str, Any]]) -> Plot:
    """For each variation the shares of escapes, false rejects and changed verdicts."""
    figure, axes = _axes(0.4 * len(rows) + 1.0)
    place = np.arange(len(rows))
    for key, colour, mark, label in (
        ("changed_verdicts", QUIET, "o", "verdicts changed"),
        ("false_reject_rate", OK_COLOUR, "s", "false rejects, of ok"),
        ("escape_rate", NG_COLOUR, "D", "escapes, of ng"),
    ):
        axes.plot([row[key] for row in rows], place, mark, color=colour, markersize=5, alpha=0.85, label=label)
    axes.set_yticks(place, [row["variation"] for row in rows])
    widest = max(0.05, *(row[key] for row in rows for key in ("changed_verdicts", "false_reject_rate", "escape_rate")))
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(-0.03 * widest, 1.05 * widest), xlabel="share of images")
    axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=3, fontsize=8, columnspacing=1, handletextpad=0.2)
    return _plot(
        figure,
        "The same images under one variation at a time, with thresholds as they are.",
        "; ".join(f"{row['variation']}: {row['changed_verdicts']:.0%} of the verdicts change" for row in rows),
    )


def float_against_int8(evaluation: Evaluation, float_scores: np.ndarray) -> Plot:
    """Scores of the float network and of the int8 model, a point for each image."""
    thresholds = evaluation.subject.thresholds
    figure, axes = _axes()
    _band(axes.axvspan, thresholds)
    _band(axes.axhspan, thresholds)
    colours = [NG_COLOUR if is_ng else OK_COLOUR for is_ng in evaluation.truth]
    _few(axes.scatter(float_scores, evaluation.scores, s=9, c=colours, alpha=0.55, linewidths=0))
    _unit(axes, "score of the float network", "score of the int8 model")
    gap = float(np.abs(float_scores - evaluation.scores).max())
    return _plot(
        figure,
        "Float against int8: each point is an image (blue ok, red ng); on the diagonal both agree.",
        f"Scores of float network and int8 model, at most {gap:.3f} apart.",
    )


def curves(history: Sequence[dict[str, float]]) -> list[Plot]:
    """Loss, and the validation figures, over the steps of training."""
    steps = [row["step"] for row in history]
    names = [key for key in history[0] if key != "step"]
    losses, quality = [key for key in names if "loss" in key], [key for key in names if "loss" not in key]
    found = []
    for keys, caption in (
        (losses, "Loss while it learned. A validation loss that climbs while the loss falls means learning by heart."),
        (quality, "Quality on the validation images while it learned; the best step was kept."),
    ):
        figure, axes = _axes()
        colours = (OK_COLOUR, NG_COLOUR, QUIET, "#7a9a3a")
        for key, colour in zip(keys, colours, strict=False):
            axes.plot(steps, [row[key] for row in history], color=colour, label=_curve_name(key))
        axes.set(xlabel="step")
        if keys is quality:
            axes.set_ylim(0, 1.02)
        axes.legend()
        last = ", ".join(f"{_curve_name(key)} {history[-1][key]:.3f}" for key in keys)
        found.append(_plot(figure, caption, f"Training curves; at the last step {last}."))
    return found


def _curve_name(key: str) -> str:
    words = {"auroc": "AUROC", "ap": "average precision"}
    return " ".join(words.get(piece, piece) for piece in key.split("_"))


def _axes(height: float = HEIGHT_IN) -> tuple[Figure, Axes]:
    return plt.subplots(figsize=(WIDTH_IN, height))


def _band(span: Any, thresholds: Thresholds) -> None:
    span(thresholds.ok_below, thresholds.ng_from, color=BAND_COLOUR, alpha=0.8, linewidth=0, zorder=0)


def _unit(axes: Axes, xlabel: str, ylabel: str) -> None:
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(-0.02, 1.02), ylim=(-0.02, 1.03))


def _few(points: PathCollection) -> None:
    """Thousands of points are drawn as one picture, or the file would hold each of them."""
    points.set_rasterized(len(np.asarray(points.get_offsets())) > 500)


def _counted(named: dict[str, int]) -> str:
    return ", ".join(f"{count} named {name}" for name, count in named.items() if count) or "none"


def _short(name: str, length: int = 22) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _plot(figure: Figure, caption: str, words: str) -> Plot:
    buffer = io.BytesIO()
    figure.tight_layout()
    figure.savefig(buffer, format="svg", dpi=150, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return Plot(embed("svg+xml", buffer.getvalue()), caption, words)
