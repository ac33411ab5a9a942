"""A pause: somebody has the station inspect nothing, by name, until somebody has it go on; over restarts too."""

from __future__ import annotations

from collections.abc import Callable

from edge.contract.events import PauseEvent
from edge.daemon.happened import note
from edge.daemon.inspector import Inspector
from edge.daemon.life import Life
from edge.journal.journal import Journal


class Pause:
    """Belongs to the command thread, once it runs."""

    def __init__(self, inspector: Inspector, journal: Journal, life: Life, digest: Callable[[], str]) -> None:
        """`digest` is that of the bundle that judges now."""
        self._inspector, self._journal, self._life, self._digest = inspector, journal, life, digest
        found = [noted.event for noted in journal.reader.events("pause", last=1)]
        self._last = found[0] if found and isinstance(found[0], PauseEvent) else None

    @property
    def reason(self) -> str:
        """Who paused it and why, in plain words; empty where nobody has."""
        return str(self._last) if self._last and self._last.paused else ""

    def pause(self, operator: str, reason: str) -> None:
        """On the disk when this returns; then nothing is inspected any more. Raises JournalError."""
        self._note(PauseEvent(paused=True, operator=operator, reason=reason, bundle=self._digest()))
        self._inspector.stop(self.reason)

    def resume(self, operator: str) -> None:
        """On the disk when this returns; whoever calls it starts the station. Raises JournalError."""
        self._note(PauseEvent(paused=False, operator=operator, reason="", bundle=self._digest()))

    def _note(self, event: PauseEvent) -> None:
        note(self._journal, self._life, event)
        self._last = event
