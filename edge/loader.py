"""Another bundle on its way into a running station: proven in a child, while parts go on being judged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.contract.bundle import read_bundle
from edge.contract.signature import PublicKey
from edge.errors import BundleError
from edge.inference.verify import finish_verify, start_verify

if TYPE_CHECKING:
    from edge.inference.judge import Judge

END_PATIENCE_S = 5.0


class Loader:
    """Proves one bundle at a time, in a thread of its own. The other methods belong to the command thread."""

    def __init__(self, trusted: Sequence[PublicKey], threads: int, given_up: Callable[[], bool]) -> None:
        self._trusted, self._threads, self._given_up = trusted, threads, given_up
        self._thread: threading.Thread | None = None
        self._outcome: Judge | Exception | None = None

    def begin(self, path: Path) -> None:
        """Starts to prove the bundle at `path`; the one before has had its outcome taken."""
        self._thread = threading.Thread(target=self._work, args=(path,), name="load", daemon=True)
        self._thread.start()

    def outcome(self) -> Judge | None:
        """The judge of a bundle that proved itself, once; None while it is under way. Raises BundleError."""
        if self._thread is None or self._thread.is_alive():
            return None
        outcome, self._outcome, self._thread = self._outcome, None, None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        """Waits until the child is gone; `given_up` says so by now."""
        if self._thread:
            self._thread.join(END_PATIENCE_S)

    def _work(self, path: Path) -> None:
        try:
            self._outcome = self._prove(path)
        except BundleError as error:
            self._outcome = error
        except Exception as error:
            self._outcome = BundleError(f"{path}: could not be loaded: {type(error).__name__}: {error}")

    def _prove(self, path: Path) -> Judge:
        bundle = read_bundle(path, self._trusted)
        proof = finish_verify(path, start_verify(path), self._given_up)
        if proof.digest != bundle.digest:
            raise BundleError(f"{path}: changed while it was being verified; load it again")
        from edge.inference.judge import Judge

        return Judge(bundle, self._threads)
