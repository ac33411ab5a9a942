"""What Statistics shows, as HTML: pure. All text that comes from outside is escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from html import escape

from edge.contract.cam import Thresholds
from edge.contract.statistics import Spread
from edge.contract.survey import SCORE_BINS, Group, Overruled, Survey, Tally
from edge.contract.types import Verdict
from edge.station.charts import Plot, bars
from edge.station.looks import shape
from edge.station.span import SPANS, written
from edge.station.told import told
from edge.station.words import Words

DRIFT, NO_DRIFT = 0.25, 0.1
"""Of the population stability index (Siddiqi 2006): changed from here on, and not below."""
MOST_BARS = 8
FEWEST = 5
"""Parts that the axis of a histogram reaches to, at least: so its ticks are whole."""


def form(say: Words) -> str:
    """What span, and of which recipe."""
    return (
        f'<form data-form="statistics">{spans(say, "shift")}{moment(say, "since")}{moment(say, "until")}'
        f'<label><small>{say("history.recipe")}</small><input name="recipe" maxlength="40"></label></form>'
    )


def spans(say: Words, chosen: str) -> str:
    """A choice of spans that end now."""
    options = "".join(
        f'<option value="{name}"{" selected" if name == chosen else ""}>{say(f"span.{name}")}</option>'
        for name in SPANS
    )
    return f'<label><small>{say("span.title")}</small><select name="span">{options}</select></label>'


def moment(say: Words, name: str) -> str:
    """An instant to type, in the station's time."""
    return f'<label><small>{say(f"span.{name}")}</small><input type="datetime-local" name="{name}"></label>'


def charts(say: Words, found: Survey) -> str:
    """All of a span."""
    if not found.inspections:
        return f'<div class="nothing">{say("statistics.none")}</div>'
    cards = [
        ("estimates", _estimates(say, found), True),
        ("ng_rate", _ng_rate(say, found), False),
        ("scores", scores(say, found, found.thresholds), False),
        ("reasons", _pareto(say, "reasons", found.reasons), False),
        ("kinds", _pareto(say, "kinds", found.kinds), False),
        ("times", _times(say, found), False),
        ("drift", _drift(say, found), False),
        ("decision_reasons", _pareto(say, "decision_reasons", found.decision_reasons), False),
    ]
    return "".join(_card(say, name, drawn, wide) for name, drawn, wide in cards)


def summary(say: Words, found: Survey) -> str:
    """Of what all this is said: how many, from when to when."""
    told = say.count("statistics.of", found.inspections)
    told += f" · {written(found.first_ns)} – {written(found.last_ns)}" if found.inspections else ""
    if not found.complete:
        told += f" · <b>{say('statistics.newest')}</b>"
    if found.bundles > 1:
        told += f" · <b>{say('statistics.mixed', count=found.bundles)}</b>"
    return f'<div class="summary">{told}</div>'


def scores(say: Words, found: Survey, limits: Thresholds | None, *, both: bool = False) -> str:
    """How often each score was, by verdict, with thresholds; with `both`, also where they are one."""
    stacked = [found.scores.get(verdict, [0] * SCORE_BINS) for verdict in (Verdict.OK, Verdict.REVIEW, Verdict.NG)]
    top = max(FEWEST, *map(sum, zip(*stacked, strict=True)))
    plot = Plot(top**0.5, squared=True)
    for index, counts in enumerate(zip(*stacked, strict=True)):
        below = 0
        for verdict, count in zip((Verdict.OK, Verdict.REVIEW, Verdict.NG), counts, strict=True):
            if count:
                ends = index / SCORE_BINS + 0.001, (index + 1) / SCORE_BINS - 0.001
                plot.bar(f"fill-{verdict}", *ends, below**0.5, (below + count) ** 0.5)
            below += count
    if limits:
        plot.mark("limit ok-below", limits.ok_below, say.number(limits.ok_below, 3))
        if both or limits.ng_from > limits.ok_below:
            plot.mark("limit ng-from", limits.ng_from, say.number(limits.ng_from, 3))
    words = [(share / 5, say.number(share / 5, 1)) for share in range(6)]
    return plot.svg(say("statistics.scores"), words)


def _card(say: Words, name: str, drawn: str, wide: bool) -> str:
    about = say.texts.get(f"statistics.{name}_about", "")
    return (
        f'<figure class="{name}{" wide" if wide else ""}"><figcaption><b>{say(f"statistics.{name}")}</b>'
        f"<small>{about}</small></figcaption>{drawn}</figure>"
    )


def _ng_rate(say: Words, found: Survey) -> str:
    groups, usual = found.groups, found.usual
    rates = [each.ng_rate for each in groups]
    highs = [each.ng_limits[1] if each.ng_limits else None for each in groups]
    plot = Plot(_top([*rates, *highs], 0.05), percent=True)
    across = _across(groups)
    if usual is not None:
        plot.line("usual", [(0.0, usual), (1.0, usual)])
    plot.line("limit-line", list(zip(across, highs, strict=True)))
    plot.line(
        "limit-line",
        [(x, each.ng_limits[0] if each.ng_limits else None) for x, each in zip(across, groups, strict=True)],
    )
    plot.line("series", list(zip(across, rates, strict=True)))
    for kind, out in (("dot", False), ("dot out", True)):
        chosen = [(x, each) for x, each in zip(across, groups, strict=True) if _outside(each) is out]
        titles = [
            f"{written(each.ended_ns)}: {say.share(round((each.ng_rate or 0) * each.judged), each.judged)}"
            for _, each in chosen
        ]
        plot.dots(kind, [(x, each.ng_rate) for x, each in chosen], titles)
    known = say("statistics.learned" if found.learned else "statistics.not_learned")
    count = sum(map(_outside, groups))
    told = say.count("statistics.outside", count) if count else say("statistics.inside")
    return plot.svg(say("statistics.ng_rate"), _when(groups)) + f"<p>{told} {known}</p>"


