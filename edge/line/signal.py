"""The interface of whatever tells the line to accept or reject a part."""

from __future__ import annotations

from abc import abstractmethod

from edge.contract.lifetime import Device
from edge.contract.types import Signal
from edge.errors import SignalError


class LineSignal(Device):
    """The accept/reject signal. At rest, closed and after every error it says reject.

    Public methods check the state, then call the `_do_` method that an implementation provides. One thread at a time
    may call it. The only error that leaves it is SignalError.
    """

    failure = SignalError

    def __init__(self) -> None:
        super().__init__("the line signal")

    def send(self, signal: Signal) -> None:
        """Tell the line; returns at once. Only `Signal.ACCEPT` accepts, and a signal still out is replaced.

        Raises SignalError when the outputs cannot be driven; the part then counts as rejected.
        """
        if not self._is_open:
            raise SignalError("the line signal is closed; open it before sending")
        self._do_send(signal is Signal.ACCEPT)

    @abstractmethod
    def _do_send(self, accept: bool) -> None:
        """As `send`; the signal is open."""


class NoSignal(LineSignal):
    """Drives nothing: for replay, and for a station without outputs."""

    def _do_open(self) -> None:
        """There is nothing to open."""

    def _do_send(self, accept: bool) -> None:
        """There is nobody to tell."""

    def _do_close(self) -> None:
        """There is nothing to close."""
