"""Who is signed in to the page: by PIN or token, until they sign out or nobody touches the page any more."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.station.audit import Audit
from edge.station.people import LONGEST_PIN, People, matches
from edge.wire.allowed import Role

FREE_GUESSES = 3
"""Wrong PINs of one name that cost no wait; each one more doubles it."""
LONGEST_WAIT_S = 300.0


@dataclass(eq=False)
class Session:
    """One sign-in. `token` lets the same browser go on after it has loaded the page anew."""

    token: str
    name: str
    secret: str
    touched: float
    ended: str = ""
    """Why it is over, as in the catalogue's table `sign`; empty while it is not."""


@dataclass(frozen=True)
class Wrong:
    """No sign-in; `wait_s` is how long no other guess is looked at, 0 for not at all."""

    wait_s: float = 0.0


@dataclass
class _Guesses:
    wrong: int = 0
    until: float = 0.0


class Sessions:
    """Of one page server. Belongs to one event loop; times are monotonic seconds."""

    def __init__(
        self, people: People, audit: Audit, idle_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """After `idle_s` without a touch a session ends."""
        self.people, self.idle_s = people, idle_s
        self._audit, self._clock = audit, clock
        self._sessions: dict[str, Session] = {}
        self._guesses: dict[str, _Guesses] = {}
        self._guessing = asyncio.Lock()

    async def sign_in(self, name: str, pin: str, where: str) -> Session | Wrong:
        """One guess, from the address `where`. They are looked at one after the other, whoever makes them."""
        async with self._guessing:
            person = self.people.known.get(name)
            if person is None or len(pin) > LONGEST_PIN:
                return Wrong()
            guesses = self._guesses.setdefault(name, _Guesses())
            if (wait_s := guesses.until - self._clock()) > 0:
                return Wrong(wait_s)
            if not await asyncio.to_thread(matches, person.secret, pin):
                guesses.wrong += 1
                wait_s = min(LONGEST_WAIT_S, 2.0 ** (guesses.wrong - FREE_GUESSES)) if self._tired(guesses) else 0.0
                guesses.until = self._clock() + wait_s
                self._audit(name, "wrong_pin", where=where, wrong=guesses.wrong)
                return Wrong(wait_s)
            del self._guesses[name]
        session = Session(secrets.token_urlsafe(24), name, person.secret, self._clock())
        for each in [*self._sessions.values()]:
            self.role(each)  # which lets go of those that are over
        self._sessions[session.token] = session
        self._audit(name, "signed_in", where=where, role=person.role)
        return session

    def resume(self, token: str) -> Session | None:
        """The session of a browser that comes back; None when there is none, or it is over."""
        session = self._sessions.get(token)
        return session if session and self.role(session) is not Role.VIEWER else None

    def role(self, session: Session | None) -> Role:
        """What they may do now: viewer when nobody is signed in, or no longer is."""
        if session is None or session.ended:
            return Role.VIEWER
        person = self.people.known.get(session.name)
        if person is None or person.secret != session.secret:
            return self._end(session, "ended")
        if self._clock() - session.touched > self.idle_s:
            return self._end(session, "timed_out")
        return person.role

    def touch(self, session: Session) -> None:
        """Somebody is there."""
        if self.role(session) is not Role.VIEWER:
            session.touched = self._clock()

    def sign_out(self, session: Session) -> None:
        """They go."""
        if not session.ended:
            self._end(session, "out")

    def _tired(self, guesses: _Guesses) -> bool:
        return guesses.wrong > FREE_GUESSES

    def _end(self, session: Session, why: str) -> Role:
        session.ended = why
        self._sessions.pop(session.token, None)
        self._audit(session.name, {"out": "signed_out"}.get(why, why))
        return Role.VIEWER
