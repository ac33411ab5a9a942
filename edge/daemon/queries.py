"""What takes a while to find is answered in a thread of its own; the journal is asked over connections that only read.

So a long answer holds up neither the line, nor the record, nor other commands.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from edge.contract.lifetime import Closing
from edge.daemon import past
from edge.errors import JournalError
from edge.journal.past import PastReader
from edge.wire.commands import CommandServer
from edge.wire.queries import FetchImage, Find, History, TakeSurvey
from edge.wire.requests import ErrorCode, Request

log = logging.getLogger(__name__)

LONGEST_QUEUE = 32
"""Queries that may wait."""
_ANSWERS: Mapping[type, Callable[[PastReader, Any], msgspec.Struct]] = {
    History: past.history,
    Find: past.find,
    FetchImage: past.image,
    TakeSurvey: past.survey,
}


class Queries(Closing):
    """Belongs to the command thread. `folder` is the journal's."""

    def __init__(self, server: CommandServer, folder: Path) -> None:
        self._server, self._folder = server, folder
        self._thread = ThreadPoolExecutor(1, "query")
        self._asked: list[tuple[Request, Future[dict[str, Any]]]] = []
        self._reader: PastReader | None = None

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._asked)

    def ask(self, request: Request) -> None:
        """Asks the journal; a later `answer` answers."""
        self.work(request, lambda: self._find(request.command))

    def work(self, request: Request, find: Callable[[], msgspec.Struct]) -> None:
        """`find` is called in that thread; a later `answer` answers what it gives."""
        if len(self._asked) >= LONGEST_QUEUE:
            self._server.refuse(request, ErrorCode.BUSY, "too many ask; ask again later")
        else:
            self._asked.append((request, self._thread.submit(lambda: msgspec.structs.asdict(find()))))

    def answer(self) -> None:
        """Answers those whose answer is there."""
        for each in [each for each in self._asked if each[1].done()]:
            self._asked.remove(each)
            self._answer(*each)

    def close(self) -> None:
        """Who still waits is told that the station stops. May be called twice."""
        if self._reader:
            self._reader.close()
        self._thread.shutdown(cancel_futures=True)
        for request, _ in self._asked:
            self._server.refuse(request, ErrorCode.WRONG_STATE, "the station is stopping")
        self._asked = []

    def _answer(self, request: Request, found: Future[dict[str, Any]]) -> None:
        try:
            self._server.reply(request, found.result())
        except past.UnknownError as error:
            self._server.refuse(request, ErrorCode.UNKNOWN_INSPECTION, str(error))
        except past.NoImageError as error:
            self._server.refuse(request, ErrorCode.REFUSED, str(error))
        except JournalError as error:
            log.error("%s", error)
            self._server.refuse(request, ErrorCode.INTERNAL, str(error))
        except Exception as error:  # whatever it is, a station does not end because somebody looked back
            log.error("%s: no answer", type(request.command).__name__, exc_info=error)
            self._server.refuse(request, ErrorCode.INTERNAL, f"there is no answer: {error}")

    def _find(self, query: object) -> msgspec.Struct:
        """Over a new connection: a damaged database may have been replaced meanwhile."""
        with PastReader(self._folder) as self._reader:
            return _ANSWERS[type(query)](self._reader, query)
