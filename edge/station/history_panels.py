"""What History shows, as HTML: pure. All text that comes from outside is escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from edge.contract.types import Decision, Verdict
from edge.station.looks import DECIDED, shape
from edge.station.span import written
from edge.station.statistics_panels import moment, spans
from edge.station.words import Words
from edge.wire.answers import DecisionAnswer
from edge.wire.messages import DecidedFact, ResultHeader
from edge.wire.queries import Past


def form(say: Words) -> str:
    """Which inspections."""
    verdicts = "".join(
        f'<label class="toggle {verdict}">{shape(verdict)}<input type="checkbox" name="{verdict}" '
        f'aria-label="{say(f"verdict.{verdict}")}"></label>'
        for verdict in Verdict
    )
    typed = "".join(
        f'<label><small>{say(f"history.{name}")}</small><input name="{name}" maxlength="200"></label>'
        for name in ("part", "kind", "recipe")
    )
    return (
        f'<form data-form="history"><div class="toggles">{verdicts}</div>{spans(say, "all")}{typed}'
        f"{moment(say, 'since')}{moment(say, 'until')}</form>"
    )


def cards(say: Words, found: Sequence[Past]) -> str:
    """A picture of each, newest first."""
    return "".join(_card(say, each) for each in found) or f'<div class="nothing">{say("history.none")}</div>'


def _card(say: Words, each: Past) -> str:
    header = each.header
    picture = f'<img alt="" src="{_jpeg(each.thumbnail)}">' if each.thumbnail else f"<i>{say('history.no_image')}</i>"
    score = "" if header.score is None else say.number(header.score, 3)
    said = f"<em>{shape(DECIDED[each.decision.decision])}</em>" if each.decision else ""
    return (
        f'<button class="card {header.verdict}" data-event="look" data-case="{escape(header.id, quote=True)}">{picture}'
        f'<span class="mark">{shape(header.verdict)}{said}</span><b>{escape(name_of(header))}</b>'
        f"<small>{written(header.triggered_ns)[5:]}<br>{escape(header.kind or '') or say(f'verdict.{header.verdict}')} "
        f"{score}</small></button>"
    )


def status(say: Words, shown: int, reached_ns: int | None, *, more: bool) -> str:
    """How much is shown, and how far back that was looked for."""
    told = say.count("history.shown", shown)
    if more and reached_ns is not None:
        told += f" · {say('history.reached', time=written(reached_ns))}"
    return f'<div class="summary">{told}</div>'


def pager(say: Words, *, newer: bool, older: bool) -> str:
    """On to the next ones."""
    return (
        f'<button data-event="newest">{say("history.newest")}</button>'
        f'<button data-event="newer" {"" if newer else "disabled"}>‹ {say("history.newer")}</button>'
        f'<button data-event="older" {"" if older else "disabled"}>{say("history.older")} ›</button>'
    )


def facts(say: Words, each: Past, decisions: Sequence[DecisionAnswer] = ()) -> str:
    """All that is known of one inspection, but the score and the picture; `decisions` are all of them."""
    header = each.header
    rows = [
        ("id", header.id),
        ("triggered", written(header.triggered_ns)),
        ("captured", written(header.captured_ns)),
        ("signal", say(f"history.{header.signal}")),
        ("recipe", header.recipe or ""),
        ("region", header.region.name if header.region else ""),
        ("golden", say(f"verdict.{header.golden}") if header.golden else ""),
        ("bundle", header.bundle[:12]),
        ("timings", " · ".join(f"{name} {say.number(ms, 1)} ms" for name, ms in header.timings_ms.items())),
        ("file", header.image.path if header.image else say("history.no_image")),
        ("protected", say("history.yes") if each.protected else ""),
    ]
    rows += [
        ("look", f"{look.frame + 1} {look.region} {say(f'verdict.{look.verdict}')} {look.score or ''}")
        for look in header.looks or ()
    ]
    told = "".join(f"<dt>{say(f'history.{name}')}</dt><dd>{escape(text)}</dd>" for name, text in rows if text)
    return f"{decision(say, each)}{_earlier(say, each, decisions)}<dl>{told}</dl>"


def _earlier(say: Words, each: Past, decisions: Sequence[DecisionAnswer]) -> str:
    """What was decided before, or taken back, newest first."""
    stands = each.decision.request_id if each.decision else ""
    return "".join(
        f'<p class="soft">{_told(say, made)}'
        f"{escape(say('history.withdrawn', name=made.withdrawn_by)) if made.withdrawn_by else ''}</p>"
        for made in reversed(decisions)
        if made.request_id != stands
    )


def decision(say: Words, each: Past) -> str:
    """What an operator said of it last."""
    said = each.decision
    if said is None:
        return f'<p class="soft">{say("history.not_decided")}</p>'
    verdict = DECIDED[said.decision]
    return f'<div class="said {verdict}">{shape(verdict)}<span>{_told(say, said)}</span></div>'


def _told(say: Words, said: DecidedFact) -> str:
    key = "history.accepted" if said.decision is Decision.ACCEPT else "history.rejected"
    why = " · ".join(filter(None, (said.code and say.reason(said.code), said.reason)))
    told = escape(say(key, name=said.operator, time=written(said.decided_ns)))
    return f"{told}<br>{escape(why)} "


def verdict(say: Words, header: ResultHeader) -> str:
    """What the machine said of it."""
    return f'<div class="said {header.verdict}">{shape(header.verdict)}<b>{say(f"verdict.{header.verdict}")}</b></div>'


def full_controls(say: Words, *, newer: bool, older: bool) -> str:
    """Under one inspection: back, to its neighbours, and to Decide."""
    beside = "".join(
        f'<button data-event="look-{name}" data-key="{key}" {able}>{say(f"history.{name}")}</button>'
        for name, key, able in (
            ("newer", "ARROWLEFT", "" if newer else "disabled"),
            ("older", "ARROWRIGHT", "" if older else "disabled"),
        )
    )
    decide = f'<button data-event="override">{say("history.override")}</button>'
    return f'<button data-event="back" data-key="ESCAPE">{say("history.back")}</button>{beside}{decide}'


def name_of(header: ResultHeader) -> str:
    """What people call it."""
    return header.part or header.frame_name or header.id


def _jpeg(data: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
