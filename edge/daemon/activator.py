"""Which bundle judges, by which recipe: others take over by command, and the bundle before comes back when it must."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.contract.bundle import Bundle
from edge.contract.events import JudgeEvent, JudgeNews
from edge.contract.recipe import Recipe
from edge.daemon.bundles import BundleStore
from edge.daemon.changeover import Changeover, Takeover, own_bundle
from edge.daemon.happened import DelegateWatch, tell
from edge.daemon.inspector import Inspector
from edge.daemon.life import Life
from edge.daemon.loader import Loader
from edge.daemon.orders import InFlightError
from edge.daemon.trial import Trial
from edge.errors import BundleError, ConfigError, OkngError
from edge.journal.journal import Journal

if TYPE_CHECKING:
    from edge.inference.fallback import FallbackJudge

log = logging.getLogger(__name__)

BY_COMMAND = "by command"
Answer = Callable[[Bundle | Exception | None], None]
"""Told once what came of it: the bundle that judges now, why not, or None when the station stops meanwhile.

Why not is an OkngError or an InFlightError; ConfigError where it is the recipe's fault.
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """A bundle that is to judge. `reason`: why the one before comes back; `lost`: a judge whose delegate failed.

    `recipe`: with another recipe.
    """

    path: Path
    answer: Answer | None = None
    reason: str = ""
    lost: FallbackJudge | None = None
    recipe: Recipe | None = None


