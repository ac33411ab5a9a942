"""What Setup shows, as HTML: pure. All text that comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import cv2
import numpy as np

from edge.contract.cam import Thresholds
from edge.contract.quality import Quality
from edge.contract.survey import Survey
from edge.contract.types import Decision, Pixels, Verdict
from edge.station.charts import Plot
from edge.station.looks import shape
from edge.station.statistics_panels import scores, spans
from edge.station.words import Words
from edge.wire.answers import ShadowAnswer, StatusAnswer

PANES = ("picture", "limits", "change")
GREYS = 64
"""Bars of the histogram."""
JUDGED = (Verdict.OK, Verdict.REVIEW, Verdict.NG)


def panes(say: Words) -> str:
    """The tabs within."""
    return "".join(f'<button data-pane="{name}">{say(f"setup.{name}")}</button>' for name in PANES)


def tools(say: Words) -> str:
    """What is drawn on the picture, which the browser does alone."""
    names = ("region", "ignore", "erase")
    drawn = "".join(f'<button data-tool="{name}">{say(f"setup.{name}")}</button>' for name in names)
    return (
        f'{drawn}<button data-tool="hold">{say("setup.hold")}</button>'
        f'<button data-tool="clear">{say("setup.clear")}</button>'
        f'<button data-tool="recipe">{say("setup.recipe")}</button>'
    )


def recipe(say: Words) -> str:
    """The recipe that was drawn, as a file's text; the browser fills it in."""
    return (
        f"<p>{say('setup.by_hand')}</p><label><small>{say('setup.name')}</small>"
        '<input id="okng-recipe-name" value="new" maxlength="40"></label>'
        '<textarea id="okng-recipe" readonly spellcheck="false"></textarea>'
        f'<div class="controls"><button data-tool="save-recipe">{say("setup.save_recipe")}</button>'
        f'<button data-tool="save-ignore">{say("setup.save_ignore")}</button>'
        f'<button data-tool="close">{say("sign.close")}</button></div>'
    )


def quality(say: Words, found: Quality) -> str:
    """Of the picture that is shown."""
    figures = (
        ("focus", say.number(found.focus, 4)),
        ("brightness", say.number(found.brightness, 1)),
        ("clipped", f"{say.number(100 * found.clipped, 2)} %"),
    )
    told = "".join(f"<div><small>{say(f'setup.{name}')}</small><b>{value}</b></div>" for name, value in figures)
    return f'<div class="figures">{told}</div>'


def histogram(say: Words, pixels: Pixels) -> str:
    """How often each brightness is, by channel."""
    channels = [pixels] if pixels.ndim == 2 else list(cv2.split(pixels))
    counts = [np.histogram(each[::2, ::2], GREYS, (0, 256))[0] / max(1, each[::2, ::2].size) for each in channels]
    plot = Plot(max(0.01, *(float(each[1:-1].max()) * 1.1 for each in counts)), percent=True)
    kinds = ("grey",) if len(channels) == 1 else ("blue", "green", "red")
    for kind, each in zip(kinds, counts, strict=True):
        plot.line(f"channel {kind}", [((index + 0.5) / GREYS, float(share)) for index, share in enumerate(each)])
    return plot.svg(say("setup.histogram"), [(0.0, "0"), (0.5, "128"), (1.0, "255")])


def limits_form(say: Words) -> str:
    """Thresholds to drag or to type, and the span whose parts they are tried on."""
    typed = "".join(
        f"<label><small>{say(f'setup.{name}')}</small>"
        f'<input type="number" name="{name}" min="0" max="1" step="any" inputmode="decimal"></label>'
        for name in ("ok_below", "ng_from")
    )
    return f'<form data-form="limits" class="filters">{spans(say, "week")}{typed}</form>'


def limits(say: Words, found: Survey, asked: Thresholds) -> str:
    """The scores with these thresholds, which can be dragged."""
    told = "" if found.complete else f"<p>{say('statistics.newest')}</p>"
    mixed = f"<p>{say('statistics.mixed', count=found.bundles)}</p>" if found.bundles > 1 else ""
    return f'<div class="limits-chart">{scores(say, found, asked, both=True)}</div>{told}{mixed}'


