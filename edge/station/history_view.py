"""The view History: what was inspected, by time, verdict, part, kind and recipe; each with its picture."""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec
from nicegui import background_tasks, ui

from edge.client import AsyncStation
from edge.contract.types import Verdict
from edge.errors import WireError
from edge.station import history_panels, panels, statistics_panels
from edge.station.archive import part_of
from edge.station.live import Part, Shown
from edge.station.pictures import draw
from edge.station.span import span_of
from edge.station.visit import Args, View, Visit, place
from edge.wire.allowed import Role
from edge.wire.answers import DecisionAnswer
from edge.wire.queries import LATEST, History, Past

CARDS = 24
"""On one page."""


class HistoryView(View):
    """A page of inspections; and one of them, whole."""

    name, icon = "history", "M12 7v5l4 2M3 12a9 9 0 1 0 3-6.7M3 4v4h4"

    def __init__(self, visit: Visit) -> None:
        super().__init__(visit)
        self._asked, self._turn = History(limit=CARDS, thumbnails=True), 0
        self._pages: list[int] = [LATEST]
        """Of this page and those before it: below which number they begin."""
        self._next: int | None = None
        self._found: list[Past] = []
        self._loaded = False
        with ui.element("div").classes("browse"):
            place("filters", history_panels.form(visit.say))
            self._cards = place("cards")
            with ui.element("footer"):
                self._status, self._pager = place("told"), place("controls")
        with ui.element("div").classes("whole") as self._whole:
            with ui.element("div").classes("stage"):
                self._picture = place("picture")
            with ui.element("aside"):
                self._part, self._facts = place("about"), place("facts")
            with ui.element("footer"):
                self._controls = place("controls")
        visit.on("history", Role.VIEWER, self._filter)
        visit.on("newest", Role.VIEWER, lambda _: self._go([LATEST]))
        visit.on("newer", Role.VIEWER, lambda _: self._go(self._pages[:-1] or [LATEST]))
        visit.on("older", Role.VIEWER, lambda _: self._go([*self._pages, self._next or LATEST]))
        visit.on("look", Role.VIEWER, lambda args: self._look(args.get("case", "")))
        visit.on("look-newer", Role.VIEWER, lambda _: self._beside(-1))
        visit.on("look-older", Role.VIEWER, lambda _: self._beside(+1))
        visit.on("override", Role.VIEWER, lambda _: self._override())
        visit.on("back", Role.VIEWER, lambda _: self._back())
        self._shown, self._client = "", ui.context.client

    def refresh(self, shown: Shown) -> None:  # noqa: ARG002
        """See `View`: the first time that it is opened; from then on what is looked at stands still."""
        if not self._loaded:
            self._loaded = True
            background_tasks.create(self._go([LATEST]))

    async def _filter(self, args: Args) -> None:
        since_ns, until_ns = span_of(args, datetime.now())
        part, kind, recipe = (args.get(name, "").strip()[:200] for name in ("part", "kind", "recipe"))
        verdicts = tuple(each for each in Verdict if args.get(each))
        self._asked = History(since_ns, until_ns, verdicts, part, kind, recipe, limit=CARDS, thumbnails=True)
        await self._go([LATEST])

    async def _go(self, pages: list[int]) -> None:
        """Shows another page; an answer that was overtaken by a later question is dropped."""
        self._turn += 1
        turn, say, asked = self._turn, self.visit.say, msgspec.structs.replace(self._asked, below=pages[-1])
        self._back()
        try:
            found = await self.visit.feed.archive.ask(lambda station: station.history(asked))
        except WireError as error:
            self._cards.content = statistics_panels.trouble(str(error))
            return
        if turn != self._turn:
            return
        self._pages, self._next, self._found = pages, found.next, found.results
        self._cards.content = history_panels.cards(say, found.results)
        self._status.content = history_panels.status(
            say, len(found.results), found.reached_ns, more=found.next is not None
        )
        self._pager.content = history_panels.pager(say, newer=len(pages) > 1, older=found.next is not None)

    async def _look(self, inspection: str) -> None:
        past = next((each for each in self._found if each.header.id == inspection), None)
        if past is None:
            return
        say, self._shown = self.visit.say, inspection
        try:
            part, decided = await self.visit.feed.archive.ask(lambda station: _whole(station, inspection))
            drawn = await asyncio.to_thread(draw, part, self.visit.pictures.region_of, say)
        except WireError as error:
            drawn, decided = statistics_panels.trouble(str(error)), []
        if self._shown != inspection:
            return
        self._picture.content = drawn
        self._part.content = history_panels.verdict(say, past.header) + panels.part(say, past.header)
        self._facts.content = history_panels.facts(say, past, decided)
        at = self._found.index(past)
        self._controls.content = history_panels.full_controls(say, newer=at > 0, older=at + 1 < len(self._found))
        self._whole.classes(add="open")

    async def _beside(self, step: int) -> None:
        at = [each.header.id for each in self._found].index(self._shown) + step
        if 0 <= at < len(self._found):
            await self._look(self._found[at].header.id)

    async def _override(self) -> None:
        """On to Decide with the inspection that is shown."""
        inspection = self._shown
        try:
            await self.visit.feed.decisions.bring(inspection)
        except WireError as error:
            self._facts.content = statistics_panels.trouble(str(error))
            return
        self.visit.opened = inspection
        self._client.run_javascript("okngGo('decide')")

    def _back(self) -> None:
        self._shown = ""
        self._whole.classes(remove="open")


async def _whole(station: AsyncStation, inspection: str) -> tuple[Part, list[DecisionAnswer]]:
    part, _ = await part_of(station, inspection)
    return part, (await station.decisions(inspection)).decisions
