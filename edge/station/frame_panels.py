"""What stands around the views, as HTML: tabs, who is signed in, the PIN pad. Pure; outside text is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from edge.station.words import Words, languages
from edge.wire.allowed import Role


def tab(say: Words, name: str, icon: str, number: int) -> str:
    """The button that opens a view; its number is its key, too."""
    return (
        f'<button data-go="{name}" data-key="{number}"><svg class="icon" viewBox="0 0 24 24" aria-hidden="true">'
        f'<path d="{icon}"/></svg><span>{say(f"view.{name}")}</span></button>'
    )


def who(say: Words, name: str, role: Role) -> str:
    """Who is signed in, or the way to do so; and the other languages."""
    others = "".join(
        f'<button class="language" data-language="{code}" lang="{code}" title="{other("language.name")}">'
        f"{escape(code.upper())}</button>"
        for code, other in languages().items()
        if code != say.language
    )
    if not name:
        return f'{others}<button class="who" data-open="sign">{say("sign.in")}</button>'
    return (
        f'{others}<button class="who" data-event="sign-out"><b>{escape(name)}</b>'
        f"<small>{say(f'role.{role}')} · {say('sign.out')}</small></button>"
    )


def names(say: Words, known: Iterable[str]) -> str:
    """Who may sign in, to choose from."""
    buttons = "".join(f'<button data-name="{escape(each, quote=True)}">{escape(each)}</button>' for each in known)
    if not buttons:
        command = "<code>okng people set NAME --role operator</code>"
        return f"<b>{say('sign.nobody')}</b>{command}<button data-close>{say('sign.close')}</button>"
    return f'<b>{say("sign.who")}</b><div class="people">{buttons}</div><button data-close>{say("sign.close")}</button>'


def pad(say: Words) -> str:
    """Keys for gloves, and a field for a keyboard or a scanner."""
    digits = "".join(f'<button data-digit="{digit}">{digit}</button>' for digit in "123456789")
    return (
        f'<label><b data-template="{say("sign.pin", name="{name}")}"></b>'
        '<input id="okng-pin" type="password" maxlength="200" autocomplete="off"></label>'
        f'<div class="digits">{digits}<button data-digit="" aria-label="{say("sign.delete")}">⌫</button>'
        f'<button data-digit="0">0</button><button class="go" data-pin>{say("sign.go")}</button></div>'
        f"<button data-back>{say('sign.back')}</button>"
    )


def refused(say: Words, wait_s: float) -> str:
    """A wrong PIN, or too many."""
    wait = f" · {say('sign.wait', time=say.duration(wait_s))}" if wait_s > 0 else ""
    return f'<div class="refused" role="alert">{say("sign.wrong")}{wait}</div>'


def ended(say: Words, why: str, idle_s: float) -> str:
    """Why a session is over; nothing where its owner ended it."""
    if why not in {"timed_out", "ended"}:
        return ""
    return f'<div class="refused" role="alert">{say(f"sign.{why}", time=say.duration(idle_s))}</div>'


def locked(say: Words, needs: Role) -> str:
    """In place of a view that the role does not cover."""
    role = say(f"role.{needs}")
    return (
        f'<div class="locked-note"><b>{say("sign.needs", role=role)}</b>'
        f'<button data-open="sign">{say("sign.needs_why", role=role)}</button></div>'
    )


def gone(say: Words) -> str:
    """Over all, when the browser has lost the page's own program."""
    return f"<div><b>{say('live.not_live')}</b><span>{say('live.gone')}</span></div>"
