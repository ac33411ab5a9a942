"""The signal as the line gets it: each part's pulse at the gate, and how the station is."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from edge.contract.types import Signal, Verdict
from edge.errors import SignalError, TooLate
from edge.line.held import Held, HeldParts, Part
from edge.line.outputs import Output, Outputs, Told
from edge.line.panel import Panel
from edge.line.signal import LineSignal

log = logging.getLogger(__name__)

LOOK_NS = 20_000_000
"""How often the station's health is looked at, so also how long READY may outlast it."""
LATE_NS = 20_000_000
"""A PASS pulse that could begin only so long after its time, or when the next part is due, is not given."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the station is, for whoever stands at the line."""

    ready: bool
    """A part that comes now would be judged."""
    error: bool
    """The station cannot do its work."""
    alive: bool
    """The line thread gets on."""


@dataclass(frozen=True, slots=True)
class Timing:
    """In nanoseconds: the length of a pulse, the way from trigger to gate, and how often the heartbeat toggles.

    Without `delay_ns` a part's pulse begins with its verdict; with it, so long after its trigger.
    """

    pulse_ns: int = 50_000_000
    delay_ns: int = 0
    beat_ns: int = 500_000_000


class Gate(LineSignal):
    """Drives the outputs. Parts on their way to the gate wait in a queue, and each gets its own signal there.

    A thread of its own ends each pulse, begins those that are due, looks at the station's health and toggles the
    heartbeat. A pulse that is still out when the next one begins is ended first: PASS goes low before anything goes
    high. So keep the pulse shorter than the time between two parts.

    READY falls, and ERROR rises, when the station's health says so, when a verdict is late, and when an output cannot
    be driven.
    """

    def __init__(self, outputs: Outputs, timing: Timing, health: Callable[[], Health]) -> None:
        """`health` is asked every 20 ms or oftener from a thread of its own, and must not wait."""
        super().__init__()
        self._outputs, self._timing, self._health = outputs, timing, health
        self._wake = threading.Condition()
        """Its lock guards all that follows, and the outputs."""
        self._ending = False
        self._thread: threading.Thread | None = None
        self._begin()

    def _begin(self) -> None:
        self._ending = False
        self._panel = Panel(self._outputs, self._timing.pulse_ns, self._timing.beat_ns)
        self._unjudged: dict[int, Part] = {}
        """By sequence."""
        self._deadlines: list[tuple[int, int]] = []
        """(deadline, sequence) as a heap; of parts that have their verdict too."""
        self._on_their_way: list[tuple[int, int, Part]] = []
        """(due, order, part) as a heap."""
        self._order = 0
        self._held = HeldParts()
        self._seen = Health(ready=False, error=False, alive=False)

    @property
    def trouble(self) -> str:
        """What cannot be driven at this moment, empty when all can."""
        return self._panel.trouble or self._outputs.trouble

    @property
    def held(self) -> dict[int, float]:
        """See `LineSignal.held`."""
        with self._wake:
            return self._held.left_s(time.monotonic_ns())

    def _do_open(self) -> None:
        self._begin()
        self._outputs.open()
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)
        self._thread.start()

    def _do_close(self) -> None:
        with self._wake:
            self._ending = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._outputs.close()

    def _do_expect(self, sequence: int, triggered_ns: int, deadline_ns: int) -> None:
        with self._wake:
            self._let_go_before_next()
            part = self._send_off(triggered_ns, deadline_ns)
            self._unjudged[sequence] = part
            heapq.heappush(self._deadlines, (part.deadline_ns, sequence))
            self._show()

    def _do_pass_over(self, triggered_ns: int) -> None:
        with self._wake:
            self._let_go_before_next()
            if self._send_off(triggered_ns, triggered_ns).due_ns is None:
                self._reject_now()
            self._show()

    def _do_send(self, sequence: int, accept: bool, verdict: Verdict) -> None:
        self._judged(sequence, accept, verdict, 0)

    def _do_hold(self, sequence: int, verdict: Verdict, hold_ns: int) -> None:
        self._judged(sequence, False, verdict, hold_ns)

    def _judged(self, sequence: int, accept: bool, verdict: Verdict, hold_ns: int) -> None:
        with self._wake:
            part = self._unjudged.pop(sequence, None)
            refusal = self._refusal(sequence, part)
            if refusal:
                accept, verdict = False, Verdict.FAULT
            try:
                if part and hold_ns and not refusal:
                    self._held.put(sequence, part, verdict, time.monotonic_ns() + hold_ns)
                else:
                    self._say(sequence, part, accept, verdict)
            finally:
                self._show()
            if refusal:
                raise refusal

    def _do_release(self, sequence: int, accept: bool) -> Signal | None:
        with self._wake:
            if (held := self._held.take(sequence)) is None:
                return None
            accept = accept and self._refusal(sequence, held.part, judged=True) is None
            try:
                self._say(sequence, held.part, accept, held.verdict)
            except SignalError:
                accept = False  # kept, and told by the next `send`
            finally:
                self._show()
            return Signal.ACCEPT if accept else Signal.REJECT

    def _let_go(self, gone: Sequence[tuple[int, Held]]) -> None:
        """Parts that nobody decided on in time."""
        for sequence, held in gone:
            with suppress(SignalError):
                self._say(sequence, held.part, False, held.verdict)

    def _let_go_before_next(self) -> None:
        """Without a way to a gate the next pulse is the next part's."""
        if not self._timing.delay_ns:
            self._let_go(self._held.take_all())

    def _say(self, sequence: int, part: Part | None, accept: bool, verdict: Verdict) -> None:
        """The line learns what a part is. Raises SignalError: the part is rejected."""
        try:
            self._outputs.tell(Told(sequence, verdict, Signal.ACCEPT if accept else Signal.REJECT))
            self._decide(part, accept)
        except SignalError:
            self._decide(part, False)
            raise

    def _refusal(self, sequence: int, part: Part | None, *, judged: bool = False) -> SignalError | None:
        """Why this part cannot be accepted, whatever its verdict; None when it can."""
        if part is None:
            return SignalError(f"part {sequence} was not expected at the gate, or was told before")
        if not judged and (over_ns := time.monotonic_ns() - part.deadline_ns) > 0:
            self._give_up(part)
            return TooLate(f"the verdict came {over_ns / 1e6:.0f} ms after its deadline")
        if self._thread is None or not self._thread.is_alive():
            return SignalError("the thread that ends pulses has ended; restart the station")
        trouble = self._panel.take_trouble() or self._outputs.trouble
        return SignalError(trouble) if trouble else None

    def _decide(self, part: Part | None, accept: bool) -> None:
        """The verdict takes effect: at the gate, or now. The reject of a part that was late is out already."""
        if part is not None and part.due_ns is not None:
            part.accept = accept
        elif part is None or not part.late:
            self._panel.pulse(accept)

    def _send_off(self, triggered_ns: int, deadline_ns: int) -> Part:
        """A part begins its way; one that has a gate is to be judged before it gets there."""
        if not self._timing.delay_ns:
            return Part(deadline_ns, None)
        due_ns = triggered_ns + self._timing.delay_ns
        part = Part(min(deadline_ns, due_ns), due_ns)
        self._order += 1
        heapq.heappush(self._on_their_way, (due_ns, self._order, part))
        return part

    def _give_up(self, part: Part) -> None:
        if not part.late:
            part.late = True
            if part.due_ns is None:
                self._reject_now()

    def _reject_now(self) -> None:
        with suppress(SignalError):  # kept, and told by the next `send`
            self._panel.pulse(False)

    def _arrive(self, part: Part, due_ns: int) -> None:
        """A part is at the gate, unless another one is there by now."""
        now_ns, accept = time.monotonic_ns(), part.accept
        followed = bool(self._on_their_way) and self._on_their_way[0][0] <= now_ns
        if accept and (followed or now_ns - due_ns > LATE_NS):
            log.error("an accepted part was at the gate %.0f ms ago, it is rejected", (now_ns - due_ns) / 1e6)
            accept = False
        with suppress(SignalError):
            self._panel.pulse(accept)

    def _run(self) -> None:
        with self._wake:
            try:
                while not self._ending:
                    self._step(time.monotonic_ns())
                    self._wake.wait(max(0, self._next_ns() - time.monotonic_ns()) / 1e9)
            except Exception:
                log.exception("the gate's thread has ended; all is rejected")
            finally:
                self._panel.all_low()

    def _step(self, now_ns: int) -> None:
        """Does what is due."""
        while self._deadlines and self._deadlines[0][0] < now_ns:
            if part := self._unjudged.get(heapq.heappop(self._deadlines)[1]):
                self._give_up(part)
        while self._on_their_way and self._on_their_way[0][0] <= now_ns:
            due_ns, _, part_there = heapq.heappop(self._on_their_way)
            self._let_go(self._held.take_part(part_there))
            self._arrive(part_there, due_ns)
        self._let_go(self._held.take_over_due(now_ns))
        self._seen = self._health()
        self._panel.advance(now_ns, alive=self._seen.alive)
        self._show(wake=False)

    def _next_ns(self) -> int:
        look_ns = time.monotonic_ns() + LOOK_NS
        heads = (heap[0][0] for heap in (self._deadlines, self._on_their_way) if heap)
        return min(look_ns, self._panel.pulse_ends_ns or look_ns, *heads)

    def _show(self, *, wake: bool = True) -> None:
        """Brings the lamps up to date; the thread looks anew at what is due next."""
        late = any(part.late for part in self._unjudged.values())
        bad = late or bool(self.trouble)
        self._panel.show(
            {
                Output.BUSY: bool(self._held) or any(not part.late for part in self._unjudged.values()),
                Output.READY: self._seen.ready and not bad,
                Output.ERROR: self._seen.error or bad,
            }
        )
        if wake:
            self._wake.notify()
