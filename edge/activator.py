"""Which bundle judges: another one takes over by command, and the one before comes back when it must."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.bundles import BundleStore
from edge.contract.bundle import Bundle
from edge.contract.signature import PublicKey
from edge.contract.types import Event
from edge.errors import BundleError, OkngError
from edge.happened import DelegateWatch, tell
from edge.inspector import Inspector
from edge.journal.journal import Journal
from edge.life import Life
from edge.loader import Loader
from edge.trial import Trial

if TYPE_CHECKING:
    from edge.inference.fallback import FallbackJudge

log = logging.getLogger(__name__)

BY_COMMAND = "by command"
Answer = Callable[[Bundle | BundleError | None], None]
"""Told once what came of it: the bundle that judges now, why not, or None when the station stops meanwhile."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A bundle that is to judge. `reason`: why the one before comes back; `lost`: a judge whose delegate failed."""

    path: Path
    answer: Answer | None = None
    reason: str = ""
    lost: FallbackJudge | None = None


def settle(
    store: BundleStore, loader: Loader, bundle: Bundle, trusted: Sequence[PublicKey], journal: Journal, life: Life
) -> None:
    """At a start: what judges is kept and recorded. That it is not the one that was wanted is a fault."""
    before, configured = store.record, loader.configured
    unchanged = before is not None and configured == before.configured
    wanted = before.active if before and unchanged else configured
    try:
        store.keep(bundle, trusted)
        store.begin(bundle.digest if configured == bundle.digest or not before else before.configured, bundle.digest)
        store.tidy()
    except (OkngError, OSError) as error:
        life.fault("bundle_not_kept", f"no other bundle can take over: {error}")
    if bundle.digest == wanted:
        return
    text = f"{bundle.card.name} ({bundle.short}) judges instead: {loader.refusals[0]}"
    name = "bundle_rolled_back" if unchanged else "bundle_refused"
    tell(journal, life, Event(name, text, bundle.digest, time.time_ns()), logging.WARNING)
    life.fault(name, text)


class Activator:
    """Belongs to the command thread. One bundle at a time is on its way; a person's wish goes before okng's own."""

    def __init__(
        self, inspector: Inspector, loader: Loader, store: BundleStore, trial: Trial, journal: Journal, life: Life,
        judge: FallbackJudge, *, retry_s: float,
    ) -> None:  # fmt: skip
        self._inspector, self._loader, self._store, self._trial, self._life = inspector, loader, store, trial, life
        self._journal, self._judge = journal, judge
        self._delegate = DelegateWatch(self._tell, life, retry_s)
        self._asked: Wish | None = None
        self._under_way: Wish | None = None
        self._coming: FallbackJudge | None = None
        """Proven, recorded, and on its way to the line thread."""
        self._rolled_back_from = ""

    @property
    def bundle(self) -> Bundle:
        """The one that judges."""
        return self._judge.bundle

    @property
    def busy(self) -> bool:
        """A person's wish is not answered yet."""
        return self._asked is not None or (self._under_way is not None and self._under_way.answer is not None)

    def load(self, path: Path, answer: Answer) -> None:
        """The bundle at `path` is to judge. Not while it is `busy`."""
        self._asked = Wish(path, answer)

    def roll_back(self, answer: Answer) -> None:
        """The bundle before this one is to judge again. Not while it is `busy`. Raises BundleError: there is none."""
        self._asked = Wish(self._previous(), answer, BY_COMMAND)

    def step(self) -> None:
        """What is to be done next; call it every tenth of a second."""
        self._delegate.look(self._judge.degraded)
        if self._coming:
            if not self._inspector.changing:
                self._took_over(self._coming)
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
            self._record(wish, judge)
        except (OkngError, OSError) as error:
            self._refuse(wish, BundleError(str(error)))
            return
        if wish.lost and judge.degraded:
            self._under_way = None
            self._delegate.try_later(judge.degraded)
            return
        self._inspector.use(judge)
        self._coming = judge

    def _record(self, wish: Wish, judge: FallbackJudge) -> None:
        """Before it takes over: what was answered is on the disk."""
        if wish.reason:
            self._store.roll_back()
        elif not wish.lost:
            self._store.activate(judge.bundle.digest, self._trial.faults)

    def _took_over(self, judge: FallbackJudge) -> None:
        wish, before = self._under_way, self.bundle
        assert wish is not None
        self._judge.let_go()
        self._judge, self._coming, self._under_way = judge, None, None
        self._delegate.look(judge.degraded)
        if wish.lost:
            return
        self._delegate.try_soon()  # the old one may have had the device in its hands
        record = self._store.record
        if before.digest != judge.bundle.digest:
            self._trial.begin(judge.bundle.digest, record.trial if record else None)
        self._tell_of_change(wish, before)
        self._store.tidy()
        if wish.answer:
            wish.answer(judge.bundle)

    def _tell_of_change(self, wish: Wish, before: Bundle) -> None:
        now = f"{self.bundle.card.name} ({self.bundle.short}) took over from {before.card.name} ({before.short})"
        if wish.reason:
            self._tell("bundle_rolled_back", f"{now}: {wish.reason}", logging.WARNING)
        else:
            self._tell("bundle_active", now)
        by_itself = wish.reason and not wish.answer
        self._life.fault("bundle_rolled_back", f"{now}: {wish.reason}" if by_itself else "")
        self._life.fault("bundle_refused", "")

    def _refuse(self, wish: Wish, error: BundleError) -> None:
        self._under_way = None
        if self._life.ending.is_set():
            if wish.answer:
                wish.answer(None)
            return
        if wish.lost:
            self._delegate.try_later(str(error))
            return
        if wish.reason and not wish.answer:
            self._rolled_back_from = self.bundle.digest
            self._life.fault("bundle_refused", f"{wish.reason}, but the bundle before it is refused: {error}")
        text = f"the station keeps {self.bundle.short}: {error}"
        self._tell("bundle_refused", text, logging.WARNING)
        if wish.answer:
            wish.answer(error)

    def _tell(self, name: str, text: str, level: int = logging.INFO) -> None:
        tell(self._journal, self._life, Event(name, text, self.bundle.digest, time.time_ns()), level)

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
