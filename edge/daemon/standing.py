"""What is wrong or not as usual at this moment, by name, and since when; and what of it has just changed."""

from __future__ import annotations

import time
from collections.abc import Callable

from edge.contract.events import Alarm, DriftEvent, FaultEvent


class Standing:
    """Alarms of one kind of event. Belongs to one thread, or stands behind a lock."""

    def __init__(self, kind: type[FaultEvent | DriftEvent], clock: Callable[[], int] = time.time_ns) -> None:
        """`clock` gives Unix time in nanoseconds."""
        self._kind, self._clock = kind, clock
        self.texts: dict[str, str] = {}
        """For people."""
        self.since_ns: dict[str, int] = {}
        """When each was raised, Unix in nanoseconds."""

    def put(self, name: str, text: str, since_ns: int | None = None) -> Alarm | None:
        """This is wrong, since `since_ns` or now; empty: it is over. What that changed, None where only the words did.

        The event names no bundle yet.
        """
        before = self.texts.get(name, "")
        if text:
            self.texts[name] = text
            since = self.since_ns.setdefault(name, self._clock() if since_ns is None else since_ns)
        elif before:
            del self.texts[name]
            since = self.since_ns.pop(name)
        if bool(text) == bool(before):
            return None
        return self._kind(name=name, text=text or before, raised=bool(text), since_ns=since, bundle="")
