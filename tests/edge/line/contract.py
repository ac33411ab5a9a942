"""What all outputs, and all line signals, keep. A device's own tests derive from these and add the set-up only."""

import itertools
import threading
import time

import pytest

from edge.contract.types import Signal, Verdict
from edge.errors import SignalError, TooLate
from edge.line import Gate, Health, Output, Timing
from edge.line.outputs import Told

SECOND_NS = 1_000_000_000
WELL = Health(ready=True, error=False, alive=True)


def wait_until(condition):
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s, "this never became true"
        time.sleep(0.001)


def verdict_of(signal):
    return Verdict.OK if signal is Signal.ACCEPT else Verdict.NG


class OutputsContract:
    """A derived class gives the fixture `outputs`: closed outputs that work; and `level(output)`, what the line
    reads of one that is wired.
    """

    def test_at_rest_all_are_low(self, outputs, level):
        with outputs:
            assert [level(output) for output in Output] == [False] * 6

    @pytest.mark.parametrize("output", list(Output))
    def test_each_is_driven_alone_as_often_as_asked(self, outputs, level, output):
        with outputs:
            for wanted in (True, True, False, False, True):
                outputs.write(output, wanted)
                wait_until(lambda wanted=wanted: level(output) is wanted)
                assert not any(level(other) for other in Output if other is not output)

    def test_results_are_taken(self, outputs):
        with outputs:
            outputs.tell(Told(1, Verdict.OK, Signal.ACCEPT))

    def test_closed_they_are_not_driven(self, outputs):
        with pytest.raises(SignalError, match="closed"):
            outputs.write(Output.PASS, True)

    def test_they_open_again_and_then_all_are_low(self, outputs, level):
        for _ in range(2):
            with outputs:
                assert not any(level(output) for output in Output)
                for output in Output:
                    outputs.write(output, True)

    def test_nothing_is_wrong_with_them(self, outputs):
        with outputs:
            wait_until(lambda: outputs.trouble == "")


class LineSignalContract:
    """A derived class gives the fixture `line`: a closed signal that works."""

    @pytest.fixture(autouse=True)
    def _numbers(self):
        self.numbers = itertools.count(1)

    def tell(self, line, signal):
        sequence, now_ns = next(self.numbers), time.monotonic_ns()
        line.expect(sequence, now_ns, now_ns + 60 * SECOND_NS)
        return line.send(sequence, signal, verdict_of(signal))

    @pytest.mark.parametrize("signal", list(Signal))
    def test_sends_both_signals_as_often_as_asked(self, line, signal):
        with line:
            assert [self.tell(line, signal) for _ in range(3)] == [None, None, None]

    def test_a_closed_signal_does_not_send(self, line):
        with pytest.raises(SignalError, match="closed"):
            self.tell(line, Signal.ACCEPT)
        with line:
            self.tell(line, Signal.ACCEPT)
        with pytest.raises(SignalError, match="closed"):
            self.tell(line, Signal.ACCEPT)

    def test_does_not_open_twice(self, line):
        with line:
            with pytest.raises(SignalError, match="open already"):
                line.open()
            self.tell(line, Signal.REJECT)

    def test_closes_as_often_as_asked_and_opens_again(self, line):
        line.close()
        for _ in range(2):
            line.open()
            self.tell(line, Signal.ACCEPT)
            line.close()
            line.close()

    def test_a_part_that_nobody_judges_is_no_error(self, line):
        line.pass_over(time.monotonic_ns())
        with line:
            line.pass_over(time.monotonic_ns())


