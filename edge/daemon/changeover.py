"""A proven bundle on its way to the line thread: by the recipe in use, or with another one."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

from edge.contract.events import ChangeoverEvent, InterlockEvent
from edge.contract.recipe import Recipe
from edge.daemon.inspector import Inspector
from edge.daemon.interlock import Interlock
from edge.inspection.pipeline import FrameJudge, PartJudge
from edge.journal.journal import Journal


class Takeover:
    """Another bundle, by the recipe that the station has. `begin` it, then ask for `outcome` until it is there."""

    def __init__(self, inspector: Inspector, judge: FrameJudge, recipe: Recipe | None) -> None:
        """Raises ConfigError when the recipe does not fit the bundle, BundleError when a golden frame is not there."""
        self._inspector = inspector
        self._judge, self._interlock = PartJudge(judge, recipe), Interlock(judge.bundle, recipe)
        self._future: Future[InterlockEvent | None] | None = None

    def begin(self) -> None:
        """The line thread takes it between two parts."""
        self._future = self._inspector.order(self._take)

    @property
    def done(self) -> bool:
        """The line thread has taken it, or refused it."""
        return self._future is not None and self._future.done()

    @property
    def found(self) -> InterlockEvent | None:
        """What its known frames said, once it is done; None where they were not asked. Raises InFlightError."""
        assert self._future is not None
        return self._future.result()

    def _take(self) -> InterlockEvent | None:
        return self._inspector.use(self._judge, self._interlock)


class Changeover(Takeover):
    """Another recipe with its bundle: it takes over once its known frames are judged right, and it is journaled."""

    def __init__(
        self, inspector: Inspector, judge: FrameJudge, recipe: Recipe, journal: Journal, configured: str
    ) -> None:
        """`configured` is the recipe that the station file names, if any. Raises ConfigError, BundleError."""
        super().__init__(inspector, judge, recipe)
        self._journal, self._configured = journal, configured
        self._before = last_changeover(journal)[0]

    @property
    def done(self) -> bool:
        """It is refused, or in use and on the disk."""
        if not super().done or self._future is None:
            return False
        if self._future.exception() is not None or not (found := self._future.result()) or not found.passed:
            return True
        return last_changeover(self._journal)[0] > self._before

    def _take(self) -> InterlockEvent:
        return self._inspector.change_over(self._judge, self._interlock, self._configured)


def last_changeover(journal: Journal) -> tuple[int, ChangeoverEvent | None]:
    """The last one in the journal and its number there; 0 and None where there was none."""
    for noted in journal.reader.events("changeover", last=1):
        if isinstance(noted.event, ChangeoverEvent):
            return noted.number, noted.event
    return 0, None


def own_bundle(recipe: Recipe | None) -> Path | None:
    """The bundle that a recipe names, if it names one."""
    return Path(recipe.settings.bundle) if recipe and recipe.settings.bundle else None
