"""Asks the station's journal for the page, each time over a connection of its own: no long answer delays a decision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from edge.client import AsyncStation, ClientKeys

T = TypeVar("T")


class Archive:
    """Where the station is; one for the whole page."""

    def __init__(self, results: str, commands: str, keys: ClientKeys | None = None) -> None:
        self._where, self._keys = (results, commands), keys

    async def ask(self, question: Callable[[AsyncStation], Awaitable[T]]) -> T:
        """What the station answers. Raises WireError when it does not, or says no."""
        async with AsyncStation(*self._where, topics=(), keys=self._keys) as station:
            return await question(station)