def _outside(group: Group) -> bool:
    limits = group.ng_limits
    return limits is not None and group.ng_rate is not None and not limits[0] <= group.ng_rate <= limits[1]


def _drift(say: Words, found: Survey) -> str:
    drifts = [each.score_drift for each in found.groups]
    if not any(each is not None for each in drifts):
        return f'<p class="soft">{say("statistics.no_drift_yet")}</p>'
    plot = Plot(_top(drifts, 0.4))
    plot.line("limit-line", [(0.0, DRIFT), (1.0, DRIFT)])
    points = list(zip(_across(found.groups), drifts, strict=True))
    plot.line("series", points)
    plot.dots("dot", points, [f"{written(each.ended_ns)}: {each.score_drift}" for each in found.groups])
    return plot.svg(say("statistics.drift"), _when(found.groups))


def _times(say: Words, found: Survey) -> str:
    plot = Plot(_top([each.cycle_ms.p95 if each.cycle_ms else None for each in found.groups], 10))
    across = _across(found.groups)
    plot.line(
        "soft-line",
        [(x, each.cycle_ms.p95 if each.cycle_ms else None) for x, each in zip(across, found.groups, strict=True)],
    )
    plot.line(
        "series",
        [(x, each.cycle_ms.median if each.cycle_ms else None) for x, each in zip(across, found.groups, strict=True)],
    )
    rows = "".join(
        _spread(say, name, each) for name, each in (("cycle", found.cycle_ms), ("judging", found.judging_ms)) if each
    )
    return plot.svg(say("statistics.times"), _when(found.groups)) + f"<table>{_heads(say)}{rows}</table>"


def _heads(say: Words) -> str:
    return (
        "<tr><td></td>"
        + "".join(f"<th>{say(f'statistics.{name}')}</th>" for name in ("median", "p95", "longest"))
        + "</tr>"
    )


def _spread(say: Words, name: str, each: Spread) -> str:
    cells = "".join(f"<td>{say.number(value, 1)}</td>" for value in (each.median, each.p95, each.longest))
    return f"<tr><th>{say(f'statistics.{name}')}</th>{cells}</tr>"


def _pareto(say: Words, name: str, found: Sequence[Tally]) -> str:
    if not found:
        return f'<p class="soft">{say(f"statistics.no_{name}")}</p>'
    rows = Counter[str]()
    for each in found:  # what means the same counts together
        words = {"decision_reasons": say.reason(each.name), "reasons": told(say, each.name)}
        rows[words.get(name, each.name)] += each.count
    return bars(say(f"statistics.{name}"), rows.most_common(MOST_BARS), "fill")


def _estimates(say: Words, found: Survey) -> str:
    """Counts and what operators said against them, with how far that can be trusted."""
    rows = "".join(
        _estimate(say, verdict, found) for verdict in (Verdict.OK, Verdict.NG, Verdict.REVIEW, Verdict.FAULT)
    )
    heads = "".join(
        f"<th>{say(f'statistics.{name}')}</th>" for name in ("parts", "decided", "against", "share", "interval")
    )
    return f"<table><tr><td></td>{heads}</tr>{rows}</table><p>{say('statistics.sampling')}</p>"


def _estimate(say: Words, verdict: Verdict, found: Survey) -> str:
    each = found.overruled.get(verdict, Overruled(0, 0, 0, 0.0, 1.0))
    name = f"{shape(verdict)}{say(f'verdict.{verdict}')}"
    what = f"<br><small>{say(f'statistics.against_{verdict}')}</small>"
    known = (
        f"<td>{each.decided}</td><td>{each.against}</td><td>{say.share(each.against, each.decided)}</td>"
        f"<td>{_percent(say, each.low)} – {_percent(say, each.high)}</td>"
        if each.decided
        else f'<td>0</td><td colspan="3" class="soft">{say("statistics.unknown")}</td>'
    )
    count = f"{each.inspections} <small>{say.share(each.inspections, found.inspections)}</small>"
    return f'<tr class="{verdict}"><th><span>{name}</span>{what}</th><td>{count}</td>{known}</tr>'


def _percent(say: Words, share: float) -> str:
    return f"{say.number(100 * share, 1 if share >= 0.001 or share == 0 else 3)} %"


def _across(groups: Sequence[Group]) -> list[float]:
    return [(index + 0.5) / len(groups) for index in range(len(groups))]


def _when(groups: Sequence[Group]) -> list[tuple[float, str]]:
    """Under the axis: when the first, the middle and the last group ended."""
    chosen = sorted({0, len(groups) // 2, len(groups) - 1}) if len(groups) > 2 else range(len(groups))
    return [((index + 0.5) / len(groups), _short(groups[index].ended_ns)) for index in chosen]


def _short(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9).strftime("%m-%d %H:%M")


def _top(values: Sequence[float | None], least: float) -> float:
    return max([least, *(1.1 * each for each in values if each is not None)])


def trouble(why: str) -> str:
    """That the station gave no answer."""
    return f'<div class="why">{escape(why)}</div>'
