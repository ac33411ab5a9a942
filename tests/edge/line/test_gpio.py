"""GpioSignal on gpiozero's own mock pins, and on gpiozero's real lgpio driver over a double of lgpio."""

import subprocess
import sys
import time
from pathlib import Path

import gpiozero
import pytest

from edge.contract.types import Signal
from edge.errors import ConfigError, SignalError
from edge.line import GpioSignal
from tests.edge.line.contract import LineSignalContract

PASS, REJECT = 17, 27
LONG_MS, SHORT_MS = 10_000, 5


def wait_until(condition):
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s, "this never became true"
        time.sleep(0.001)


def mock_pin(line, number):
    return line._factory.pin(number)


def levels(pin):
    return [state.state for state in pin.states]


@pytest.fixture
def make_line():
    lines = []

    def make(pulse_ms=LONG_MS, reject_pin=REJECT, factory="mock"):
        lines.append(GpioSignal(PASS, reject_pin, pulse_ms, factory))
        return lines[-1]

    yield make
    for line in lines:
        line.close()


@pytest.fixture
def lgpio(monkeypatch):
    """gpiozero's LGPIOFactory, on a Pi 4 whose lgpio is a double."""
    import gpiozero.pins

    from tests.doubles import lgpio as double

    monkeypatch.delattr(gpiozero.pins, "lgpio", raising=False)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.setitem(sys.modules, "lgpio", double)
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xA03111)
    yield double.reset()
    sys.modules.pop("gpiozero.pins.lgpio", None)


class TestMockPins(LineSignalContract):
    @pytest.fixture(params=[REJECT, None], ids=["with reject pin", "without"])
    def line(self, make_line, request):
        return make_line(reject_pin=request.param)


class TestLgpio(LineSignalContract):
    @pytest.fixture
    def line(self, make_line, lgpio):
        return make_line(factory="auto")


def test_at_rest_the_line_reads_reject(make_line):
    with make_line() as line:
        for number in (PASS, REJECT):
            assert mock_pin(line, number).function == "output"
            assert levels(mock_pin(line, number)) == [False]


@pytest.mark.parametrize(("signal", "active", "idle"), [(Signal.ACCEPT, PASS, REJECT), (Signal.REJECT, REJECT, PASS)])
def test_a_signal_is_one_pulse_on_its_own_pin(make_line, signal, active, idle):
    with make_line(SHORT_MS) as line:
        line.send(signal)
        wait_until(lambda: len(levels(mock_pin(line, active))) == 3)
        assert levels(mock_pin(line, active)) == [False, True, False]
        assert levels(mock_pin(line, idle)) == [False]


def test_the_pulse_lasts_as_long_as_asked(make_line):
    with make_line(SHORT_MS) as line:
        line.send(Signal.ACCEPT)
        wait_until(lambda: len(levels(mock_pin(line, PASS))) == 3)
        assert mock_pin(line, PASS).states[2].timestamp >= SHORT_MS / 1000 - 0.0005


def test_sending_does_not_wait_for_the_pulse(make_line):
    with make_line(LONG_MS) as line:
        line.send(Signal.ACCEPT)
        assert levels(mock_pin(line, PASS)) == [False, True]


def test_without_a_reject_pin_a_reject_is_no_pulse(make_line):
    with make_line(reject_pin=None) as line:
        line.send(Signal.REJECT)
        assert levels(mock_pin(line, PASS)) == [False]


def test_a_reject_ends_the_accept_before_it(make_line):
    with make_line() as line:
        line.send(Signal.ACCEPT)
        line.send(Signal.REJECT)
        assert levels(mock_pin(line, PASS)) == [False, True, False]
        assert levels(mock_pin(line, REJECT)) == [False, True]


def test_two_accepts_have_an_edge_between_them(make_line):
    with make_line() as line:
        line.send(Signal.ACCEPT)
        line.send(Signal.ACCEPT)
        assert levels(mock_pin(line, PASS)) == [False, True, False, True]


def test_the_timer_of_an_ended_pulse_does_not_cut_the_next_one(make_line):
    with make_line() as line:
        line.send(Signal.ACCEPT)
        ended = line._pulse
        line.send(Signal.ACCEPT)
        ended.join()
        line._end_pulse()  # as a timer does that ran out just before it was cancelled
        assert levels(mock_pin(line, PASS)) == [False, True, False, True]


