"""The operator page, of NiceGUI: the frame around the views. A new view is one more in `VIEWS`."""

from __future__ import annotations

import json
import time
from pathlib import Path

from nicegui import ui

from edge.station import frame_panels, panels
from edge.station.decide_view import DecideView
from edge.station.history_view import HistoryView
from edge.station.live_view import LiveView
from edge.station.sessions import Session
from edge.station.setup_view import SetupView
from edge.station.statistics_view import StatisticsView
from edge.station.visit import Args, View, Visit, place
from edge.wire.allowed import Role

HERE = Path(__file__).parent
REFRESH_S = 0.25
BEAT_S = 1.0
STYLES = ("page.css", "decide_view.css", "past.css", "setup_view.css")
VIEWS: tuple[type[View], ...] = (LiveView, DecideView, HistoryView, StatisticsView, SetupView)
"""In the order of their tabs."""


def css() -> str:
    """The page's style: the files, and which view and tab belong together."""
    open_views = ", ".join(f'[data-view="{kind.name}"] .view.{kind.name}' for kind in VIEWS)
    open_tabs = ", ".join(f'[data-view="{kind.name}"] [data-go="{kind.name}"]' for kind in VIEWS)
    files = "".join((HERE / name).read_text(encoding="utf-8") for name in STYLES)
    return files + (
        f"{open_views} {{ display: grid; }}\n"
        f"{open_tabs} {{ color: var(--text) !important; background: var(--ground) !important;"
        " border-left-color: var(--focus) !important; font-weight: 700; }\n"
    )


class Page:
    """What one browser shows."""

    def __init__(self, visit: Visit) -> None:
        self._visit, self._open, self._beaten = visit, VIEWS[0].name, 0.0
        self._client = ui.context.client
        self._views: list[tuple[View, ui.element, ui.html, ui.html]] = []
        with ui.element("div").classes("okng").props(f'data-view="{self._open}"'):
            with ui.element("header"):
                self._condition, self._who = place("line"), place("account")
            self._tabs()
            with ui.element("main"):
                for kind in VIEWS:
                    self._section(kind)
            with ui.element("div").classes("sign"):
                self._names, self._refused = place("names"), place("alerts")
                place("pad", frame_panels.pad(visit.say))
            place("gone", frame_panels.gone(visit.say))
        visit.on("view", Role.VIEWER, self._go)
        visit.on("touched", Role.VIEWER, lambda _: None)
        visit.on("sign-in", Role.VIEWER, self._sign_in)
        visit.on("resume", Role.VIEWER, self._resume)
        visit.on("sign-out", Role.OPERATOR, self._sign_out)
        self._client.on_connect(lambda: self._client.run_javascript("okngJoin()"))
        self.refresh()
        ui.timer(REFRESH_S, self.refresh)

    def refresh(self) -> None:
        """Brings all up to now; what has not changed is not sent again."""
        now, visit = time.monotonic(), self._visit
        shown, role = visit.feed.live.shown(now, time.time_ns()), visit.role
        self._condition.content = panels.condition(visit.say, shown)
        self._who.content = frame_panels.who(visit.say, visit.name, role)
        self._names.content = frame_panels.names(visit.say, visit.sessions.people.known)
        if visit.session and visit.session.ended:
            self._refused.content = frame_panels.ended(visit.say, visit.session.ended, visit.sessions.idle_s)
            visit.session = None
        for view, section, lock, badge in self._views:
            may = role.covers(view.needs)
            section.classes(replace=f"view {view.name}" + ("" if may else " locked"))
            lock.content = "" if may else frame_panels.locked(visit.say, view.needs)
            badge.content = view.badge()
            if may and (view.always or view.name == self._open):
                view.refresh(shown)
        if now - self._beaten >= BEAT_S:
            self._beaten = now
            self._client.run_javascript("window.okngBeat && okngBeat()")

    def _tabs(self) -> None:
        self._badges = []
        with ui.element("nav"):
            for number, kind in enumerate(VIEWS, 1):
                with ui.element("div").classes("tab"):
                    place("", frame_panels.tab(self._visit.say, kind.name, kind.icon, number))
                    self._badges.append(place("badges"))

    def _section(self, kind: type[View]) -> None:
        with ui.element("section").classes(f"view {kind.name}") as section:
            lock = place("lock")
            self._views.append((kind(self._visit), section, lock, self._badges[len(self._views)]))

    def _go(self, args: Args) -> None:
        self._open = args.get("name", "")
        self.refresh()

    async def _sign_in(self, args: Args) -> None:
        visit = self._visit
        found = await visit.sessions.sign_in(args.get("name", ""), args.get("pin", ""), visit.where)
        if isinstance(found, Session):
            self._signed_in(found)
        else:
            self._refused.content = frame_panels.refused(visit.say, found.wait_s)

    def _resume(self, args: Args) -> None:
        """After a reload the same person goes on."""
        if session := self._visit.sessions.resume(args.get("token", "")):
            self._signed_in(session)

    def _signed_in(self, session: Session) -> None:
        self._visit.session, self._refused.content = session, ""
        self._remember(session.token)

    def _sign_out(self, _: Args) -> None:
        if self._visit.session:
            self._visit.sessions.sign_out(self._visit.session)
        self._remember("")

    def _remember(self, token: str) -> None:
        self._client.run_javascript(f"okngSession({json.dumps(token)})")
        self.refresh()
