"""A bundle proven and ready to judge, on a delegate where the station has one, with the CPU to fall back on."""

from __future__ import annotations

import faulthandler
import importlib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.contract.bundle import Bundle
from edge.contract.recipe import Look
from edge.contract.runtime import Runtime
from edge.contract.types import Frame, Judgement
from edge.errors import BundleError, DelegateError
from edge.inference.verify import finish_verify, start_verify

PROOF_S = 20.0
"""How long a bundle may take to prove itself on a delegate."""
DRIVER_S = 20.0
"""How long a driver may hold this process up while it loads or lets go of a device."""


class Proving:
    """The children in which a bundle proves itself: on the CPU and, at the same time, on the delegate if any."""

    def __init__(self, path: Path, runtime: Runtime) -> None:
        self._path, self._runtime = path, runtime
        self._on_cpu = start_verify(path, 0, Runtime(runtime.threads))
        self._on_delegate = start_verify(path, 0, runtime) if runtime.delegate else None

    def finish(self, bundle: Bundle, given_up: Callable[[], bool]) -> FallbackJudge:
        """The judge of the proven bundle. Raises BundleError, when it proved itself nowhere or is not `bundle`."""
        importlib.import_module("edge.inference.judge")  # while the children are at work
        refused, degraded = "", ""
        try:
            self._check(self._on_cpu, bundle, given_up)
        except BundleError as error:
            refused = str(error)
        if self._on_delegate:
            try:
                self._check(self._on_delegate, bundle, given_up, PROOF_S)
            except BundleError as error:
                degraded = str(error)
        if refused and (degraded or not self._on_delegate):
            raise BundleError(f"{refused}; and on its delegate: {degraded}" if degraded else refused)
        return FallbackJudge(bundle, self._runtime, on_cpu=not refused, degraded=degraded)

    def kill(self) -> None:
        """Ends the children, if they are still there."""
        for child in filter(None, (self._on_cpu, self._on_delegate)):
            child.kill()
            child.wait()

    def _check(
        self, child: subprocess.Popen[bytes], bundle: Bundle, given_up: Callable[[], bool],
        timeout_s: float | None = None,
    ) -> None:  # fmt: skip
        if finish_verify(self._path, child, given_up, timeout_s).digest != bundle.digest:
            raise BundleError(f"{self._path}: changed while it was being verified; start again")


class FallbackJudge:
    """Judges on the delegate; once that has failed, on the CPU, the frame at hand too.

    `judge` belongs to one thread. A delegate that failed is kept until `let_go`, since its driver may hang; any thread
    may call that.
    """

    def __init__(self, bundle: Bundle, runtime: Runtime, *, on_cpu: bool = True, degraded: str = "") -> None:
        """`on_cpu`: it proved itself there; `degraded`: why it did not on the delegate. Raises BundleError."""
        from edge.inference.judge import Judge

        self.bundle = bundle
        self.degraded = degraded
        """Why the CPU judges though the station has a delegate; empty where it does not, or has none."""
        self._on_cpu = Judge(bundle, Runtime(runtime.threads)) if on_cpu else None
        self._on_delegate: Judge | None = None
        if runtime.delegate and not degraded:
            try:
                with _or_exit(DRIVER_S):
                    self._on_delegate = Judge(bundle, runtime)
            except DelegateError as error:
                self.degraded = str(error)
        if self._on_cpu is None and self.degraded:
            raise BundleError(f"{bundle.path}: does not run on the CPU, and on its delegate: {self.degraded}")

    def judge(self, frame: Frame, look: Look | None = None) -> Judgement:
        """As `Judge.judge`. Raises DelegateError when the delegate fails and the CPU cannot run the model."""
        if (judge := self._on_delegate) is not None and not self.degraded:
            try:
                return judge.judge(frame, look)
            except DelegateError as error:
                self.degraded = str(error)
        if self._on_cpu is None:
            raise DelegateError(self.degraded)
        return self._on_cpu.judge(frame, look)

    def let_go(self) -> None:
        """Frees the delegate, so that another can be made: once it has failed, or when this judges no more."""
        with _or_exit(DRIVER_S):
            self._on_delegate = None


@contextmanager
def _or_exit(limit_s: float) -> Iterator[None]:
    """Ends the process, with the stack of each thread, when the block does not end.

    A driver is called with Python's lock held here, so no thread of ours could say anything.
    """
    faulthandler.dump_traceback_later(limit_s, exit=True, file=2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
