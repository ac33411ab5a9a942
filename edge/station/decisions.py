"""The wire's side of Decide: asks what waits, and brings choices to the station until it has answered."""

from __future__ import annotations

import asyncio
import time

from edge.client import AsyncStation, CommandRefused
from edge.errors import WireError
from edge.station.archive import Archive, frame_of, part_of, result_of
from edge.station.queue import LONGEST
from edge.station.review import Choice, Review, Withdrawal
from edge.wire.answers import DecideAnswer, UndoAnswer, read_answer
from edge.wire.messages import ImageMessage, ResultHeader, ResultMessage
from edge.wire.requests import Decide, ErrorCode, Undo

PAUSE_S = 0.5
"""After trouble, before it is tried again."""
LOOK_S = 0.1
AHEAD = 5
"""Parts that will be shown next: their frames are fetched from the journal where none came with them."""


class Decisions:
    """Belongs to one event loop; the station is another's."""

    def __init__(self, station: AsyncStation, archive: Archive, review: Review) -> None:
        self._station, self._archive, self._review = station, archive, review
        self.look = False
        """How the line waits is to be asked: a part came that it may hold."""

    async def keep_up(self) -> None:
        """For ever: asks the journal when the queue is not known any more, and the line when a part may be held."""
        while True:
            try:
                if self._review.stale:
                    self._review.begin()
                    self.look = True
                    await self._fill()
                if self.look:
                    self.look = False
                    await self._ask_line()
            except (WireError, CommandRefused):
                self._review.stale = True
                await asyncio.sleep(PAUSE_S)
            await asyncio.sleep(LOOK_S)

    async def bring_frames(self) -> None:
        """For ever: each frame is asked for until the journal has answered."""
        asked: set[str] = set()
        while True:
            parts = [case.part for case in self._review.waiting[:AHEAD]]
            bare = [part.result.header for part in parts if part.image is None]
            if not {header.id for header in bare} <= asked:
                try:
                    await self._attach([header for header in bare if header.id not in asked])
                    asked = {header.id for header in bare}
                except WireError:
                    pass  # meanwhile the map is shown alone
            await asyncio.sleep(PAUSE_S)

    async def _attach(self, headers: list[ResultHeader]) -> None:
        for frame in await self._archive.ask(lambda station: _frames(station, headers)):
            self._review.attach(frame)

    async def bring(self, inspection: str) -> None:
        """An inspection of the journal, to be decided on otherwise. Raises WireError when the station has none."""
        self._review.bring(*await self._archive.ask(lambda station: part_of(station, inspection)))

    async def decide(self, choice: Choice) -> None:
        """Always under the same request id: the station does it once, over a restart of its own too."""
        command = Decide(choice.inspection, choice.decision, choice.operator, "", choice.code, choice.replaces)
        while True:
            try:
                answer = read_answer(await self._station.request(command, request_id=choice.request_id), DecideAnswer)
                return self._review.done(choice, answer)
            except CommandRefused as error:
                if error.code != ErrorCode.BUSY:
                    return self._review.refused(choice, str(error))
            except WireError:
                pass  # no answer: whether it was done is not known, and asking again does no harm
            await asyncio.sleep(PAUSE_S)

    async def undo(self, asked: Withdrawal) -> None:
        """As `decide`."""
        command = Undo(asked.choice.request_id, asked.operator)
        while True:
            try:
                answer = read_answer(await self._station.request(command, request_id=asked.request_id), UndoAnswer)
                return self._review.undone(asked, answer.said)
            except CommandRefused as error:
                if error.code != ErrorCode.BUSY:
                    return self._review.refused(asked.choice, str(error))
            except WireError:
                pass
            await asyncio.sleep(PAUSE_S)

    async def _fill(self) -> None:
        found: list[ResultMessage] = []
        after, more, total = "", True, 0
        while more and len(found) < LONGEST:
            page = await self._station.waiting(after)
            found += [result_of(each.header, each.map) for each in page.results]
            more, total = page.more, page.total
            after = found[-1].header.id if found else ""
        self._review.fill(found, total=total, more=more)

    async def _ask_line(self) -> None:
        status = await self._station.status()
        self._review.reasons = status.reasons
        self._review.held = {each.inspection: time.monotonic() + each.left_s for each in status.held}


async def _frames(station: AsyncStation, headers: list[ResultHeader]) -> list[ImageMessage]:
    found = [await frame_of(station, header) for header in headers]
    return [frame for frame in found if frame is not None]
