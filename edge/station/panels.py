"""What Live shows, as HTML: pure. All text that comes from outside is escaped."""

from __future__ import annotations

from html import escape

from edge.contract.types import Verdict
from edge.station.live import Freshness, Shown
from edge.station.looks import shape
from edge.station.shift import Tally
from edge.station.span import written
from edge.station.told import told
from edge.station.words import Words
from edge.wire.messages import ResultHeader

MOST_NOTICES = 3


def verdict(say: Words, shown: Shown) -> str:
    """The large verdict; grey, with other words, where it says nothing of now."""
    header = shown.header
    if shown.freshness is Freshness.LOST:
        last = say("live.last_verdict", verdict=say(f"verdict.{header.verdict}")) if header else say("live.no_verdict")
        return _large("lost", say("live.not_live"), last)
    if header is None:
        return _large("none", say("live.no_part"), say("live.since_page"))
    meaning = say(f"meaning.{header.verdict}")
    if shown.freshness is Freshness.PAST:
        meaning = say("live.last_part", time=say.ago(shown.age_s or 0))
    look = f"{header.verdict} {shown.freshness}"
    return _large(look, say(f"verdict.{header.verdict}"), meaning, shape(header.verdict))


def _large(look: str, word: str, meaning: str, drawn: str = "") -> str:
    return (
        f'<div class="verdict {look}" role="status" style="--letters:{len(word)}">{drawn}'
        f"<b>{word}</b><span>{meaning}</span></div>"
    )


def part(say: Words, header: ResultHeader | None) -> str:
    """Part id, kind, score against the thresholds, why."""
    if header is None:
        return ""
    kind = f'<div class="kind">{escape(header.kind)}</div>' if header.kind else ""
    why = (
        f'<div class="why" title="{escape(header.reason)}">{escape(told(say, header.reason))}</div>'
        if header.reason
        else ""
    )
    name = escape(header.part or header.frame_name or header.id)
    named = f'<div class="part"><small>{say("live.part")}</small><b class="id" title="{name}">{name}</b>{kind}</div>'
    return named + _score(say, header) + why


def _score(say: Words, header: ResultHeader) -> str:
    if header.score is None:
        return ""
    bands, marks = "", ""
    if limits := header.thresholds:
        ok, ng = 100 * limits.ok_below, 100 * limits.ng_from
        for verdict, start, end in ((Verdict.OK, 0.0, ok), (Verdict.REVIEW, ok, ng), (Verdict.NG, ng, 100.0)):
            bands += f'<i class="{verdict}" style="left:{start:.2f}%;width:{end - start:.2f}%"></i>'
        marks = say("live.limits", ok=say.number(limits.ok_below, 3), ng=say.number(limits.ng_from, 3))
    needle = f'<u style="left:{100 * header.score:.2f}%"></u>'
    return (
        f'<div class="score"><div><small>{say("live.score")}</small><b>{say.number(header.score, 3)}</b></div>'
        f'<div class="scale">{bands}{needle}</div><small>{marks}</small></div>'
    )


def counts(say: Words, tally: Tally) -> str:
    """Results of the shift by verdict, yield and NG rate."""
    if tally.since is None:
        return ""
    each = "".join(
        f'<div class="count {verdict}">{shape(verdict)}<b>{number}</b><small>{say(f"verdict.{verdict}")}</small></div>'
        for verdict, number in tally.counts.items()
    )
    for key, verdict in (("yield", Verdict.OK), ("ng_rate", Verdict.NG)):
        value = say.share(tally.counts[verdict], tally.total)
        each += f'<div class="count rate"><b>{value}</b><small>{say(f"live.{key}")}</small></div>'
    since = say("live.shift", time=f"{tally.since:%H:%M}")
    return f'<div class="counts"><small class="since">{since}</small>{each}</div>'


def condition(say: Words, shown: Shown) -> str:
    """How the line is: one sentence with a mark, and the station's name."""
    kind, mark = "well", "●"
    if shown.freshness is Freshness.LOST:
        kind, mark = "lost", "✕"
    elif shown.troubled or shown.notices:
        kind, mark = "error" if shown.troubled else "warned", "!"
    how = shown.condition
    known = say(how.key, time=say.duration(how.silent_s)) + (f" – {told(say, how.reason)}" if how.reason else "")
    return (
        f'<div class="condition {kind}"><em>{mark}</em><div><b>{escape(known)}</b>'
        f"<span>{escape(shown.station)}</span></div></div>"
    )


def notices(say: Words, shown: Shown) -> str:
    """Faults and warnings: what they mean, since when, and what the station says of them in its own words."""
    listed = ""
    for each in shown.notices[:MOST_NOTICES]:
        title = say.texts.get(f"notice.{each.name}", say("notice.other"))
        since = f"<i>{say('notice.since', time=written(each.since_ns))}</i>" if each.since_ns else ""
        text = f'<span title="{escape(each.text)}">{escape(told(say, each.text))}</span>'
        listed += f'<div class="notice"><em>!</em><div><b>{title}</b>{since}{text}</div></div>'
    more = len(shown.notices) - MOST_NOTICES
    return listed + (f'<div class="notice more">{say("notice.more", count=more)}</div>' if more > 0 else "")


def age(say: Words, shown: Shown) -> str:
    """How old the picture is; loud where it is not of now."""
    if shown.part is None or shown.age_s is None:
        return ""
    lost = shown.freshness is Freshness.LOST
    said = say("live.lost_taken" if lost else "live.taken", time=say.ago(shown.age_s))
    return f'<div class="age {shown.freshness}">{said}</div>'


def opacity(say: Words) -> str:
    """How much of the map is seen over the frame; the browser does it alone."""
    return (
        f'<label class="opacity"><small>{say("live.map")}</small>'
        f'<input type="range" min="0" max="100" value="70" data-opacity aria-label="{say("live.map_opacity")}"></label>'
    )
