"""What Decide shows, as HTML: pure. All text that comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edge.contract.types import Decision, Verdict
from edge.station.looks import DECIDED, shape
from edge.station.review import Case, Choice, Progress
from edge.station.words import Words

EARLIER_KEY = "E"
MANY_CODES = 8
"""More are shown in three columns."""
SIDES = ((Decision.REJECT, Verdict.NG, "R"), (Decision.ACCEPT, Verdict.OK, "A"))


def banner(say: Words, case: Case | None, total: int, *, earlier: bool, now: float) -> str:
    """Above the part: how many wait, and whether the line waits for this one; or that it is an earlier part."""
    if case is None:
        return f'<div class="waiting none">{say("decide.wait_none")}</div>'
    name = f'data-case="{escape(case.id, quote=True)}"'
    if earlier:
        back = f'<button data-event="queue">{say("decide.to_queue")}</button>'
        return f'<div class="waiting earlier" {name}>{_stands(say, case)}{back}</div>'
    count = say.count("decide.wait", total)
    if case.until is None:
        return f'<div class="waiting" {name}>{shape(Verdict.REVIEW)}<b>{count}</b></div>'
    left = say.duration(max(0.0, float(int(case.until - now))))
    line = f"<b>{say('decide.line_waits', time=left)}</b><span>{count}</span>"
    return f'<div class="waiting line" {name}>{shape(Verdict.REVIEW)}<div>{line}</div></div>'


def _stands(say: Words, case: Case) -> str:
    """What counts on an earlier part: the verdict, or what an operator said of it."""
    verdict = case.part.result.header.verdict
    if case.said is None:
        return f"{shape(verdict)}<div><b>{say(f'verdict.{verdict}')}</b><span>{say('decide.by_okng')}</span></div>"
    look = DECIDED[case.said.decision]
    said = escape(say(f"decide.{case.said.decision}ed", name=case.said.operator))
    return f"{shape(look)}<div><b>{said}</b><span>{say('decide.was', verdict=say(f'verdict.{verdict}'))}</span></div>"


def codes(say: Words, decision: Decision, about: tuple[str, str], listed: Sequence[str]) -> str:
    """Why: one large button for each reason, with its key. `about`: the inspection, and what stands on it."""
    buttons = "".join(
        f'<button class="code" data-event="decide" {_said(decision, about, code)}'
        f' data-key="{key}"><span>{escape(say.reason(code))}</span><kbd>{key}</kbd></button>'
        for key, code in zip("123456789XYZ", listed, strict=False)
    )
    many = " many" if len(listed) > MANY_CODES else ""
    look = DECIDED[decision]
    return (
        f'<div class="codes {look}{many}"><div class="why">{shape(look)}<b>{say(f"decide.why_{decision}")}</b></div>'
        f'<div class="grid">{buttons}</div></div>'
    )


def choices(say: Words, last: Sequence[tuple[Choice, bool]], *, may: bool) -> str:
    """The last choices, each with whether it stands; those that do can be taken back."""
    rows = ""
    for choice, stands in last:
        able = "" if may and stands and choice.progress is Progress.DONE else "disabled"
        undo = f'<button {able} data-event="undo" data-request="{escape(choice.request_id, quote=True)}">'
        rows += f'<div class="row">{_choice(say, choice)}{undo}↶<small>{say("decide.undo")}</small></button></div>'
    return f"<small>{say('decide.decided')}</small>{rows}" if rows else ""


def _choice(say: Words, choice: Choice) -> str:
    """One choice: what, who, why, whether it is on record."""
    why = f" · {escape(say.reason(choice.code))}" if choice.code else ""
    state = "" if choice.progress is Progress.DONE and not choice.why else escape(_state(say, choice))
    who = escape(say(f"decide.{choice.decision}ed", name=choice.operator))
    look = DECIDED[choice.decision]
    return (
        f'<div class="choice {look} {choice.progress}">{shape(look)}'
        f"<div><b>{escape(choice.part or choice.inspection)}</b><span>{state or who + why}</span></div></div>"
    )


def _state(say: Words, choice: Choice) -> str:
    progress = Progress.REFUSED if choice.why else choice.progress
    return say(f"decide.{progress}", why=choice.why)


def recent(say: Words, cases: Sequence[Case], shown: str) -> str:
    """The last parts, whatever their verdict: a touch opens one, to decide otherwise."""
    cards = "".join(
        f'<button class="card {_mark(case)}{" open" if case.id == shown else ""}" data-event="open"'
        f' data-inspection="{escape(case.id, quote=True)}">{shape(_mark(case))}'
        f"<b>{escape(case.part.result.header.part or case.id)}</b>"
        f"<small>{escape(case.said.operator) if case.said else '&nbsp;'}</small></button>"
        for case in cases
    )
    none = f'<div class="waiting none">{say("decide.none_yet")}</div>'
    return f'<small>{say("decide.recent")}</small><div class="cards">{cards}</div>' if cards else none


def _mark(case: Case) -> Verdict:
    """How a part came out in the end."""
    return DECIDED[case.said.decision] if case.said else case.part.result.header.verdict


def controls(
    say: Words, about: tuple[str, str], *, may: bool, able: bool, asking: Decision | None, earlier: bool
) -> str:
    """Accept and reject, and the earlier parts; once one of the two is touched, no reason or back.

    For who may not decide, the way to sign in.
    """
    if not may:
        return f'<button class="decision" data-open="sign">{say("decide.sign_in_first")}</button>'
    if asking:
        (side,) = [each for each in SIDES if each[0] is asking]
        return (
            f'<button class="who" data-event="ask" data-decision="" data-key="ESCAPE">✕ {say("decide.back")}</button>'
            f"{_side(side, about, able, 'decide', say(f'decide.{asking}_bare'))}"
        )
    label = say("decide.close" if earlier else "decide.earlier")
    toggle = (
        f'<button class="who" data-event="earlier" data-key="{EARLIER_KEY}">{label}<kbd>{EARLIER_KEY}</kbd></button>'
    )
    return toggle + "".join(_side(side, about, able, "ask", say(f"decide.{side[0]}")) for side in SIDES)


def _side(side: tuple[Decision, Verdict, str], about: tuple[str, str], able: bool, event: str, label: str) -> str:
    decision, verdict, key = side
    return (
        f'<button class="decision {verdict}" {"" if able else "disabled"} data-event="{event}"'
        f' {_said(decision, about)} data-key="{key}">{shape(verdict)}{label}<kbd>{key}</kbd></button>'
    )


def _said(decision: Decision, about: tuple[str, str], code: str = "") -> str:
    """What a button says beside its event: of which part, as it stood when the button was drawn."""
    case, seen, why = (escape(each, quote=True) for each in (*about, code))
    return f'data-decision="{decision}" data-case="{case}" data-seen="{seen}" data-code="{why}"'


def nothing_waits(say: Words) -> str:
    """In the place of the picture, when there is nothing to decide."""
    return f'<div class="nothing">{shape(Verdict.OK)}{say("decide.all_done")}</div>'


def badge(total: int) -> str:
    """How many wait, beside the name of the view; nothing where none does."""
    return f'<span class="badge">{total if total < 1000 else "999+"}</span>' if total else ""
