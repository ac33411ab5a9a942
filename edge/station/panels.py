"""The page's parts as HTML, from what `live` and `review` say: pure. All text that comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edge.contract.types import Verdict
from edge.station.live import Freshness, Shown
from edge.station.words import LOOKS, duration, share
from edge.wire.messages import ResultHeader

MOST_NOTICES = 3


def shape(verdict: Verdict) -> str:
    """The verdict's shape alone."""
    return f'<svg class="shape" viewBox="0 0 100 100" aria-hidden="true"><path d="{LOOKS[verdict].shape}"/></svg>'


def verdict(shown: Shown) -> str:
    """The large verdict; grey, with other words, where it says nothing of now."""
    header = shown.header
    if shown.freshness is Freshness.LOST:
        last = f"Last verdict: {LOOKS[header.verdict].word}" if header else "No verdict yet"
        return f'<div class="verdict lost" role="status"><b>NOT LIVE</b><span>{last}</span></div>'
    if header is None:
        return '<div class="verdict none" role="status"><b>NO PART YET</b><span>since this page began</span></div>'
    look = LOOKS[header.verdict]
    meaning = look.meaning
    if shown.freshness is Freshness.PAST:
        meaning = f"Last part, {duration(shown.age_s or 0)} ago"
    return (
        f'<div class="verdict {header.verdict} {shown.freshness}" role="status">{shape(header.verdict)}'
        f"<b>{look.word}</b><span>{meaning}</span></div>"
    )


def part(header: ResultHeader | None) -> str:
    """Part id, kind, score against the thresholds, why."""
    if header is None:
        return ""
    kind = f'<div class="kind">{escape(header.kind)}</div>' if header.kind else ""
    why = f'<div class="why">{escape(header.reason)}</div>' if header.reason else ""
    name = escape(header.part or header.frame_name or header.id)
    named = f'<div class="part"><small>Part</small><div class="id" title="{name}">{name}</div>{kind}</div>'
    return named + _score(header) + why


def _score(header: ResultHeader) -> str:
    if header.score is None:
        return ""
    bands, marks = "", ""
    if limits := header.thresholds:
        ok, ng = 100 * limits.ok_below, 100 * limits.ng_from
        for verdict, start, end in ((Verdict.OK, 0.0, ok), (Verdict.REVIEW, ok, ng), (Verdict.NG, ng, 100.0)):
            bands += f'<i class="{verdict}" style="left:{start:.2f}%;width:{end - start:.2f}%"></i>'
        marks = f"<small>OK below {limits.ok_below:.3g} · NG from {limits.ng_from:.3g}</small>"
    needle = f'<u style="left:{100 * header.score:.2f}%"></u>'
    return (
        f'<div class="score"><div><small>P(NG)</small><b>{header.score:.3f}</b></div>'
        f'<div class="scale">{bands}{needle}</div>{marks}</div>'
    )


def counts(shown: Shown) -> str:
    """Results since the station started, by verdict, and the yield."""
    total = sum(shown.counts.values())
    each = "".join(
        f'<div class="count {verdict}">{shape(verdict)}<b>{number}</b><small>{LOOKS[verdict].word}</small></div>'
        for verdict, number in shown.counts.items()
    )
    good = share(shown.counts[Verdict.OK], total)
    each += f'<div class="count yield"><b>{good}</b><small>Yield</small></div>'
    return f'<div class="counts" title="Since the station started">{each}</div>'


def condition(shown: Shown) -> str:
    """How the line is: one sentence with a mark, and the station's name."""
    kind = "lost" if shown.freshness is Freshness.LOST else "error" if shown.troubled else "well"
    mark = {"lost": "✕", "error": "!", "well": "●"}[kind]
    return (
        f'<div class="condition {kind}"><em>{mark}</em><div><b>{escape(shown.station or "okng")}</b>'
        f"<span>{escape(shown.condition)}</span></div></div>"
    )


def notices(shown: Shown) -> str:
    """Faults and warnings, in the station's own words."""
    more = len(shown.notices) - MOST_NOTICES
    told = [*shown.notices[:MOST_NOTICES], *([f"and {more} more"] if more > 0 else [])]
    return "".join(f'<div class="notice"><em>!</em>{escape(text)}</div>' for text in told)


def age(shown: Shown) -> str:
    """How old the picture is; loud where it is not of now."""
    if shown.part is None or shown.age_s is None:
        return ""
    if shown.freshness is Freshness.LOST:
        return f'<div class="age lost">NOT LIVE · taken {duration(shown.age_s)} ago</div>'
    said = "now" if shown.age_s < 1 else f"{duration(float(int(shown.age_s)))} ago".replace(".0 s", " s")
    return f'<div class="age {shown.freshness}">Taken {said}</div>'


def operator(name: str, operators: Sequence[str]) -> str:
    """Who decides, to choose or type; once that is said, a button to say it anew."""
    if name:
        return f'<button class="who" data-operator=""><small>Operator</small><b>{escape(name)}</b></button>'
    names = "".join(
        f'<button class="name" data-operator="{escape(name, quote=True)}">{escape(name)}</button>' for name in operators
    )
    typed = (
        '<input id="okng-name" maxlength="60" placeholder="Your name" aria-label="Your name">'
        '<button class="name" data-typed>Go</button>'
    )
    return f'<div class="signin"><b>Who decides?</b>{names or typed}</div>'


def navigation() -> str:
    """The two views."""
    return '<nav><button data-go="live">Live</button><button data-go="decide">Decide</button></nav>'


def opacity() -> str:
    """How much of the map is seen over the frame; the browser does it alone."""
    return (
        '<label class="opacity"><small>Map</small>'
        '<input type="range" min="0" max="100" value="70" data-opacity aria-label="Opacity of the map"></label>'
    )


def gone() -> str:
    """Over all, when the browser has lost the page's own program."""
    return "<div><b>NOT LIVE</b><span>No connection to okng station. It connects again by itself.</span></div>"
