"""The view Setup, for engineers: picture, thresholds, and what inspects."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime

from nicegui import background_tasks, ui

from edge.client import AsyncStation, CommandRefused
from edge.contract.cam import Thresholds
from edge.contract.images import decode_image
from edge.contract.preprocess import Region
from edge.contract.types import Label
from edge.daemon.quality import measure_quality
from edge.errors import DataError, WireError
from edge.station import setup_panels, statistics_panels
from edge.station.live import Shown
from edge.station.pictures import fitted
from edge.station.seen import FRESH_S, Seen, newer
from edge.station.span import span_of
from edge.station.visit import Args, View, Visit, place
from edge.wire.allowed import Role
from edge.wire.answers import StatusAnswer
from edge.wire.messages import ImageMessage
from edge.wire.present import RecipesAnswer
from edge.wire.queries import TakeSurvey

LOOK_S = 5.0
"""How often it is asked what inspects, and what there is to change over to."""
FOCUS_PAST = 60
"""Pictures whose focus is drawn."""


class SetupView(View):
    """Three panes; what is drawn on the picture is the browser's alone."""

    name, icon, needs = "setup", "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4", Role.ENGINEER

    def __init__(self, visit: Visit) -> None:
        super().__init__(visit)
        say = visit.say
        self._seen = Seen(visit.feed.archive)
        self._captured_ns: int | None = None
        """When the picture that is shown was taken."""
        self._focus: deque[float] = deque(maxlen=FOCUS_PAST)
        self._opened, self._turn, self._next_look = False, 0, 0.0
        self._asked: Thresholds | None = None
        place("panes", setup_panels.panes(say))
        with ui.element("div").classes("pane picture-pane"):
            with ui.element("div").classes("stage"):
                self._frame, self._age = place("frame"), place("")
                place("held", f'<div class="age past">{say("setup.held")}</div>')
                ui.element("canvas").props('id="okng-draw"')
            with ui.element("aside"):
                place("tools", setup_panels.tools(say))
                self._quality, self._histogram = place("quality"), place("greys")
            place("drawn-recipe", setup_panels.recipe(say))
        with ui.element("div").classes("pane limits-pane"):
            place("asks", setup_panels.limits_form(say))
            self._limits = place("limits")
            with ui.element("aside"):
                self._apply, self._applied, self._supposed = place("controls"), place(""), place("supposed")
        with ui.element("div").classes("pane change-pane"):
            with ui.element("div").classes("changes"):
                place("", setup_panels.known(say))
                self._recipes = place("")
                place("", setup_panels.bundle(say))
            with ui.element("aside"):
                self._now, self._outcome = place("facts"), place("")
        visit.on("limits", Role.ENGINEER, self._try)
        visit.on("apply-limits", Role.ENGINEER, self._apply_limits)
        visit.on("golden-ok", Role.ENGINEER, lambda _: self._golden("ok"))
        visit.on("golden-ng", Role.ENGINEER, lambda _: self._golden("ng"))
        visit.on("interlock", Role.ENGINEER, lambda _: self._interlock())
        visit.on("changeover", Role.ENGINEER, self._changeover)
        visit.on("load", Role.ENGINEER, self._load)
        visit.on("rollback", Role.ENGINEER, lambda _: self._rollback())

    def refresh(self, shown: Shown) -> None:
        """See `View`."""
        if not self._opened:
            self._opened = True
            background_tasks.create(self._try({"span": "week"}))
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_S
            background_tasks.create(self._look())
        if self._seen.due:
            background_tasks.create(self._seen.ask())
        image, key = newer(self._seen.image, shown.part.image if shown.part else None)
        if image is None:
            self._frame.content = f'<div class="nothing">{self.visit.say("picture.none_yet")}</div>'
            return
        if image.header.captured_ns != self._captured_ns:
            self._captured_ns = image.header.captured_ns
            self._show(image, shown)
        age_s = (time.time_ns() - (image.header.captured_ns or 0)) / 1e9
        self._age.content = setup_panels.taken(self.visit.say, key, age_s, fresh=age_s <= FRESH_S)

    def _show(self, image: ImageMessage, shown: Shown) -> None:
        try:
            pixels = decode_image(image.data, image.header.id)
        except DataError:
            return
        named = shown.header.region if shown.header else None
        region = named if isinstance(named, Region) else self.visit.pictures.region_of(shown.bundle)
        found = measure_quality(pixels, region or Region())
        self._focus.append(found.focus)
        say = self.visit.say
        self._frame.content = f'<img alt="" src="data:image/jpeg;base64,{fitted(image)}">'
        self._quality.content = setup_panels.quality(say, found)
        self._histogram.content = setup_panels.histogram(say, pixels) + setup_panels.focus(say, list(self._focus))

    async def _try(self, args: Args) -> None:
        """What thresholds would make of parts by the recipe in use; without any typed, those that apply."""
        self._turn += 1
        turn, say = self._turn, self.visit.say
        since_ns, until_ns = span_of(args, datetime.now())
        try:
            status = await self.visit.feed.archive.ask(lambda station: station.status())
            asked = _thresholds(args) or status.thresholds or Thresholds(0.5, 0.5)
            question = TakeSurvey(since_ns, until_ns, status.recipe, asked)
            found = await self.visit.feed.archive.ask(lambda station: station.survey(question))
        except (WireError, ValueError) as error:
            self._applied.content = statistics_panels.trouble(str(error))
            return
        if turn == self._turn:
            self._asked, self._applied.content = asked, ""
            self._limits.content = setup_panels.limits(say, found, asked)
            self._supposed.content = setup_panels.supposed(say, found)
            self._apply.content = setup_panels.apply(say, asked)
            self._tell_form(asked)

    def _tell_form(self, asked: Thresholds) -> None:
        self._limits.client.run_javascript(f"okngLimits({asked.ok_below}, {asked.ng_from})")

    async def _apply_limits(self, _: Args) -> None:
        asked, name = self._asked, self.visit.name
        if asked is None:
            return
        self.visit.note("threshold", ok_below=asked.ok_below, ng_from=asked.ng_from)
        self._applied.content = setup_panels.outcome(self.visit.say, self.visit.say("setup.under_way"), well=None)
        text, well = await self._ask(lambda station: station.threshold(asked, name))
        self._applied.content = setup_panels.outcome(self.visit.say, text, well=well)
        await self._look()

    async def _golden(self, label: Label) -> None:
        async def show(station: AsyncStation) -> str:
            found = await station.golden(label)
            return self._judged(found.passed, found.wrong)

        await self._do("golden", show, label=label)

    async def _interlock(self) -> None:
        async def check(station: AsyncStation) -> str:
            found = await station.interlock()
            return self._judged(found.passed, found.wrong)

        await self._do("interlock", check)

    async def _changeover(self, args: Args) -> None:
        wanted = args.get("recipe", "").strip()
        if wanted:
            await self._do("changeover", lambda station: station.changeover(wanted), recipe=wanted)

    async def _load(self, args: Args) -> None:
        wanted = args.get("bundle", "").strip()
        if wanted:
            await self._do("load", lambda station: station.load(wanted), bundle=wanted)

    async def _rollback(self) -> None:
        await self._do("rollback", lambda station: station.rollback())

    def _judged(self, passed: bool, wrong: list[str]) -> str:
        return self.visit.say("setup.judged_right") if passed else "; ".join(wrong)

    async def _do(self, did: str, ask: Callable[[AsyncStation], Awaitable[object]], **details: object) -> None:
        """Asks the station once; what came of it stays on the page."""
        say = self.visit.say
        self.visit.note(did, **details)
        self._outcome.content = setup_panels.outcome(say, say("setup.under_way"), well=None)
        text, well = await self._ask(ask)
        self._outcome.content = setup_panels.outcome(say, text, well=well)
        await self._look()

    async def _ask(self, ask: Callable[[AsyncStation], Awaitable[object]]) -> tuple[str, bool]:
        """What there is to tell, and whether it was done."""
        try:
            found = await self.visit.feed.archive.ask(ask)
        except (CommandRefused, WireError) as error:
            return str(error), False
        return (found, found == self.visit.say("setup.judged_right")) if isinstance(found, str) else ("", True)

    async def _look(self) -> None:
        try:
            status, found = await self.visit.feed.archive.ask(_status_and_recipes)
        except WireError as error:
            self._now.content = statistics_panels.trouble(str(error))
        else:
            self._now.content = setup_panels.now(self.visit.say, status)
            self._recipes.content = setup_panels.changeover(self.visit.say, found.recipes, found.recipe)


async def _status_and_recipes(station: AsyncStation) -> tuple[StatusAnswer, RecipesAnswer]:
    return await station.status(), await station.recipes()


def _thresholds(args: Args) -> Thresholds | None:
    """Those that were typed; None where none were. Raises ValueError where they are none."""
    typed = [args.get(name, "").strip().replace(",", ".") for name in ("ok_below", "ng_from")]
    if not all(typed):
        return None
    ok_below, ng_from = map(float, typed)
    if not (0 <= ok_below <= 1 and 0 <= ng_from <= 1):
        raise ValueError(f"{ok_below:g} / {ng_from:g}: thresholds lie from 0 to 1")
    return Thresholds(ok_below, ng_from)
