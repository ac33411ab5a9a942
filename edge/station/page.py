"""The operator page, of NiceGUI: one screen with Live and Decide. What it says comes from `panels`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nicegui import events, ui

from edge.client.links import new_id
from edge.contract.types import Decision
from edge.station import panels
from edge.station.feed import Feed
from edge.station.live import Freshness, Part, Shown
from edge.station.pictures import RegionOf, draw

HERE = Path(__file__).parent
REFRESH_S = 0.25
ARMED_AFTER_S = 0.6
"""A part must have been on the screen so long before it can be decided: a second click is not for the next part."""
LONGEST_NAME = 60


class Pictures:
    """The last pictures drawn: the same for all who look."""

    def __init__(self, region_of: RegionOf) -> None:
        self._region_of, self._drawn = region_of, dict[Part, str]()

    def of(self, part: Part | None) -> str:
        """SVG of the part."""
        if part is None:
            return '<div class="nothing">No picture yet</div>'
        if part not in self._drawn:
            self._drawn = dict(list(self._drawn.items())[-3:]) | {part: draw(part, self._region_of)}
        return self._drawn[part]


class Page:
    """What one browser shows. `operators` are the names to choose from; none: they are typed."""

    def __init__(self, feed: Feed, pictures: Pictures, operators: Sequence[str]) -> None:
        self._feed, self._pictures, self._operators = feed, pictures, operators
        self._case, self._case_since, self._beaten, self._operator = "", 0.0, 0.0, ""
        with ui.element("div").classes("okng").props('data-view="live"'):
            with ui.element("header"):
                self._condition = _html("")
                _html("tabs", panels.navigation())
                self._badge = _html("badges")
            with ui.element("section").classes("live"):
                with ui.element("div").classes("stage"):
                    self._picture, self._age = _html("picture"), _html("")
                with ui.element("aside"):
                    self._verdict, self._part = _html("big"), _html("about")
                    self._notices = _html("notices")
                with ui.element("footer"):
                    _html("sliders", panels.opacity())
                    self._counts = _html("")
            with ui.element("section").classes("decide"):
                with ui.element("div").classes("stage"):
                    self._case_picture = _html("picture")
                with ui.element("aside"):
                    self._waiting, self._case_part = _html("queue"), _html("about")
                    self._history = _html("history")
                with ui.element("footer"):
                    self._controls = _html("controls")
            _html("gone", panels.gone())
        ui.on("okng-decide", self._decide)
        ui.on("okng-change", self._change)
        ui.on("okng-operator", self._sign_in)
        ui.context.client.on_connect(lambda: ui.run_javascript("okngJoin()"))
        self.refresh()
        ui.timer(REFRESH_S, self.refresh)

    def refresh(self) -> None:
        """Brings all up to now; what has not changed is not sent again."""
        now = time.monotonic()
        shown = self._feed.live.shown(now, time.time_ns())
        self._show_live(shown)
        self._show_decide(shown, now)
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

    def _show_decide(self, shown: Shown, now: float) -> None:
        review = self._feed.review
        queue = review.waiting
        case = queue[0] if queue else None
        name = case.result.header.id if case else ""
        if name != self._case:
            self._case, self._case_since = name, now
        self._badge.content = panels.badge(len(queue))
        self._waiting.content = panels.waiting(queue, review.dropped)
        self._case_picture.content = self._pictures.of(case) if case else panels.nothing_waits()
        self._case_part.content = panels.part(case.result.header if case else None)
        self._history.content = panels.choices(review.choices, can_change=bool(self._operator))
        connected = shown.freshness is not Freshness.LOST
        self._controls.content = panels.controls(
            self._operator, self._operators, connected=connected, armed=bool(case) and self._armed(now)
        )

    def _armed(self, now: float) -> bool:
        return now - self._case_since >= ARMED_AFTER_S

    def _connected(self) -> bool:
        return self._feed.live.shown(time.monotonic(), time.time_ns()).freshness is not Freshness.LOST

    def _decide(self, event: events.GenericEventArguments) -> None:
        """A click or key; what it says is checked, for it comes from a browser."""
        inspection, decision = _read(event.args)
        if (
            decision
            and self._operator
            and inspection == self._case
            and self._armed(time.monotonic())
            and self._connected()
        ):
            self._feed.send(self._feed.review.choose(inspection, decision, self._operator, new_id()))
            self.refresh()

    def _change(self, event: events.GenericEventArguments) -> None:
        inspection, decision = _read(event.args)
        if decision and self._operator and self._connected():
            self._feed.send(self._feed.review.change(inspection, decision, self._operator, new_id()))
            self.refresh()

    def _sign_in(self, event: events.GenericEventArguments) -> None:
        name = "".join(each for each in str((event.args or {}).get("name", "")) if each.isprintable())
        name = name.strip()[:LONGEST_NAME]
        if not name or not self._operators or name in self._operators:
            self._operator = name
        self.refresh()


def _read(args: Any) -> tuple[str, Decision | None]:
    """Inspection and decision that a browser sent; None where it is none."""
    found = args if isinstance(args, dict) else {}
    decision = str(found.get("decision", ""))
    return str(found.get("case", "")), Decision(decision) if decision in {*Decision} else None


def _html(classes: str, content: str = "") -> ui.html:
    """A place for HTML, which is escaped where it is made."""
    return ui.html(content, sanitize=False).classes(classes)
