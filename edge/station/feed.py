"""Keeps what the page shows up to date from the wire, and brings decisions to the station."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, Self

from edge.client import AsyncStation, ClientKeys, Topic
from edge.contract.types import Verdict
from edge.errors import WireError
from edge.station.archive import Archive
from edge.station.decisions import PAUSE_S, Decisions
from edge.station.live import Live
from edge.station.review import Choice, Review, Withdrawal
from edge.station.shift import Shift
from edge.wire.messages import DecisionMessage, ImageMessage, Message, ResultMessage, StateMessage

TOPICS = (Topic.RESULT, Topic.IMAGE, Topic.STATE, Topic.STATISTICS, Topic.DECISION)


class Feed:
    """One for the whole page, however many look at it. Belongs to one event loop."""

    def __init__(self, results: str, commands: str, keys: ClientKeys | None = None, shift: Shift | None = None) -> None:
        self.live, self.review, self.shift = Live(), Review(), shift or Shift()
        self._where, self._keys = (results, commands), keys
        self.archive = Archive(results, commands, keys)
        self._boot = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Raises WireError when an address is not allowed."""
        self._station = AsyncStation(*self._where, topics=TOPICS, keys=self._keys)
        self.decisions = Decisions(self._station, self.archive, self.review)
        self._begin(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._station.close()

    def send(self, choice: Choice | Withdrawal | None) -> None:
        """Brings a choice to the station, however often it must be asked; None is nothing to do."""
        if isinstance(choice, Choice):
            self._begin(self.decisions.decide(choice))
        elif choice is not None:
            self._begin(self.decisions.undo(choice))

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
                self.review.stale = True
                await asyncio.sleep(PAUSE_S)

    def _take(self, message: Message) -> None:
        self.live.put(message, time.monotonic())
        if isinstance(message, ResultMessage):
            self.review.put(message, self.live.image_of(message.header.id))
            self.decisions.look |= message.header.verdict is Verdict.REVIEW
        elif isinstance(message, DecisionMessage):
            self.review.changed(message.header)
        elif isinstance(message, ImageMessage):
            self.review.attach(message)
        elif isinstance(message, StateMessage):
            self.shift.put(message.header, datetime.now())
            if message.header.boot != self._boot:
                self._join(message.header.boot)

    def _join(self, boot: str) -> None:
        """From this state on no decision is missed, so what waits is asked now, or anew after a restart."""
        if not self._boot:
            self._begin(self.decisions.keep_up())
            self._begin(self.decisions.bring_frames())
        self._boot, self.review.stale = boot, True
