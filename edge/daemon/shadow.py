"""A second bundle that judges the same frames by the same recipe, for the record alone.

It may be slower than the line: then it leaves frames out.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import msgspec

from edge.contract.bundle import Bundle
from edge.contract.lifetime import Closing
from edge.contract.recipe import Recipe
from edge.contract.typed import decode_json
from edge.contract.types import Inspection
from edge.daemon.life import Life
from edge.errors import BundleError, ConfigError, JournalError
from edge.inference.verify import Proof
from edge.inspection.shadow import Said, ask
from edge.journal.journal import Journal
from edge.journal.rows import DROPPED, Shadowed

log = logging.getLogger(__name__)

WAITING = 4
"""Parts that may wait for the shadow; more are left out, and counted."""
LOOK_S = 0.1
KEEP_S = 1.0
"""How often what it said is journaled, in one commit."""
PATIENCE_S = 60.0
"""A shadow that takes longer to prove itself, or for a frame, is started anew."""
AGAIN_S = 60.0


class Shadow(Closing):
    """Its own thread talks to a process of its own. `offer` is the record thread's, `told` anybody's; neither waits."""

    def __init__(self, bundle: Bundle, journal: Journal, life: Life) -> None:
        """`bundle` has been read, and proves itself in the process."""
        self._bundle, self._journal, self._life = bundle, journal, life
        self._waiting: queue.Queue[tuple[Inspection, str]] = queue.Queue(WAITING)
        self._guard = threading.Lock()
        self._found: list[Shadowed] = []
        self._counts = {"judged": 0, "disagreements": 0, "dropped": 0}
        self._ending = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._asked_at: float | None = None
        self._taught: Recipe | None = None
        """The recipe that its process judges by."""
        self._unfit: Recipe | None = None
        """The last one that does not fit it."""
        self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)

    def start(self) -> None:
        """Begins to judge what is offered."""
        self._thread.start()

    def offer(self, inspection: Inspection, bundle: str) -> None:
        """A journaled inspection, with all its frames, by the bundle of that digest.

        It is judged when there is time, else counted.
        """
        if inspection.frames:
            try:
                self._waiting.put_nowait((inspection, bundle))
            except queue.Full:
                self._keep(inspection, bundle, DROPPED)
        asked_at, child = self._asked_at, self._child
        if child and asked_at and time.monotonic() - asked_at > PATIENCE_S:
            child.kill()

    def told(self) -> dict[str, Any]:
        """For `status`: which bundle it is, and what it has done since the boot."""
        with self._guard:
            return {"bundle": self._bundle.digest, "bundle_name": self._bundle.card.name, **self._counts}

    def close(self) -> None:
        """Ends its process; what it said so far is journaled. May be called twice."""
        self._ending.set()
        if self._child:
            self._child.kill()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_S)

    def _work(self) -> None:
        while not self._ending.is_set():
            try:
                self._serve()
            except (BundleError, OSError, msgspec.DecodeError) as error:
                if not self._ending.is_set():
                    self._life.fault("shadow", f"{error}; it is started again in {AGAIN_S:g} s")
            if self._child:
                self._child.kill()
                self._child.communicate()
            self._pause(AGAIN_S)
        self._journal_found()

    def _serve(self) -> None:
        command = [sys.executable, "-P", "-m", "edge.inspection.shadow", str(self._bundle.path)]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._taught = self._unfit = None
        line = self._answer(b"")
        if not line.startswith(b"{"):  # the reason
            raise BundleError(line.decode(errors="replace").strip())
        if decode_json(line, Proof).digest != self._bundle.digest:
            raise BundleError(f"{self._bundle.path}: changed since the station started; restart it")
        log.info("shadow bundle %s (%s) proved itself", self._bundle.card.name, self._bundle.short)
        self._life.fault("shadow", "")
        next_s = time.monotonic() + KEEP_S
        while not self._ending.is_set():
            with contextlib.suppress(queue.Empty):
                self._judge(*self._waiting.get(timeout=LOOK_S))
            if time.monotonic() >= next_s:
                self._journal_found()
                next_s = time.monotonic() + KEEP_S

    def _judge(self, inspection: Inspection, bundle: str) -> None:
        """By the recipe that the inspection was made by."""
        recipe = inspection.recipe
        if recipe and not self._fits(recipe):
            self._keep(inspection, bundle, DROPPED)
            return
        line = self._answer(*ask(inspection.frames, recipe, self._taught))
        self._taught = recipe or self._taught
        said = decode_json(line, Said)
        self._keep(inspection, bundle, said.verdict.value, said.score, said.kind)

    def _fits(self, recipe: Recipe) -> bool:
        """Whether the shadow bundle can judge by it; a fault that is shown where it cannot."""
        if recipe in (self._taught, self._unfit):
            return recipe is self._taught
        try:
            recipe.looks(self._bundle.card)
        except ConfigError as error:
            self._unfit = recipe
            self._life.fault("shadow", f"frames are left out: {error}")
            return False
        self._life.fault("shadow", "")
        return True

    def _answer(self, *data: bytes) -> bytes:
        """What the process answers. Raises BundleError when it ended, OSError when it takes nothing."""
        child = self._child
        assert child is not None
        assert child.stdin is not None
        assert child.stdout is not None
        self._asked_at = time.monotonic()
        for each in data:
            child.stdin.write(each)
        child.stdin.flush()
        line = child.stdout.readline()
        self._asked_at = None
        if not line:
            raise BundleError(f"{self._bundle.path}: the process of the shadow bundle ended ({child.wait()})")
        return line

    def _keep(
        self, inspection: Inspection, bundle: str, said: str, score: float | None = None, kind: str | None = None
    ) -> None:
        """To be journaled; without the frame, which would fill the memory."""
        found = Shadowed(replace(inspection, frame=None, frames=()), bundle, self._bundle.digest, said, score, kind)
        with self._guard:
            self._found.append(found)
            self._counts["dropped" if said == DROPPED else "judged"] += 1
            self._counts["disagreements"] += found.differs

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._ending.wait(KEEP_S):
            self._journal_found()

    def _journal_found(self) -> None:
        with self._guard:
            found, self._found = self._found, []
        try:
            if found:
                self._journal.compare(found)
        except JournalError as error:
            log.error("what the shadow said of %d frames is lost: %s", len(found), error)
