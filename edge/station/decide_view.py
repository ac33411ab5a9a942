"""The view Decide: the part that waits, why it is accepted or rejected, the last choices, and earlier parts."""

from __future__ import annotations

import json
import time

from nicegui import ui

from edge.client.links import new_id
from edge.contract.types import Decision
from edge.station import decide_panels, panels
from edge.station.live import Freshness, Shown
from edge.station.review import Case
from edge.station.visit import Args, View, Visit, place
from edge.wire.allowed import Role

ARMED_AFTER_S = 0.6
"""A part must have been on the screen so long before it can be decided: a second click is not for the next part."""
RECENT = 24
"""Earlier parts that can be opened."""
SHOWN_CHOICES = 4


class DecideView(View):
    """The part that waits longest, or an earlier one that was opened here, with Accept and Reject."""

    name, icon, always = "decide", "M9 11l3 3 8-9M20 13v7H4V4h10", True

    def __init__(self, visit: Visit) -> None:
        super().__init__(visit)
        self._case, self._case_since = ("", ""), 0.0
        self._earlier = False
        """Whether the list of earlier parts is shown."""
        self._asking: Decision | None = None
        """What was touched, and waits for its reason."""
        self._kept = self._open_now()
        with ui.element("div").classes("stage"):
            self._picture = place("picture")
        with ui.element("aside"):
            self._banner, self._part = place("queue"), place("about")
            self._side = place("history")
        with ui.element("footer"):
            self._controls = place("controls")
        visit.on("decide", Role.OPERATOR, self._decide)
        visit.on("ask", Role.OPERATOR, self._ask)
        visit.on("undo", Role.OPERATOR, self._undo)
        visit.on("open", Role.VIEWER, self._open)
        visit.on("queue", Role.VIEWER, self._to_queue)
        visit.on("earlier", Role.VIEWER, self._toggle)
        visit.on("go-on", Role.VIEWER, self._go_on)

    def refresh(self, shown: Shown) -> None:
        """See `View`."""
        review, say, now = self.visit.feed.review, self.visit.say, time.monotonic()
        case = self._shown_case()
        key = (case.id, case.seen) if case else ("", "")
        if key != self._case:
            self._case, self._case_since, self._asking = key, now, None
            self._earlier &= not self.visit.opened
        may = self.visit.role.covers(Role.OPERATOR)
        able = may and case is not None and self._armed() and shown.freshness is not Freshness.LOST
        asking = self._asking if may else None
        self._banner.content = decide_panels.banner(say, case, review.total, earlier=bool(self.visit.opened), now=now)
        self._picture.content = self.visit.pictures.of(case.part, say) if case else decide_panels.nothing_waits(say)
        header = case.part.result.header if case and not asking and not self._earlier else None
        self._part.content = panels.part(say, header)
        self._side.content = self._beside(may)
        self._controls.content = decide_panels.controls(
            say, self._case, may=may, able=able, asking=asking, earlier=self._earlier
        )
        self._keep()

    def badge(self) -> str:
        """How many wait."""
        return decide_panels.badge(self.visit.feed.review.total)

    def _beside(self, may: bool) -> str:
        """Under the part: reasons, earlier parts, or the last choices."""
        review, say = self.visit.feed.review, self.visit.say
        if self._asking and may:
            return decide_panels.codes(say, self._asking, self._case, review.reasons.of(self._asking))
        if self._earlier:
            return decide_panels.recent(say, review.recent(RECENT), self.visit.opened)
        last = [(each, review.stands(each)) for each in review.choices[:SHOWN_CHOICES]]
        return decide_panels.choices(say, last, may=may)

    def _shown_case(self) -> Case | None:
        review = self.visit.feed.review
        if self.visit.opened and (opened := review.find(self.visit.opened)):
            return opened
        self.visit.opened = ""
        queue = review.waiting
        return queue[0] if queue else None

    def _armed(self) -> bool:
        return time.monotonic() - self._case_since >= ARMED_AFTER_S

    def _fresh(self) -> Shown:
        return self.visit.feed.live.shown(time.monotonic(), time.time_ns())

    def _ask(self, args: Args) -> None:
        """Accept or Reject was touched: now why; where the station has no reasons, that is all."""
        said = args.get("decision", "")
        self._asking = Decision(said) if said in {*Decision} and self._is_shown(args) else None
        if self._asking and not self.visit.feed.review.reasons.of(self._asking):
            self._decide(args)
        else:
            self.refresh(self._fresh())

    def _decide(self, args: Args) -> None:
        """A reason, or none; what it says is checked, for it comes from a browser."""
        said, shown = args.get("decision", ""), self._fresh()
        if said in {*Decision} and self._is_shown(args) and shown.freshness is not Freshness.LOST:
            choice = self.visit.feed.review.choose(
                self._case[0], Decision(said), self.visit.name, new_id(), code=args.get("code", ""), seen=self._case[1]
            )
            if choice:
                self.visit.note(said, inspection=choice.inspection, request=choice.request_id, code=choice.code)
                self.visit.feed.send(choice)
                self.visit.opened, self._asking = "", None
        self.refresh(shown)

    def _is_shown(self, args: Args) -> bool:
        """It is about the part that is on this screen, and as it stands there."""
        return (args.get("case"), args.get("seen")) == self._case and bool(self._case[0]) and self._armed()

    def _undo(self, args: Args) -> None:
        shown = self._fresh()
        if shown.freshness is not Freshness.LOST:
            asked = self.visit.feed.review.undo(args.get("request", ""), self.visit.name, new_id())
            if asked:
                self.visit.note("undo", inspection=asked.choice.inspection, request=asked.request_id)
            self.visit.feed.send(asked)
        self.refresh(shown)

    def _open(self, args: Args) -> None:
        self.visit.opened, self._earlier = args.get("inspection", ""), False
        self.refresh(self._fresh())

    def _to_queue(self, _: Args) -> None:
        self.visit.opened, self._earlier = "", False
        self.refresh(self._fresh())

    def _toggle(self, _: Args) -> None:
        self._earlier = not self._earlier
        self.refresh(self._fresh())

    def _open_now(self) -> dict[str, str]:
        case, seen = self._case if self._asking else ("", "")
        earlier = "yes" if self._earlier else ""
        return {
            "opened": self.visit.opened,
            "earlier": earlier,
            "asking": self._asking or "",
            "case": case,
            "seen": seen,
        }

    def _keep(self) -> None:
        """The browser keeps what is open: it loads the page anew when its connection broke off."""
        if self._kept != (kept := self._open_now()):
            self._kept = kept
            self._controls.client.run_javascript(f"okngKeep({json.dumps(kept)})")

    def _go_on(self, args: Args) -> None:
        """The page was loaded anew: the same is open again, and the same asked, if it still is the same part."""
        self.visit.opened, self._earlier = args.get("opened", ""), bool(args.get("earlier"))
        shown, asking = self._fresh(), args.get("asking", "")
        self.refresh(shown)
        if asking in {*Decision} and self._case[0] and (args.get("case"), args.get("seen")) == self._case:
            self._asking, self._case_since = Decision(asking), 0.0  # it was on the screen before
            self.refresh(shown)
