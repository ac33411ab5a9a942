"""What every line signal keeps. A signal's own tests derive from this class and add the set-up only."""

import pytest

from edge.contract.types import Signal
from edge.errors import SignalError


class LineSignalContract:
    """A derived class gives the fixture `line`: a closed signal that works."""

    @pytest.mark.parametrize("signal", list(Signal))
    def test_sends_both_signals_as_often_as_asked(self, line, signal):
        with line:
            assert [line.send(signal) for _ in range(3)] == [None, None, None]

    def test_a_closed_signal_does_not_send(self, line):
        with pytest.raises(SignalError, match="closed"):
            line.send(Signal.ACCEPT)
        with line:
            line.send(Signal.ACCEPT)
        with pytest.raises(SignalError, match="closed"):
            line.send(Signal.ACCEPT)

    def test_does_not_open_twice(self, line):
        with line:
            with pytest.raises(SignalError, match="open already"):
                line.open()
            line.send(Signal.REJECT)

    def test_closes_as_often_as_asked_and_opens_again(self, line):
        line.close()
        for _ in range(2):
            line.open()
            line.send(Signal.ACCEPT)
            line.close()
            line.close()
