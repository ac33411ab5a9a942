"""What Decide shows, as HTML: pure. All text that comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edge.contract.types import Decision, Verdict
from edge.station.live import Part
from edge.station.looks import shape
from edge.station.review import Choice, Progress
from edge.station.words import Words

SHOWN_CHOICES = 4


def waiting(say: Words, queue: list[Part], dropped: int) -> str:
    """Above the part to decide: how many wait."""
    if not queue:
        return f'<div class="waiting none">{say("decide.wait_none")}</div>'
    more = f" · {say('decide.older', count=dropped)}" if dropped else ""
    case = escape(queue[0].result.header.id, quote=True)
    count = say.count("decide.wait", len(queue))
    return f'<div class="waiting" data-case="{case}">{shape(Verdict.REVIEW)}<b>{count}</b>{more}</div>'


def history(say: Words, choice: Choice) -> str:
    """One choice: what, who, whether it is on record."""
    accepted = choice.decision is Decision.ACCEPT
    state = say(f"decide.{choice.progress}", why=choice.why)
    name = escape(choice.part or choice.inspection)
    said = say("decide.accepted" if accepted else "decide.rejected", name=choice.operator)
    return (
        f'<div class="choice {Verdict.OK if accepted else Verdict.NG} {choice.progress}">'
        f"{shape(Verdict.OK if accepted else Verdict.NG)}<div><b>{name}</b>"
        f"<span>{escape(said)} · {escape(state)}</span></div></div>"
    )


def choices(say: Words, last: Sequence[Choice], *, can_change: bool) -> str:
    """The last choices, each with a button that turns it round."""
    rows = ""
    for each in last[:SHOWN_CHOICES]:
        other = Decision.REJECT if each.decision is Decision.ACCEPT else Decision.ACCEPT
        label = say(f"decide.change_to_{other}")
        if each.progress is Progress.REFUSED:
            other, label = each.decision, say("decide.again")
        able = "" if can_change and each.progress is not Progress.SENDING else "disabled"
        asks = f'data-event="change" data-case="{escape(each.inspection, quote=True)}" data-decision="{other}"'
        rows += f'<div class="row">{history(say, each)}<button {able} {asks}>{label}</button></div>'
    return f"<small>{say('decide.decided')}</small>{rows}" if rows else ""


def controls(say: Words, *, may: bool, connected: bool, armed: bool) -> str:
    """Accept and reject; for who may not decide, the way to sign in."""
    if not may:
        return f'<button class="decision" data-open="sign">{say("decide.sign_in_first")}</button>'
    able = "" if connected and armed else "disabled"
    return "".join(
        f'<button class="decision {verdict}" {able} data-event="decide" data-decision="{decision}" data-key="{key}">'
        f"{shape(verdict)}{say(f'decide.{decision}')}<kbd>{key}</kbd></button>"
        for decision, verdict, key in ((Decision.REJECT, Verdict.NG, "R"), (Decision.ACCEPT, Verdict.OK, "A"))
    )


def nothing_waits(say: Words) -> str:
    """In the place of the picture, when there is nothing to decide."""
    return f'<div class="nothing">{shape(Verdict.OK)}{say("decide.all_done")}</div>'


def badge(waiting: int) -> str:
    """How many wait, beside the name of the view; nothing where none does."""
    return f'<span class="badge">{waiting}</span>' if waiting else ""