def supposed(say: Words, found: Survey) -> str:
    """How many would be what, beside what they were; and what operators said of them."""
    if found.supposed is None or not found.inspections:
        return f'<p class="soft">{say("statistics.none")}</p>'
    decided = found.supposed.decided
    rows = "".join(
        f'<tr class="{verdict}"><th><span>{shape(verdict)}{say(f"verdict.{verdict}")}</span></th>'
        f"<td>{found.verdicts[verdict]}</td><td><b>{found.supposed.verdicts[verdict]}</b></td>"
        f"<td>{decided[Decision.ACCEPT][verdict]}</td><td>{decided[Decision.REJECT][verdict]}</td></tr>"
        for verdict in JUDGED
    )
    heads = "".join(f"<th>{say(f'setup.{name}')}</th>" for name in ("were", "would_be", "accepted", "rejected"))
    return f"<table><tr><td></td>{heads}</tr>{rows}</table><p>{say('setup.supposed')}</p>"


def apply(say: Words, asked: Thresholds | None) -> str:
    """Only what was tried can be applied."""
    if asked is None:
        return ""
    values = f"{say.number(asked.ok_below, 3)} / {say.number(asked.ng_from, 3)}"
    return f'<button data-event="apply-limits">{say("setup.apply", values=values)}</button>'


def taken(say: Words, key: str, age_s: float, *, fresh: bool) -> str:
    """Of what the picture is, and how old; loud where it is not of now."""
    return f'<div class="age {"live" if fresh else "past"}">{say(key, time=say.ago(age_s))}</div>'


def known(say: Words) -> str:
    """Known parts."""
    shown = "".join(
        f'<button data-event="{name}">{say(f"setup.{name}")}</button>'
        for name in ("golden-ok", "golden-ng", "interlock")
    )
    return (
        f"<figure><figcaption><b>{say('setup.known')}</b><small>{say('setup.known_about')}</small></figcaption>"
        f'<div class="controls">{shown}</div></figure>'
    )


def changeover(say: Words, recipes: Sequence[str], used: str) -> str:
    """The station's recipes to choose from, first the one in use: its file may have changed."""
    names = sorted(recipes, key=lambda name: (name != used, name))
    choices = "".join(f'<option value="{escape(name, quote=True)}">{escape(name)}</option>' for name in names)
    form = (
        f'<form data-submit="changeover"><label><small>{say("history.recipe")}</small>'
        f'<select name="recipe">{choices}</select></label><button>{say("setup.change_over")}</button></form>'
    )
    none = f'<p class="soft">{say("setup.no_recipes")}</p>'
    return (
        f"<figure><figcaption><b>{say('setup.changeover')}</b><small>{say('setup.changeover_about')}</small></figcaption>"
        f"{form if names else none}</figure>"
    )


def bundle(say: Words) -> str:
    """Another bundle, or the one before."""
    return (
        f"<figure><figcaption><b>{say('history.bundle')}</b><small>{say('setup.bundle_about')}</small></figcaption>"
        f'<form data-submit="load"><label><small>{say("setup.path")}</small>'
        f'<input name="bundle" maxlength="1000"></label><button>{say("setup.load")}</button></form>'
        f'<div class="controls"><button data-event="rollback">{say("setup.rollback")}</button></div></figure>'
    )


def now(say: Words, status: StatusAnswer) -> str:
    """What inspects, and what a shadow bundle would have said."""
    rows = [
        ("recipe", status.recipe or say("setup.no_recipe")),
        ("bundle", f"{status.bundle_name} ({status.bundle[:12]})"),
        ("shadow", _shadow(say, status.shadow)),
    ]
    if status.thresholds:
        values = (status.thresholds.ok_below, status.thresholds.ng_from)
        rows.insert(1, ("thresholds", " / ".join(say.number(value, 3) for value in values)))
    told = "".join(f"<dt>{say(f'setup.now_{name}')}</dt><dd>{escape(text)}</dd>" for name, text in rows)
    return f"<dl>{told}</dl>"


def outcome(say: Words, text: str, *, well: bool | None) -> str:
    """What came of the last thing that was asked; `well` is None while it is under way."""
    kind = "asking" if well is None else "good" if well else "bad"
    return f'<div class="outcome {kind}" role="status">{escape(text) or say("setup.done")}</div>'


def _shadow(say: Words, shadow: ShadowAnswer | None) -> str:
    if shadow is None:
        return say("setup.no_shadow")
    return say(
        "setup.shadow", name=f"{shadow.bundle_name} ({shadow.bundle[:12]})", judged=shadow.judged,
        differ=shadow.disagreements, share=say.share(shadow.disagreements, shadow.judged), dropped=shadow.dropped,
    )  # fmt: skip


def focus(say: Words, past: Sequence[float]) -> str:
    """How it went with the last pictures."""
    if len(past) < 2:
        return ""
    plot = Plot(max(past) * 1.1 or 1.0)
    plot.line("series", [(index / (len(past) - 1), value) for index, value in enumerate(past)])
    return f"<small>{say('setup.focus_past', count=len(past))}</small>{plot.svg(say('setup.focus'), [])}"
