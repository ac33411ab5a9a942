"""What judges has changed: into the journal first, then published; and a lost delegate, as long as it is lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge.contract.events import Event, JudgeEvent, JudgeNews
from edge.daemon.life import Life
from edge.errors import JournalError
from edge.journal.journal import Journal
from edge.wire.publisher import Publisher

log = logging.getLogger(__name__)


def note(journal: Journal, life: Life, event: Event) -> None:
    """On the disk when this returns; the record thread publishes it. Raises JournalError."""
    noted = journal.note(event)
    log.info("%s", event)
    life.events.put(noted)


def tell(journal: Journal, life: Life, event: JudgeEvent, level: int = logging.INFO) -> None:
    """On the disk when this returns; the record thread publishes it."""
    log.log(level, "%s", event)
    try:
        life.events.put(journal.note(event))
    except JournalError as error:
        log.error("%s is not in the journal: %s", event.name, error)


def announce(journal: Journal, publisher: Publisher, event: Event) -> None:
    """Of the record thread: on the disk, then published; what cannot be written is not published either."""
    try:
        noted = journal.note(event)
    except JournalError as error:
        log.error("%s: not in the journal: %s", event, error)
    else:
        publisher.event(event, noted.happened_ns, bundle=event.bundle)


class DelegateWatch:
    """Tells that the CPU judges in place of the delegate, and when the delegate is to be tried again."""

    def __init__(self, say: Callable[[JudgeNews, str, int], None], life: Life, retry_s: float) -> None:
        """`say` takes an event's name, text and level of the log."""
        self._say, self._life, self._retry_s = say, life, retry_s
        self._degraded = ""
        self._retry_at = 0.0

    @property
    def due(self) -> bool:
        """The delegate is lost, and to be tried now."""
        return bool(self._degraded) and time.monotonic() >= self._retry_at

    def look(self, degraded: str) -> None:
        """Why the CPU judges at this moment; empty when it is the delegate, or there is none."""
        if bool(degraded) == bool(self._degraded):
            return
        if degraded:
            self._say("delegate_lost", degraded, logging.WARNING)
        else:
            self._say("delegate_back", "the delegate works again", logging.INFO)
        self.try_later(degraded)

    def try_later(self, degraded: str) -> None:
        """It does not work, for this reason; empty: it does."""
        self._degraded = degraded
        self._retry_at = time.monotonic() + self._retry_s
        text = f"the CPU judges instead, the delegate is tried again every {self._retry_s:g} s: {degraded}"
        self._life.fault("delegate", text if degraded else "")

    def try_soon(self) -> None:
        """At the next opportunity."""
        self._retry_at = 0.0
