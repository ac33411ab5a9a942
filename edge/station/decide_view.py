"""The view Decide: the parts that wait, and the last choices."""

from __future__ import annotations

import time
from collections.abc import Callable

from nicegui import ui

from edge.client.links import new_id
from edge.contract.types import Decision
from edge.station import decide_panels, panels
from edge.station.live import Freshness, Shown
from edge.station.review import Choice
from edge.station.visit import Args, View, Visit, place
from edge.wire.allowed import Role

ARMED_AFTER_S = 0.6
"""A part must have been on the screen so long before it can be decided: a second click is not for the next part."""


class DecideView(View):
    """The oldest part that waits, with Accept and Reject."""

    name, icon, always = "decide", "M9 11l3 3 8-9M20 13v7H4V4h10", True

    def __init__(self, visit: Visit) -> None:
        super().__init__(visit)
        self._case, self._case_since = "", 0.0
        with ui.element("div").classes("stage"):
            self._picture = place("picture")
        with ui.element("aside"):
            self._waiting, self._part = place("queue"), place("about")
            self._history = place("history")
        with ui.element("footer"):
            self._controls = place("controls")
        visit.on("decide", Role.OPERATOR, self._decide)
        visit.on("change", Role.OPERATOR, self._change)

    def refresh(self, shown: Shown) -> None:
        """See `View`."""
        review, say = self.visit.feed.review, self.visit.say
        queue = review.waiting
        case = queue[0] if queue else None
        name = case.result.header.id if case else ""
        if name != self._case:
            self._case, self._case_since = name, time.monotonic()
        may = self.visit.role.covers(Role.OPERATOR)
        self._waiting.content = decide_panels.waiting(say, queue, review.dropped)
        self._picture.content = self.visit.pictures.of(case, say) if case else decide_panels.nothing_waits(say)
        self._part.content = panels.part(say, case.result.header if case else None)
        self._history.content = decide_panels.choices(say, review.choices, can_change=may)
        connected = shown.freshness is not Freshness.LOST
        self._controls.content = decide_panels.controls(
            say, may=may, connected=connected, armed=bool(case) and self._armed()
        )

    def badge(self) -> str:
        """How many wait."""
        return decide_panels.badge(len(self.visit.feed.review.waiting))

    def _armed(self) -> bool:
        return time.monotonic() - self._case_since >= ARMED_AFTER_S

    def _decide(self, args: Args) -> None:
        """A click or key; what it says is checked, for it comes from a browser."""
        if args.get("case") == self._case and self._armed():
            self._take(args, self.visit.feed.review.choose)

    def _change(self, args: Args) -> None:
        self._take(args, self.visit.feed.review.change)

    def _take(self, args: Args, take: Callable[[str, Decision, str, str], Choice | None]) -> None:
        shown = self.visit.feed.live.shown(time.monotonic(), time.time_ns())
        said = args.get("decision", "")
        if said not in {*Decision} or shown.freshness is Freshness.LOST:
            return
        if choice := take(args.get("case", ""), Decision(said), self.visit.name, new_id()):
            self.visit.note(said, inspection=choice.inspection, request=choice.request_id)
            self.visit.feed.send(choice)
        self.refresh(shown)
