"""Another bundle on its way into a running station: proven in a child, while parts go on being judged."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.contract.bundle import Bundle, read_bundle
from edge.contract.events import JudgeEvent, JudgeNews
from edge.contract.lifetime import Closing
from edge.contract.runtime import Runtime
from edge.contract.signature import PublicKey
from edge.daemon.bundles import BundleStore
from edge.daemon.happened import tell
from edge.daemon.life import Life
from edge.errors import BundleError, OkngError
from edge.journal.journal import Journal

if TYPE_CHECKING:
    from edge.inference.fallback import FallbackJudge

LOOK_S = 0.02
END_PATIENCE_S = 5.0


class Loader(Closing):
    """Proves one bundle at a time, in a thread of its own. The other methods belong to one thread at a time."""

    def __init__(
        self, store: BundleStore, trusted: Sequence[PublicKey], runtime: Runtime, given_up: Callable[[], bool]
    ) -> None:
        self._store, self._trusted, self._runtime = store, trusted, runtime
        self._closed = threading.Event()
        self._given_up = lambda: given_up() or self._closed.is_set()
        self._thread: threading.Thread | None = None
        self._outcome: FallbackJudge | Exception | None = None
        self.configured: str | None = None
        """Digest of the station file's bundle, None where that is damaged; once `begin_first` is through."""
        self.refusals: list[BundleError] = []
        """Why `begin_first` took none of those it tried before."""

    def begin_first(self, configured: Path) -> None:
        """Starts to prove the bundle that is wanted at a start, and the next best where it is refused."""
        self._start(configured, lambda: self._first(configured))

    def begin(self, path: Path, lost: FallbackJudge | None = None) -> None:
        """Starts to prove the bundle at `path`, and to keep a copy; the one before has had its outcome taken.

        `lost` is a judge whose delegate failed: it lets go of it before.
        """
        self._start(path, lambda: self._load(path, lost))

    def outcome(self) -> FallbackJudge | None:
        """The judge of a bundle that proved itself, once; None while it is under way. Raises BundleError."""
        if self._thread is None or self._thread.is_alive():
            return None
        outcome, self._outcome, self._thread = self._outcome, None, None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def wait(self) -> FallbackJudge:
        """As `outcome`, when it is there."""
        while (judge := self.outcome()) is None:
            time.sleep(LOOK_S)
        return judge

    def close(self) -> None:
        """Waits until the children are gone."""
        self._closed.set()
        if self._thread:
            self._thread.join(END_PATIENCE_S)

    def _start(self, path: Path, work: Callable[[], FallbackJudge]) -> None:
        def guarded() -> None:
            try:
                self._outcome = work()
            except BundleError as error:
                self._outcome = error
            except OkngError as error:
                self._outcome = BundleError(str(error))
            except Exception as error:
                self._outcome = BundleError(f"{path}: could not be loaded: {type(error).__name__}: {error}")

        self._thread = threading.Thread(target=guarded, name="load", daemon=True)
        self._thread.start()

    def _first(self, configured: Path) -> FallbackJudge:
        try:
            self.configured = read_bundle(configured, self._trusted).digest
        except BundleError:
            self.configured = None  # it is tried below, and says why
        for path in self._store.candidates(configured, self.configured):
            try:
                return self._prove(path)
            except BundleError as error:
                self.refusals.append(error)
                if self._given_up():
                    break
        raise self.refusals[0]

    def _load(self, path: Path, lost: FallbackJudge | None) -> FallbackJudge:
        if lost:
            lost.let_go()
        judge = self._prove(path)
        self._store.keep(judge.bundle, self._trusted)
        return judge

    def _prove(self, path: Path) -> FallbackJudge:
        bundle = read_bundle(path, self._trusted)  # of a signed station what nobody signed is not even tried
        from edge.inference.fallback import Proving

        proving = Proving(path, self._runtime)
        try:
            return proving.finish(bundle, self._given_up)
        finally:
            proving.kill()


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
    name: JudgeNews = "bundle_rolled_back" if unchanged else "bundle_refused"
    tell(journal, life, JudgeEvent(name, bundle.digest, text), logging.WARNING)
    life.fault(name, text)
