"""What the figures say, in sentences for who answers for quality, and what they cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainer.robustness import UNCHANGED

FEW_NG = 50
"""Ng images below which the summary warns that they prove little."""
FEW_OF_A_KIND = 10
NOTABLE = 0.1
"""Share of verdicts that change under a variation, from which on the page speaks of it."""


def percent(value: float | None) -> str:
    """A share, 0 to 1, as people read it; a dash where there is none. The sign never stands alone on a line."""
    return "–" if value is None else f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def figure(value: float | None) -> str:
    """A figure to three places; a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def span(interval: Sequence[float] | None) -> str:
    """A 95 % interval of a figure."""
    return "–" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def percent_span(interval: Sequence[float] | None) -> str:
    """A 95 % interval of a share."""
    return "–" if interval is None else f"{100 * interval[0]:.1f} to {percent(interval[1])}"


def size_range(row: dict[str, Any]) -> str:
    """A class of fault sizes, as shares of the image."""
    lower, upper = 100 * row["from"], 100 * row["below"]
    if not lower:
        return f"< {upper:g} %"
    return f"> {lower:g} %" if upper >= 100 else f"{lower:g} – {upper:g} %"


def summary(figures: dict[str, Any], *, held_out: bool) -> list[str]:
    """What was judged, by what, and what came of it."""
    found = [_judged(figures, held_out=held_out)]
    if figures["ng"]:
        found.append(_escapes(figures, held_out=held_out))
    if figures["ok"]:
        found.append(_rejects(figures))
    if figures["ok"] and figures["ng"]:
        found.append(
            f"In {percent(figures['auroc'])} of all pairs of an ng and an ok image the ng one has the higher score "
            f"(AUROC {figure(figures['auroc'])}{_within(span(figures['intervals']['auroc']))})."
        )
    if figures["peak_hit_rate"] is not None:
        found.append(
            f"On {figures['masks']} ng images a mask tells where the fault is: the hottest place of the map lies on "
            f"it, or within one map cell, in {percent(figures['peak_hit_rate'])}."
        )
    if rows := _varied(figures):
        found.append(_robust(figures["robustness"][0], rows))
    return found


def limits(figures: dict[str, Any], *, held_out: bool) -> list[str]:
    """What these images cannot prove, each in a sentence."""
    found = []
    if not held_out:
        found.append(
            "These images chose when to stop and where the thresholds lie: expect less on new parts, and measure it "
            "with okng evaluate."
        )
    found += [
        f"There is no {label} image: nothing is known of {what}."
        for label, what in (("ng", "escapes"), ("ok", "false rejects"))
        if not figures[label]
    ]
    if 0 < figures["ng"] < FEW_NG:
        found.append(
            f"There are only {figures['ng']} ng images: even if none escaped, no escape rate below "
            f"{percent(min(1.0, 3 / figures['ng']))} could be shown with 95 % confidence (rule of three)."
        )
    bound = figures["escape_bound"]
    if bound["of_groups"] < bound["of"]:
        found.append(
            f"The {bound['of']} ng images show only {bound['of_groups']} groups: images of one group, as of the same "
            "part, are no independent evidence. The intervals below are drawn over groups where they can be."
        )
    rare = [kind for kind, row in figures["kinds"].items() if row["images"] < FEW_OF_A_KIND]
    if rare:
        found.append(f"Fewer than {FEW_OF_A_KIND} images show {_listed(rare)}: their rows are a hint, not a proof.")
    if figures["ng"] and not figures["masks"]:
        found.append("No mask was given, so that nothing is known about whether the map points at the fault.")
    if figures["ng"] and figures["ok"]:
        found.append(
            f"{percent(figures['ng'] / figures['images'])} of these images are ng. On a line with fewer faults more "
            "of what is rejected is good: precision holds for this mixture. Faults of other kinds were not tried."
        )
    if figures["unreadable"]:
        found.append(f"{len(figures['unreadable'])} images could not be judged and are left out; see the end.")
    return found


def escape_statement(figures: dict[str, Any]) -> str:
    """The escapes with the bound on their true rate (Clopper-Pearson), by image and by group."""
    bound = figures["escape_bound"]
    text = (
        f"{bound['escaped']} of {bound['of']} ng images escaped (were judged OK); with 95 % confidence the true escape "
        f"rate is below {percent(bound['below'])}."
    )
    if bound["of_groups"] < bound["of"]:
        text += (
            f" Counted by group, {bound['escaped_groups']} of {bound['of_groups']} had an escape, and the rate of such "
            f"groups is below {percent(bound['below_by_group'])}."
        )
    return text


def _judged(figures: dict[str, Any], *, held_out: bool) -> str:
    part = (
        "None of them trained the network or chose its thresholds."
        if held_out
        else "They did not train the network, but chose its thresholds."
    )
    counts = f"{figures['ok']} ok and {figures['ng']} ng"
    return f"{figures['images']} images were judged by {figures['subject']}: {counts}. {part}"


def _escapes(figures: dict[str, Any], *, held_out: bool) -> str:
    row, bound = figures["verdicts"]["ng"], figures["escape_bound"]
    text = (
        escape_statement(figures)
        if held_out
        else f"{bound['escaped']} of {bound['of']} ng images escaped (were judged OK). As these images chose the "
        "thresholds, this says little of new parts."
    )
    return text + f" {row['ng']} were rejected, {row['review']} went to an operator (REVIEW)."


def _rejects(figures: dict[str, Any]) -> str:
    row = figures["verdicts"]["ok"]
    return (
        f"Of the ok images {row['ng']} ({percent(figures['false_reject_rate'])}) were rejected wrongly and "
        f"{row['review']} ({percent(row['review'] / figures['ok'])}) went to an operator."
    )


def _robust(before: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    ranked = sorted(rows, key=lambda row: -row["changed_verdicts"])
    changes = [f"{row['variation']}: {percent(row['changed_verdicts'])}" for row in ranked]
    if ranked[0]["changed_verdicts"] < NOTABLE:
        return f"Few verdicts change when light, contrast, focus, noise or position do (at most {changes[0]})."
    notable = [text for row, text in zip(ranked, changes, strict=True) if row["changed_verdicts"] >= NOTABLE]
    most = [
        f"{what} rise from {percent(before[key])} to {percent(row[key])} ({row['variation']})"
        for what, key in (("escapes", "escape_rate"), ("false rejects", "false_reject_rate"))
        if (row := max(rows, key=lambda row: row[key]))[key] > before[key]
    ]
    text = f"Verdicts change when the frame does ({'; '.join(notable)})."
    if most:
        text += f" At worst {_listed(most)}."
    return text + " Keep light, focus and camera as in the training images, or train with images that vary as the line."


def _varied(figures: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in figures["robustness"] if row["variation"] != UNCHANGED]


def _within(interval: str) -> str:
    return "" if interval == "–" else f", 95 % interval {interval}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
