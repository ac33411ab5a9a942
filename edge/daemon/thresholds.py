"""Other thresholds for the recipe in use: between two parts, once the known frames are judged right by them."""

from __future__ import annotations

from dataclasses import replace

from edge.contract.cam import Thresholds
from edge.contract.events import InterlockEvent, ThresholdsEvent
from edge.contract.recipe import Recipe
from edge.daemon.changeover import Takeover
from edge.daemon.inspector import Inspector
from edge.inspection.pipeline import FrameJudge
from edge.journal.journal import Journal


class NewThresholds(Takeover):
    """The recipe and the bundle that are in use, with other thresholds. What is refused leaves all as it was."""

    def __init__(
        self, inspector: Inspector, judge: FrameJudge, recipe: Recipe, journal: Journal,
        thresholds: Thresholds, operator: str, reason: str,
    ) -> None:  # fmt: skip
        """Raises ConfigError, BundleError as `Takeover` does."""
        super().__init__(inspector, judge, with_thresholds(recipe, thresholds))
        self._journal, self._before = journal, _last_number(journal)
        self._event = ThresholdsEvent(
            recipe=recipe.name, bundle=judge.bundle.digest, before=recipe.thresholds(judge.bundle.card),
            thresholds=thresholds, configured=recipe.settings.thresholds, operator=operator, reason=reason,
        )  # fmt: skip

    @property
    def done(self) -> bool:
        """They are refused, or in use and on the disk."""
        if not super().done:
            return False
        found = self.found
        return found is None or not found.passed or _last_number(self._journal) > self._before

    def _take(self) -> InterlockEvent:
        return self._inspector.use_thresholds(self._judge, self._interlock, self._event)


def with_thresholds(recipe: Recipe, thresholds: Thresholds) -> Recipe:
    """The same recipe, but for these; its settings are still those of its file."""
    return replace(recipe, given=thresholds)


def as_last_set(recipe: Recipe, journal: Journal) -> Recipe:
    """A recipe as it was read, with the thresholds that it was given since, unless its file says others by now."""
    for noted in reversed(journal.reader.events("thresholds")):
        event = noted.event
        if isinstance(event, ThresholdsEvent) and event.recipe == recipe.name:
            return (
                with_thresholds(recipe, event.thresholds) if event.configured == recipe.settings.thresholds else recipe
            )
    return recipe


def _last_number(journal: Journal) -> int:
    found = journal.reader.events("thresholds", last=1)
    return found[0].number if found else 0
