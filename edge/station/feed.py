"""Keeps what the page shows up to date from the wire, and brings decisions to the station."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, Self

from edge.client import AsyncStation, ClientKeys, CommandRefused, Topic
from edge.errors import WireError
from edge.station.archive import Archive
from edge.station.live import Live
from edge.station.review import Choice, Review
from edge.station.shift import Shift
from edge.wire.messages import ImageMessage, Message, ResultMessage, StateMessage
from edge.wire.requests import Decide, ErrorCode

TOPICS = (Topic.RESULT, Topic.IMAGE, Topic.STATE, Topic.STATISTICS)
PAUSE_S = 0.5
"""After trouble, before it is tried again."""


class Feed:
    """One for the whole page, however many look at it. Belongs to one event loop."""

    def __init__(self, results: str, commands: str, keys: ClientKeys | None = None, shift: Shift | None = None) -> None:
        self.live, self.review, self.shift = Live(), Review(), shift or Shift()
        self._where, self._keys = (results, commands), keys
        self.archive = Archive(results, commands, keys)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Raises WireError when an address is not allowed."""
        self._station = AsyncStation(*self._where, topics=TOPICS, keys=self._keys)
        self._begin(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._station.close()

    def send(self, choice: Choice | None) -> None:
        """Brings a choice to the station, however often it must be asked; None is nothing to do."""
        if choice is not None:
            self._begin(self._decide(choice))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self) -> None:
        while True:
            try:
                async for message in self._station.messages():
                    self._take(message)
            except WireError as error:
                self.live.trouble = str(error)
                await asyncio.sleep(PAUSE_S)

    def _take(self, message: Message) -> None:
        self.live.put(message, time.monotonic())
        if isinstance(message, ResultMessage):
            self.review.put(message, self.live.image_of(message.header.id))
        elif isinstance(message, ImageMessage):
            self.review.attach(message)
        elif isinstance(message, StateMessage):
            self.shift.put(message.header, datetime.now())

    async def _decide(self, choice: Choice) -> None:
        """Always under the same request id: the station does it once, over a restart of its own too."""
        command = Decide(choice.inspection, choice.decision, choice.operator)
        while True:
            try:
                await self._station.request(command, request_id=choice.request_id)
                return self.review.done(choice)
            except CommandRefused as error:
                if error.code != ErrorCode.BUSY:
                    return self.review.refused(choice, str(error))
            except WireError:
                pass  # no answer: whether it was done is not known, and asking again does no harm
            await asyncio.sleep(PAUSE_S)
