"""GpioOutputs on gpiozero's own mock pins, and on gpiozero's real lgpio driver over a double of lgpio."""

import subprocess
import sys
import time
from pathlib import Path

import gpiozero
import pytest

from edge.contract.types import Signal, Verdict
from edge.errors import SignalError
from edge.line import Gate, GpioOutputs, Output, Timing
from tests.edge.line.contract import SECOND_NS, WELL, GateContract, OutputsContract, wait_until

PINS = dict(zip(Output, (17, 27, 5, 6, 13, 19), strict=True))
PASS, REJECT = PINS[Output.PASS], PINS[Output.REJECT]


class MockPins:
    @pytest.fixture
    def outputs(self):
        return GpioOutputs(PINS, "mock")

    @pytest.fixture
    def level(self, outputs):
        return lambda output: bool(outputs._factory.pin(PINS[output]).state)


class Lgpio:
    @pytest.fixture
    def outputs(self, lgpio):
        return GpioOutputs(PINS)

    @pytest.fixture
    def level(self, outputs, lgpio):
        return lambda output: bool(lgpio.levels[PINS[output]])


class TestMockPins(MockPins, OutputsContract):
    pass


class TestMockGate(MockPins, GateContract):
    pass


class TestLgpio(Lgpio, OutputsContract):
    pass


class TestLgpioGate(Lgpio, GateContract):
    pass


def expect(line, sequence):
    now_ns = time.monotonic_ns()
    line.expect(sequence, now_ns, now_ns + 60 * SECOND_NS)


def gate(outputs, pulse_ns=60 * SECOND_NS):
    return Gate(outputs, Timing(pulse_ns), lambda: WELL)


def test_an_output_that_is_not_wired_is_left_alone():
    with GpioOutputs({Output.PASS: PASS}, "mock") as outputs:
        for output in Output:
            outputs.write(output, True)
        assert {pin.info.name for pin in outputs._factory.pins.values()} == {"GPIO17"}


def test_closing_lowers_pass_before_it_lets_go_of_the_pin():
    with GpioOutputs(PINS, "mock") as outputs:
        pin = outputs._factory.pin(PASS)
        outputs.write(Output.PASS, True)
    assert [state.state for state in pin.states] == [False, True, False]


def test_the_global_pin_factory_is_left_alone():
    before = gpiozero.Device.pin_factory
    with GpioOutputs(PINS, "mock"):
        assert gpiozero.Device.pin_factory is before


def test_a_chip_that_is_absent_is_one_line_with_a_hint(lgpio):
    lgpio.present = False
    with pytest.raises(SignalError, match='set factory = "mock"') as caught:
        GpioOutputs(PINS).open()
    assert len(str(caught.value).splitlines()) == 1


def test_without_lgpio_the_error_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.setitem(sys.modules, "lgpio", None)
    with pytest.raises(SignalError, match=r"okng\[pi\].*mock"):
        GpioOutputs(PINS).open()


def test_off_a_raspberry_pi_there_is_no_fallback(lgpio, monkeypatch):
    def unknown():
        raise gpiozero.PinUnknownPi("unable to locate Pi revision")

    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", unknown)
    with pytest.raises(SignalError, match="unable to locate Pi revision"):
        GpioOutputs(PINS).open()


def test_a_pin_in_use_fails_the_open_and_nothing_stays_held(lgpio):
    lgpio.busy.add(REJECT)
    outputs = GpioOutputs(PINS)
    with pytest.raises(SignalError, match="busy"):
        outputs.open()
    assert not lgpio.open
    lgpio.busy.clear()
    with outputs:
        outputs.write(Output.PASS, True)


def test_a_pulse_that_cannot_begin_is_an_error_and_leaves_pass_low(lgpio):
    with gate(GpioOutputs(PINS)) as line:
        wait_until(lambda: lgpio.levels[PINS[Output.READY]])
        expect(line, 1)
        lgpio.stuck = True
        with pytest.raises(SignalError, match="Input/output error"):
            line.send(1, Signal.ACCEPT, Verdict.OK)
        wait_until(lambda: line.trouble)
        lgpio.stuck = False
        wait_until(lambda: not line.trouble and lgpio.levels[PINS[Output.READY]])
    assert (PASS, 1) not in lgpio.log


def test_a_pulse_that_cannot_end_is_ended_later_and_the_next_part_is_rejected(lgpio):
    with gate(GpioOutputs(PINS), pulse_ns=50_000_000) as line:
        for sequence in (1, 2, 3):
            expect(line, sequence)
        line.send(1, Signal.ACCEPT, Verdict.OK)
        lgpio.stuck = True
        wait_until(lambda: "pass pin" in line.trouble)
        lgpio.stuck = False
        wait_until(lambda: lgpio.levels[PASS] == 0)
        with pytest.raises(SignalError, match="outlasted"):
            line.send(2, Signal.ACCEPT, Verdict.OK)
        assert lgpio.levels[PASS] == 0
        line.send(3, Signal.ACCEPT, Verdict.OK)
        assert lgpio.levels[PASS] == 1


def test_importing_the_line_imports_no_driver():
    code = "import sys, edge.line; print([m for m in ('gpiozero', 'lgpio', 'pymodbus', 'cv2') if m in sys.modules])"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_mock_remembers_its_last_states_and_no_more(monkeypatch):
    monkeypatch.setattr("edge.line.pins.STATES", 4)
    with GpioOutputs({Output.PASS: PASS}, "mock") as outputs:
        pin = outputs._factory.pin(PASS)
        for number in range(11):
            outputs.write(Output.PASS, number % 2 == 0)
        assert [state.state for state in pin.states] == [False, True, False, True]
