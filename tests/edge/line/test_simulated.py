"""The simulated outputs, and what a gate does that needs their memory to be seen."""

import threading
import time

import pytest

from edge.contract.types import Signal, Verdict
from edge.errors import SignalError
from edge.line import Gate, Health, Output, SimulatedOutputs, Timing
from tests.edge.line.contract import SECOND_NS, WELL, GateContract, OutputsContract, wait_until

PASS, REJECT = Output.PASS, Output.REJECT


@pytest.fixture
def outputs():
    return SimulatedOutputs()


@pytest.fixture
def level(outputs):
    return outputs.levels.get


class TestOutputs(OutputsContract):
    pass


class TestGate(GateContract):
    pass


def expect(line, sequence, triggered_ns=None):
    now_ns = time.monotonic_ns()
    line.expect(sequence, triggered_ns or now_ns, now_ns + 60 * SECOND_NS)


def pulses(outputs, *which):
    """The changes of PASS and REJECT, in order."""
    return [(output, level) for _, output, level in outputs.changes if output in (which or (PASS, REJECT))]


def gate(outputs, pulse_ns=60 * SECOND_NS, delay_ns=0):
    return Gate(outputs, Timing(pulse_ns, delay_ns), lambda: WELL)


def test_the_pulse_lasts_as_long_as_asked(outputs):
    with gate(outputs, pulse_ns=5_000_000) as line:
        expect(line, 1)
        line.send(1, Signal.ACCEPT, Verdict.OK)
        wait_until(lambda: pulses(outputs) == [(PASS, True), (PASS, False)])
    begin_ns, end_ns = (at_ns for at_ns, output, _ in outputs.changes if output is PASS)
    assert end_ns - begin_ns >= 5_000_000


@pytest.mark.parametrize(("first", "second"), [(True, False), (True, True), (False, True)])
def test_a_pulse_that_is_out_ends_before_the_next_begins(outputs, first, second):
    with gate(outputs) as line:
        for sequence, accept in ((1, first), (2, second)):
            expect(line, sequence)
            line.send(sequence, Signal.ACCEPT if accept else Signal.REJECT, Verdict.OK)
        one, two = (PASS if accept else REJECT for accept in (first, second))
        assert pulses(outputs) == [(one, True), (one, False), (two, True)]


@pytest.mark.parametrize("not_accept", ["accept", None, 1, True])
def test_only_accept_accepts(outputs, not_accept):
    with gate(outputs) as line:
        expect(line, 1)
        line.send(1, not_accept, Verdict.OK)
        assert pulses(outputs) == [(REJECT, True)]


@pytest.mark.parametrize("told", [1, 2])
def test_a_part_that_is_unknown_or_was_told_before_is_rejected(outputs, told):
    with gate(outputs) as line:
        expect(line, 1)
        line.send(1, Signal.REJECT, Verdict.NG)
        with pytest.raises(SignalError, match="not expected"):
            line.send(told, Signal.ACCEPT, Verdict.OK)
        assert pulses(outputs, PASS) == []


def test_a_pulse_begins_when_its_part_is_at_the_gate(outputs):
    with gate(outputs, delay_ns=SECOND_NS // 10) as line:
        triggered_ns = time.monotonic_ns()
        expect(line, 1, triggered_ns)
        line.send(1, Signal.ACCEPT, Verdict.OK)
        wait_until(lambda: pulses(outputs))
    assert outputs.changes[-1][0] >= triggered_ns + SECOND_NS // 10


def test_an_accept_is_not_given_long_after_its_part_was_at_the_gate(outputs):
    """As when the whole machine stood still: another part may be there by now."""
    moving = threading.Event()
    moving.set()

    def look():
        moving.wait(10)
        return WELL

    with Gate(outputs, Timing(60 * SECOND_NS, SECOND_NS // 5), look) as line:
        expect(line, 1)
        line.send(1, Signal.ACCEPT, Verdict.OK)
        moving.clear()
        threading.Event().wait(0.3)
        moving.set()
        wait_until(lambda: pulses(outputs))
    assert pulses(outputs, PASS) == []


def test_an_accept_is_not_given_when_the_next_part_is_at_the_gate_too(outputs):
    moving = threading.Event()
    moving.set()

    def look():
        moving.wait(10)
        return WELL

    with Gate(outputs, Timing(60 * SECOND_NS, SECOND_NS // 5), look) as line:
        now_ns = time.monotonic_ns()
        for sequence, accept in ((1, Signal.ACCEPT), (2, Signal.REJECT)):
            expect(line, sequence, now_ns + sequence)
            line.send(sequence, accept, Verdict.OK)
        moving.clear()
        threading.Event().wait(0.21)
        moving.set()
        wait_until(lambda: len(pulses(outputs)) == 3)
    assert pulses(outputs, PASS) == []


def test_a_part_that_was_passed_over_is_rejected_at_the_gate_in_its_turn(outputs):
    with gate(outputs, delay_ns=SECOND_NS // 5) as line:
        now_ns = time.monotonic_ns()
        line.pass_over(now_ns)
        expect(line, 1, now_ns + 1_000_000)
        line.send(1, Signal.ACCEPT, Verdict.OK)
        wait_until(lambda: len(pulses(outputs)) == 3)
        assert pulses(outputs) == [(REJECT, True), (REJECT, False), (PASS, True)]


def test_closing_rejects_what_is_on_its_way(outputs):
    with gate(outputs, delay_ns=SECOND_NS // 5) as line:
        expect(line, 1)
        line.send(1, Signal.ACCEPT, Verdict.OK)
    threading.Event().wait(0.3)
    assert pulses(outputs) == []


def test_a_station_whose_health_cannot_be_told_rejects_all(outputs):
    def look():
        raise RuntimeError("nobody knows")

    with Gate(outputs, Timing(), look) as line:
        wait_until(lambda: not line._thread.is_alive())
        expect(line, 1)
        with pytest.raises(SignalError, match="has ended"):
            line.send(1, Signal.ACCEPT, Verdict.OK)
        assert pulses(outputs, PASS) == []


def test_ready_falls_with_the_first_late_part_and_comes_back_with_the_last(outputs):
    with gate(outputs) as line:
        wait_until(lambda: outputs.levels[Output.READY])
        now_ns = time.monotonic_ns()
        for sequence in (1, 2):
            line.expect(sequence, now_ns, now_ns + 1_000_000)
        wait_until(lambda: not outputs.levels[Output.READY])
        for sequence in (1, 2):
            assert not outputs.levels[Output.READY]
            with pytest.raises(SignalError):
                line.send(sequence, Signal.REJECT, Verdict.NG)
        assert outputs.levels[Output.READY]


def test_health_is_not_a_station_that_has_not_been_looked_at(outputs):
    with Gate(outputs, Timing(), lambda: Health(ready=False, error=False, alive=False)):
        threading.Event().wait(0.05)
    assert not outputs.changes
