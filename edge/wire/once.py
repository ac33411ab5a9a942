"""Each request is carried out once, however often it comes, and nobody has more carried out than a station can bear."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from edge.wire.requests import Command, Query, Request

REMEMBERED = 500
"""Commands that are remembered; a request has at most 16 KiB."""
RATE = 500.0
"""Requests that a client may have carried out in a second."""
BURST = 1000.0
"""And at once after a pause."""
CLIENTS = 1000
"""Whose rates are kept; those of others begin anew."""
REPETITIONS = 16
"""Of one command while it is under way."""


@dataclass(slots=True)
class Known:
    """A command that came before. `answer` is None until it is done; `routes` lead to all who asked until then."""

    command: Command
    routes: list[tuple[bytes, ...]]
    answer: bytes | None = None


class Once:
    """What was done, by client and request id. Belongs to one thread.

    What only asks (`Query`) is done anew each time, and so is what was refused.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], Known] = OrderedDict()

    def known(self, request: Request) -> Known | None:
        """The command that came before under the client's same request id; None when this is the first: it begins."""
        if isinstance(request.command, Query):
            return None
        key = (request.user, request.request_id)
        if found := self._known.get(key):
            return found
        self._known[key] = Known(request.command, [request.route])
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return None

    def done(self, request: Request, answer: bytes) -> list[tuple[bytes, ...]]:
        """It was carried out; gives the routes to all who asked."""
        found = self._known.get((request.user, request.request_id))
        if found is None or found.answer is not None:
            return [request.route]
        found.answer = answer
        return found.routes

    def refused(self, request: Request) -> list[tuple[bytes, ...]]:
        """It was not carried out; gives the routes to all who asked."""
        found = self._known.pop((request.user, request.request_id), None)
        return found.routes if found else [request.route]


class Rates:
    """A bucket of requests for each client, that fills with time. Belongs to one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def allow(self, client: bytes) -> bool:
        """Whether it may have one more carried out now."""
        now = self._clock()
        left, before = self._left.pop(client, (BURST, now))
        left = min(BURST, left + (now - before) * RATE)
        self._left[client] = (max(0.0, left - 1), now)
        while len(self._left) > CLIENTS:
            self._left.popitem(last=False)
        return left >= 1
