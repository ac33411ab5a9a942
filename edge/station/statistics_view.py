"""The view Statistics: what the inspections of a span say together."""

from __future__ import annotations

from datetime import datetime

from nicegui import background_tasks, ui

from edge.errors import WireError
from edge.station import statistics_panels
from edge.station.live import Shown
from edge.station.span import span_of
from edge.station.visit import Args, View, Visit, place
from edge.wire.allowed import Role
from edge.wire.queries import TakeSurvey


class StatisticsView(View):
    """A choice of span, and its charts."""

    name, icon = "statistics", "M4 20V4M4 20h16M8 16v-5M12 16V7M16 16v-8"

    def __init__(self, visit: Visit) -> None:
        super().__init__(visit)
        self._loaded, self._turn = False, 0
        with ui.element("div").classes("browse"):
            place("filters", statistics_panels.form(visit.say))
            self._charts = place("charts")
            with ui.element("footer"):
                self._summary = place("told")
        visit.on("statistics", Role.VIEWER, self._show)

    def refresh(self, shown: Shown) -> None:  # noqa: ARG002
        """See `View`: the first time that it is opened; from then on what is looked at stands still."""
        if not self._loaded:
            self._loaded = True
            background_tasks.create(self._show({"span": "shift"}))

    async def _show(self, args: Args) -> None:
        self._turn += 1
        turn, say = self._turn, self.visit.say
        self._summary.content = f'<div class="summary">{say("statistics.asking")}</div>'
        since_ns, until_ns = span_of(args, datetime.now())
        asked = TakeSurvey(since_ns, until_ns, args.get("recipe", "").strip())
        try:
            found = await self.visit.feed.archive.ask(lambda station: station.survey(asked))
        except WireError as error:
            self._charts.content, self._summary.content = statistics_panels.trouble(str(error)), ""
            return
        if turn == self._turn:
            self._charts.content = statistics_panels.charts(say, found)
            self._summary.content = statistics_panels.summary(say, found)
