"""The view Live: the last part, and how the line does."""

from __future__ import annotations

from nicegui import ui

from edge.station import panels
from edge.station.live import Shown
from edge.station.visit import View, Visit, place


class LiveView(View):
    """Verdict, picture, score, counts."""

    name, icon, always = "live", "M3 12h4l3-8 4 16 3-8h4", True

    def __init__(self, visit: Visit) -> None:
        super().__init__(visit)
        with ui.element("div").classes("stage"):
            self._picture, self._age = place("picture"), place("")
        with ui.element("aside"):
            self._verdict, self._part = place("big"), place("about")
            self._notices = place("notices")
        with ui.element("footer"):
            place("sliders", panels.opacity(visit.say))
            self._counts = place("")

    def refresh(self, shown: Shown) -> None:
        """See `View`."""
        say = self.visit.say
        self._picture.content = self.visit.pictures.of(shown.part, say)
        self._picture.classes(replace=f"picture {shown.freshness}")
        self._age.content = panels.age(say, shown)
        self._verdict.content = panels.verdict(say, shown)
        self._part.content = panels.part(say, shown.header)
        self._notices.content = panels.notices(say, shown)
        self._counts.content = panels.counts(say, self.visit.feed.shift.tally)
