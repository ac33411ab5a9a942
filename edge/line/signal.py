"""The interface of whatever tells the line to accept or reject a part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import Self

from edge.contract.types import Signal
from edge.errors import SignalError


class LineSignal(ABC):
    """The accept/reject signal. At rest, closed and after every error it says reject.

    Public methods check the state, then call the `_do_` method that an implementation provides. One thread at a time
    may call it. The only error that leaves it is SignalError.
    """

    def __init__(self) -> None:
        self._is_open = False

    def open(self) -> None:
        """Take hold of the outputs and put them at rest. After an error the signal is closed, not half open."""
        if self._is_open:
            raise SignalError("the line signal is open already; close it first")
        try:
            self._do_open()
        except BaseException:
            with suppress(SignalError):
                self._do_close()
            raise
        self._is_open = True

    def send(self, signal: Signal) -> None:
        """Tell the line; returns at once. Only `Signal.ACCEPT` accepts, and a signal still out is replaced.

        Raises SignalError when the outputs cannot be driven; the part then counts as rejected.
        """
        if not self._is_open:
            raise SignalError("the line signal is closed; open it before sending")
        self._do_send(signal is Signal.ACCEPT)

    def close(self) -> None:
        """Put the outputs at rest and let go of them. May be called again, and after a failed open."""
        if not self._is_open:
            return
        self._is_open = False
        self._do_close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _do_open(self) -> None:
        """Open the outputs, at rest; raises SignalError."""

    @abstractmethod
    def _do_send(self, accept: bool) -> None:
        """As `send`; the signal is open."""

    @abstractmethod
    def _do_close(self) -> None:
        """Close whatever is open, however far `_do_open` came; raises SignalError."""


class NoSignal(LineSignal):
    """Drives nothing: for replay, and for a station without outputs."""

    def _do_open(self) -> None:
        """There is nothing to open."""

    def _do_send(self, accept: bool) -> None:
        """There is nobody to tell."""

    def _do_close(self) -> None:
        """There is nothing to close."""
