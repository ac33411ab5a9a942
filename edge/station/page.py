"""The operator page, of NiceGUI: one screen with Live and Decide. What it says comes from `panels`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from nicegui import events, ui

from edge.station import panels
from edge.station.decide_view import DecideView
from edge.station.feed import Feed
from edge.station.live import Shown
from edge.station.pictures import Pictures
from edge.station.visit import Visit, place
from edge.station.words import ENGLISH

HERE = Path(__file__).parent
REFRESH_S = 0.25
LONGEST_NAME = 60


class Page:
    """What one browser shows. `operators` are the names to choose from; none: they are typed."""

    def __init__(self, feed: Feed, pictures: Pictures, operators: Sequence[str]) -> None:
        self._feed, self._pictures, self._operators = feed, pictures, operators
        self._visit, self._beaten = Visit(feed, pictures, ENGLISH), 0.0
        with ui.element("div").classes("okng").props('data-view="live"'):
            with ui.element("header"):
                self._condition = place("")
                place("tabs", panels.navigation())
                self._badge = place("badges")
            with ui.element("section").classes("live"):
                with ui.element("div").classes("stage"):
                    self._picture, self._age = place("picture"), place("")
                with ui.element("aside"):
                    self._verdict, self._part = place("big"), place("about")
                    self._notices = place("notices")
                with ui.element("footer"):
                    place("sliders", panels.opacity())
                    self._counts = place("")
            with ui.element("section").classes("decide"):
                self._decide = DecideView(self._visit)
                self._who = place("signin-bar")
            place("gone", panels.gone())
        ui.on("okng-operator", self._sign_in)
        ui.context.client.on_connect(lambda: ui.run_javascript("okngJoin()"))
        self.refresh()
        ui.timer(REFRESH_S, self.refresh)

    def refresh(self) -> None:
        """Brings all up to now; what has not changed is not sent again."""
        now = time.monotonic()
        shown = self._feed.live.shown(now, time.time_ns())
        self._show_live(shown)
        self._decide.refresh(shown)
        self._badge.content = self._decide.badge()
        self._who.content = panels.operator(self._visit.name, self._operators)
        if now - self._beaten >= 1.0:
            self._beaten = now
            ui.run_javascript("window.okngBeat && okngBeat()")

    def _show_live(self, shown: Shown) -> None:
        self._condition.content = panels.condition(shown)
        self._picture.content = self._pictures.of(shown.part)
        self._picture.classes(replace=f"picture {shown.freshness}")
        self._age.content = panels.age(shown)
        self._verdict.content = panels.verdict(shown)
        self._part.content = panels.part(shown.header)
        self._notices.content = panels.notices(shown)
        self._counts.content = panels.counts(shown)

    def _sign_in(self, event: events.GenericEventArguments) -> None:
        name = "".join(each for each in str((event.args or {}).get("name", "")) if each.isprintable())
        name = name.strip()[:LONGEST_NAME]
        if not name or not self._operators or name in self._operators:
            self._visit.name = name
        self.refresh()