@pytest.mark.parametrize("not_accept", ["accept", None, 1, True])
def test_only_accept_accepts(make_line, not_accept):
    with make_line() as line:
        line.send(not_accept)
        assert levels(mock_pin(line, PASS)) == [False]


def test_closing_in_a_pulse_leaves_pass_low(make_line):
    line = make_line()
    line.open()
    pin = mock_pin(line, PASS)
    line.send(Signal.ACCEPT)
    line.close()
    assert levels(pin) == [False, True, False]


def test_the_global_pin_factory_is_left_alone(make_line):
    before = gpiozero.Device.pin_factory
    with make_line():
        assert gpiozero.Device.pin_factory is before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((28, None), "pass_pin 28"),
        ((-1, None), "pass_pin -1"),
        ((17, 99), "reject_pin 99"),
        ((17, 17), "reject_pin 17"),
        ((17, None, 0), "pulse_ms 0"),
        ((17, None, 10_001), "pulse_ms 10001"),
        ((17, None, 100, "native"), 'factory "native"'),
    ],
)
def test_bad_settings_name_the_setting(arguments, reason):
    with pytest.raises(ConfigError, match=reason):
        GpioSignal(*arguments)


def test_on_the_board_an_accept_is_a_pulse(make_line, lgpio):
    with make_line(SHORT_MS, factory="auto") as line:
        line.send(Signal.ACCEPT)
        wait_until(lambda: (PASS, 1) in lgpio.log and lgpio.levels[PASS] == 0)
    assert [level for gpio, level in lgpio.log if gpio == REJECT].count(1) == 0
    assert not lgpio.open


def test_a_chip_that_is_absent_is_one_line_with_a_hint(make_line, lgpio):
    lgpio.present = False
    with pytest.raises(SignalError, match='set factory = "mock"') as caught:
        make_line(factory="auto").open()
    assert len(str(caught.value).splitlines()) == 1


def test_without_lgpio_the_error_says_what_to_install(make_line, monkeypatch):
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.setitem(sys.modules, "lgpio", None)
    with pytest.raises(SignalError, match=r"okng\[pi\].*mock"):
        make_line(factory="auto").open()


def test_off_a_raspberry_pi_there_is_no_fallback(make_line, lgpio, monkeypatch):
    def unknown():
        raise gpiozero.PinUnknownPi("unable to locate Pi revision")

    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", unknown)
    with pytest.raises(SignalError, match="unable to locate Pi revision"):
        make_line(factory="auto").open()


def test_a_pin_in_use_fails_the_open_and_nothing_stays_held(make_line, lgpio):
    lgpio.busy.add(REJECT)
    line = make_line(factory="auto")
    with pytest.raises(SignalError, match="busy"):
        line.open()
    assert not lgpio.open
    lgpio.busy.clear()
    with line:
        line.send(Signal.ACCEPT)


def test_an_output_that_cannot_be_driven_is_an_error(make_line, lgpio):
    with make_line(factory="auto") as line:
        lgpio.stuck = True
        with pytest.raises(SignalError, match="Input/output error"):
            line.send(Signal.ACCEPT)
        lgpio.stuck = False
        assert lgpio.levels[PASS] == 0


def test_a_pulse_that_cannot_begin_leaves_no_timer_and_no_level(make_line, lgpio):
    with make_line(factory="auto") as line:

        def refuse():
            raise OSError("no")

        line._outputs[PASS].on = refuse
        with pytest.raises(SignalError, match="no"):
            line.send(Signal.ACCEPT)
        assert line._pulse is None
        assert lgpio.levels[PASS] == 0


def test_a_pulse_that_cannot_end_is_ended_later_and_told_at_the_next_send(make_line, lgpio):
    with make_line(50, factory="auto") as line:
        line.send(Signal.ACCEPT)
        lgpio.stuck = True
        wait_until(lambda: line._overrun)
        lgpio.stuck = False
        wait_until(lambda: lgpio.levels[PASS] == 0)
        with pytest.raises(SignalError, match="outlasted"):
            line.send(Signal.ACCEPT)
        assert lgpio.levels[PASS] == 0
        line.send(Signal.ACCEPT)
        assert lgpio.levels[PASS] == 1


def test_importing_line_signals_imports_no_driver():
    code = "import sys, edge.line; print([m for m in ('gpiozero', 'lgpio', 'cv2') if m in sys.modules])"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