class GateContract(LineSignalContract):
    """What a gate does, whatever it drives. A derived class gives `outputs` and `level` as for OutputsContract."""

    @pytest.fixture
    def line(self, outputs):
        return Gate(outputs, Timing(), lambda: WELL)

    def test_an_accept_is_one_pulse_on_pass_and_none_on_reject(self, outputs, level):
        with Gate(outputs, Timing(pulse_ns=SECOND_NS // 5), lambda: WELL) as line:
            self.tell(line, Signal.ACCEPT)
            wait_until(lambda: level(Output.PASS))
            assert not level(Output.REJECT)
            wait_until(lambda: not level(Output.PASS))
            self.tell(line, Signal.REJECT)
            wait_until(lambda: level(Output.REJECT))
            assert not level(Output.PASS)

    def test_a_part_that_is_not_judged_in_time_is_rejected_and_told_so(self, outputs, level):
        with Gate(outputs, Timing(pulse_ns=SECOND_NS), lambda: WELL) as line:
            now_ns = time.monotonic_ns()
            line.expect(1, now_ns, now_ns + SECOND_NS // 100)
            wait_until(lambda: level(Output.REJECT))
            wait_until(lambda: level(Output.ERROR) and not level(Output.READY) and not level(Output.BUSY))
            with pytest.raises(TooLate, match="after its deadline"):
                line.send(1, Signal.ACCEPT, Verdict.OK)
            assert not level(Output.PASS)
            wait_until(lambda: level(Output.READY) and not level(Output.ERROR))

    def test_busy_lasts_from_the_trigger_to_the_verdict(self, outputs, level):
        with Gate(outputs, Timing(), lambda: WELL) as line:
            now_ns = time.monotonic_ns()
            line.expect(1, now_ns, now_ns + 60 * SECOND_NS)
            wait_until(lambda: level(Output.BUSY))
            line.send(1, Signal.ACCEPT, Verdict.OK)
            wait_until(lambda: not level(Output.BUSY))

    def test_ready_error_and_heartbeat_follow_the_stations_health(self, outputs, level):
        health = [WELL]
        with Gate(outputs, Timing(beat_ns=SECOND_NS // 50), lambda: health[0]):
            for wanted in (True, False, True):
                wait_until(lambda wanted=wanted: level(Output.HEARTBEAT) is wanted)
            wait_until(lambda: level(Output.READY) and not level(Output.ERROR))
            health[0] = Health(ready=False, error=True, alive=False)
            wait_until(lambda: level(Output.ERROR) and not level(Output.READY))
            stopped = level(Output.HEARTBEAT)
            threading.Event().wait(0.1)
            assert level(Output.HEARTBEAT) is stopped

    def test_each_part_gets_its_own_signal_at_the_gate(self, outputs, level, monkeypatch):
        """In the order of their triggers, whatever the order of their verdicts."""
        monkeypatch.setattr("edge.line.gate.LATE_NS", 60 * SECOND_NS)  # a busy machine's threads come late
        with Gate(outputs, Timing(pulse_ns=SECOND_NS, delay_ns=SECOND_NS // 2), lambda: WELL) as line:
            now_ns = time.monotonic_ns()
            for sequence, apart in ((1, 0), (2, SECOND_NS // 5)):
                line.expect(sequence, now_ns + apart, now_ns + 60 * SECOND_NS)
            line.send(2, Signal.REJECT, Verdict.NG)
            line.send(1, Signal.ACCEPT, Verdict.OK)
            assert not level(Output.PASS)
            assert not level(Output.REJECT)
            wait_until(lambda: level(Output.PASS))
            assert not level(Output.REJECT)
            wait_until(lambda: level(Output.REJECT))
            assert not level(Output.PASS)

    def test_a_part_that_comes_to_the_gate_unjudged_is_rejected(self, outputs, level):
        with Gate(outputs, Timing(pulse_ns=SECOND_NS, delay_ns=SECOND_NS // 20), lambda: WELL) as line:
            now_ns = time.monotonic_ns()
            line.expect(1, now_ns, now_ns + 60 * SECOND_NS)
            wait_until(lambda: level(Output.REJECT))
            with pytest.raises(TooLate):
                line.send(1, Signal.ACCEPT, Verdict.OK)
            assert not level(Output.PASS)

    def test_closing_leaves_all_low(self, outputs, level):
        with Gate(outputs, Timing(pulse_ns=60 * SECOND_NS), lambda: WELL) as line:
            self.tell(line, Signal.ACCEPT)
            wait_until(lambda: level(Output.PASS))
        with outputs:
            assert not any(level(output) for output in Output)
