"""The interface of whatever tells the line to accept or reject a part."""

from __future__ import annotations

from abc import abstractmethod

from edge.contract.lifetime import Device
from edge.contract.types import Signal, Verdict
from edge.errors import SignalError


class LineSignal(Device):
    """The accept/reject signal. At rest, closed and after every error it says reject.

    Each part is announced by `expect` when it is triggered, and told by `send` when it is judged; a part that is not
    told in time is rejected. Any thread may call these two. The only error that leaves it is SignalError.
    """

    failure = SignalError

    def __init__(self) -> None:
        super().__init__("the line signal")

    def expect(self, sequence: int, triggered_ns: int, deadline_ns: int) -> None:
        """A part was triggered, and is rejected unless `send` says otherwise before the deadline.

        Both times are CLOCK_MONOTONIC in nanoseconds. A closed signal takes no notice.
        """
        if self._is_open:
            self._do_expect(sequence, triggered_ns, deadline_ns)

    def pass_over(self, triggered_ns: int) -> None:
        """A part was triggered at this time (CLOCK_MONOTONIC) that nobody will judge: it is rejected."""
        if self._is_open:
            self._do_pass_over(triggered_ns)

    def send(self, sequence: int, signal: Signal, verdict: Verdict) -> None:
        """Says what an expected part is; returns at once. Only `Signal.ACCEPT` accepts.

        Raises TooLate after its deadline, SignalError when the outputs cannot be driven: the part is then rejected.
        """
        if not self._is_open:
            raise SignalError("the line signal is closed; open it before sending")
        self._do_send(sequence, signal is Signal.ACCEPT, verdict)

    def hold(self, sequence: int, verdict: Verdict, hold_ns: int) -> None:
        """An expected part waits at the line for `release`, which says what it is; returns at once.

        It is rejected after `hold_ns`; when it comes to its gate, where that is before; and where there is no way to a
        gate, when the next part is expected. Raises as `send` does: the part is then rejected.
        """
        if not self._is_open:
            raise SignalError("the line signal is closed; open it before sending")
        self._do_hold(sequence, verdict, hold_ns)

    def release(self, sequence: int, signal: Signal) -> Signal | None:
        """Says what was decided on a part that is held: once, for then it is not held any more.

        Gives what the line got: reject also where accept cannot be driven; None where the part is not held.
        """
        return self._do_release(sequence, signal is Signal.ACCEPT) if self._is_open else None

    @property
    def held(self) -> dict[int, float]:
        """Parts that are held, by sequence, and seconds that each may still wait at most."""
        return {}

    @property
    def trouble(self) -> str:
        """What is wrong with it at this moment; empty when nothing is known."""
        return ""

    @abstractmethod
    def _do_expect(self, sequence: int, triggered_ns: int, deadline_ns: int) -> None:
        """As `expect`; the signal is open."""

    @abstractmethod
    def _do_pass_over(self, triggered_ns: int) -> None:
        """As `pass_over`; the signal is open."""

    def _do_hold(self, sequence: int, verdict: Verdict, _hold_ns: int) -> None:
        """As `hold`; the signal is open. One that cannot hold rejects at once."""
        self._do_send(sequence, False, verdict)

    def _do_release(self, _sequence: int, _accept: bool) -> Signal | None:
        """As `release`; the signal is open."""
        return None

    @abstractmethod
    def _do_send(self, sequence: int, accept: bool, verdict: Verdict) -> None:
        """As `send`; the signal is open."""


class NoSignal(LineSignal):
    """Drives nothing, and knows no time: for replay, which never reaches the line."""

    def _do_open(self) -> None:
        """There is nothing to open."""

    def _do_expect(self, sequence: int, triggered_ns: int, deadline_ns: int) -> None:
        """There is no gate to come to."""

    def _do_pass_over(self, triggered_ns: int) -> None:
        """There is no gate to come to."""

    def _do_send(self, sequence: int, accept: bool, verdict: Verdict) -> None:
        """There is nobody to tell."""

    def _do_close(self) -> None:
        """There is nothing to close."""