class Activator:
    """Belongs to the command thread. One bundle at a time is on its way; a person's wish goes before okng's own.

    `bundle` and `recipe` of the station file are those that it names, if any.
    """

    def __init__(
        self, inspector: Inspector, loader: Loader, store: BundleStore, trial: Trial, journal: Journal, life: Life,
        judge: FallbackJudge, *, bundle: Path, recipe: str, retry_s: float,
    ) -> None:  # fmt: skip
        self._inspector, self._loader, self._store, self._trial, self._life = inspector, loader, store, trial, life
        self._journal, self._judge, self._configured = journal, judge, (bundle, recipe)
        self._delegate = DelegateWatch(self._tell, life, retry_s)
        self._asked: Wish | None = None
        self._under_way: Wish | None = None
        self._coming: tuple[FallbackJudge, Takeover] | None = None
        """Proven, and on its way to the line thread."""
        self._rolled_back_from = ""

    @property
    def bundle(self) -> Bundle:
        """The one that judges."""
        return self._judge.bundle

    @property
    def judge(self) -> FallbackJudge:
        """What judges, with that bundle."""
        return self._judge

    @property
    def idle(self) -> bool:
        """No other bundle is on its way, of a person's wish or okng's own."""
        return self._asked is None and self._under_way is None

    @property
    def busy(self) -> str:
        """Which wish of a person is not answered yet, in words; empty: none."""
        wish = self._asked or self._under_way
        if wish is None or wish.answer is None:
            return ""
        return "a changeover is under way" if wish.recipe else "another bundle is being loaded"

    def load(self, path: Path, answer: Answer) -> None:
        """The bundle at `path` is to judge. Not while it is `busy`."""
        self._asked = Wish(path, answer)

    def change_over(self, recipe: Recipe, answer: Answer) -> None:
        """Parts are to be inspected by another recipe, and its bundle or the station's own. Not while `busy`."""
        path = own_bundle(recipe) or self._store.own(self._configured[0])
        self._asked = Wish(path, answer, recipe=recipe)

    def roll_back(self, answer: Answer) -> None:
        """The bundle before this one is to judge again. Not while it is `busy`. Raises BundleError: there is none."""
        self._asked = Wish(self._previous(), answer, BY_COMMAND)

    def step(self) -> None:
        """What is to be done next; call it every tenth of a second."""
        self._delegate.look(self._judge.degraded)
        if self._coming:
            judge, takeover = self._coming
            if takeover.done:
                self._arrived(judge, takeover)
        elif self._under_way:
            self._go_on(self._under_way)
        elif wish := self._next():
            self._under_way = wish
            self._loader.begin(wish.path, wish.lost)

    def close(self) -> None:
        """The station stops: whoever waits is told so."""
        for wish in (self._asked, self._under_way):
            if wish and wish.answer:
                wish.answer(None)
        self._loader.close()

    def _next(self) -> Wish | None:
        if wish := self._asked:
            self._asked = None
            return wish
        if (reason := self._trial.failed) and self._may_roll_back():
            return Wish(self._previous(), reason=reason)
        if self._trial.passed:
            self._end_trial()
        if self._delegate.due:
            return Wish(self._store.path(self.bundle.digest), lost=self._judge)
        return None

    def _go_on(self, wish: Wish) -> None:
        try:
            judge = self._loader.outcome()
            if judge is None:
                return
            takeover = self._takeover(wish, judge)
            self._record(wish, judge)
        except (OkngError, OSError) as error:
            self._refuse(wish, error if isinstance(error, OkngError) else BundleError(str(error)))
            return
        if wish.lost and judge.degraded:
            self._under_way = None
            self._delegate.try_later(judge.degraded)
            return
        takeover.begin()
        self._coming = judge, takeover

    def _takeover(self, wish: Wish, judge: FallbackJudge) -> Takeover:
        if wish.recipe:
            return Changeover(self._inspector, judge, wish.recipe, self._journal, self._configured[1])
        return Takeover(self._inspector, judge, self._inspector.recipe)

    def _record(self, wish: Wish, judge: FallbackJudge) -> None:
        """Before it takes over: what was answered is on the disk."""
        if wish.reason:
            self._store.roll_back()
        elif not wish.lost and not wish.recipe:
            self._store.activate(judge.bundle.digest, self._trial.faults)

    def _arrived(self, judge: FallbackJudge, takeover: Takeover) -> None:
        wish, self._coming = self._under_way, None
        assert wish is not None
        try:
            found = takeover.found
        except InFlightError as error:
            self._refuse(wish, error)
            return
        if wish.recipe and found and not found.passed:
            self._refuse(wish, ConfigError(self._inspector.blocked))
            return
        self._took_over(wish, judge, found.reason if found else "")

    def _took_over(self, wish: Wish, judge: FallbackJudge, wrong: str) -> None:
        """`wrong`: which known frames it judges wrong; empty where it does not."""
        before = self.bundle
        self._judge.let_go()
        self._judge, self._under_way = judge, None
        self._delegate.look(judge.degraded)
        if wish.lost:
            return
        self._delegate.try_soon()  # the old one may have had the device in its hands
        if wish.recipe:
            self._record_changeover(wish.recipe)
        record = self._store.record
        if before.digest != judge.bundle.digest:
            self._trial.begin(judge.bundle.digest, record.trial if record else None)
        if wrong:
            self._trial.fail(wrong)
        if not wish.recipe:
            self._tell_of_change(wish, before)
        self._store.tidy()
        if wish.answer:
            wish.answer(BundleError(f"{wrong}; {self._what_now()}") if wrong else judge.bundle)

    def _what_now(self) -> str:
        return "the bundle before it comes back" if self._may_roll_back() else "load another one"

    def _record_changeover(self, recipe: Recipe) -> None:
        """The journal has it, and that is what counts at a start; this is for what is loaded later."""
        try:
            self._store.change_over(self.bundle.digest, recipe.name if own_bundle(recipe) else "")
        except (OkngError, OSError) as error:
            self._life.fault("bundle_not_kept", f"no other bundle can take over: {error}")

    def _tell_of_change(self, wish: Wish, before: Bundle) -> None:
        now = f"{self.bundle.card.name} ({self.bundle.short}) took over from {before.card.name} ({before.short})"
        if wish.reason:
            self._tell("bundle_rolled_back", f"{now}: {wish.reason}", logging.WARNING)
        else:
            self._tell("bundle_active", now)
        by_itself = wish.reason and not wish.answer
        self._life.fault("bundle_rolled_back", f"{now}: {wish.reason}" if by_itself else "")
        self._life.fault("bundle_refused", "")

    def _refuse(self, wish: Wish, error: Exception) -> None:
        self._under_way = None
        if self._life.ending.is_set():
            if wish.answer:
                wish.answer(None)
            return
        if wish.lost:
            self._delegate.try_later(str(error))
            return
        if wish.recipe:
            log.warning("changeover refused: %s", error)
            if wish.answer:
                wish.answer(error)
            return
        if wish.reason and not wish.answer:
            self._rolled_back_from = self.bundle.digest
            self._life.fault("bundle_refused", f"{wish.reason}, but the bundle before it is refused: {error}")
        text = f"the station keeps {self.bundle.short}: {error}"
        self._tell("bundle_refused", text, logging.WARNING)
        if wish.answer:
            wish.answer(error)

    def _tell(self, name: JudgeNews, text: str, level: int = logging.INFO) -> None:
        tell(self._journal, self._life, JudgeEvent(name, self.bundle.digest, text), level)

    def _may_roll_back(self) -> bool:
        record = self._store.record
        return record is not None and record.previous is not None and self._rolled_back_from != record.active

    def _previous(self) -> Path:
        record = self._store.record
        if record is None or record.previous is None:
            raise BundleError("there is no bundle before this one; load one")
        return self._store.path(record.previous)

    def _end_trial(self) -> None:
        try:
            self._store.end_trial()
        except (OkngError, OSError) as error:
            log.warning("that the bundle passed its trial could not be kept: %s", error)
        self._trial.begin(self.bundle.digest, None)
