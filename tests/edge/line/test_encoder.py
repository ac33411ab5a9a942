"""How far the belt has gone: one contract for all encoders, and what each has of its own."""

import itertools
import threading
import time
from types import SimpleNamespace

import pytest

from edge.contract.types import Signal, Verdict
from edge.errors import SignalError, TooLate, TriggerError
from edge.line import Gate, GpioEncoder, Output, SimulatedEncoder, SimulatedOutputs, Timing
from edge.line.encoder import AWAITED
from edge.line.modbus_encoder import LEAP, ModbusEncoder
from edge.line.modbus_image import ModbusImage
from tests.doubles import lgpio as double
from tests.edge.line.contract import SECOND_NS, WELL, wait_until

A, B = 23, 24
TURN = ((1, 0), (1, 1), (0, 1), (0, 0))
"""The levels of A and B, one count after the other, forwards."""


class EncoderContract:
    """A derived class gives `encoder`, closed; and `move(counts)`, which has the belt go so much further."""

    def test_it_counts_from_0_how_far_the_belt_goes(self, encoder, move):
        with encoder:
            assert encoder.count == 0
            for far in (1, 8, 20):
                move(far - encoder.count)
                wait_until(lambda far=far: encoder.count == far)

    def test_each_place_is_told_once_when_the_belt_is_there(self, encoder, move):
        told = []
        with encoder:
            now_ns = time.monotonic_ns()
            for counts in (12, 4, 8):
                encoder.call(counts, now_ns, lambda at_ns, counts=counts: told.append((counts, at_ns)))
            for far, there in ((3, []), (4, [4]), (7, [4]), (9, [4, 8]), (30, [4, 8, 12])):
                move(far - encoder.count)
                wait_until(lambda far=far: encoder.count == far)
                wait_until(lambda there=there: len(told) >= len(there))
                assert [counts for counts, _ in told] == there
        times = [now_ns, *(at_ns for _, at_ns in told), time.monotonic_ns()]
        assert times == sorted(times)

    def test_a_place_counts_from_where_the_belt_was_at_the_trigger(self, encoder, move):
        told = []
        with encoder:
            move(5)
            wait_until(lambda: encoder.count == 5)
            then_ns = time.monotonic_ns()
            move(5)
            wait_until(lambda: encoder.count == 10)
            assert (encoder.at(then_ns), encoder.at(time.monotonic_ns()), encoder.at(0)) == (5, 10, 0)
            encoder.call(5, then_ns, told.append)
            assert len(told) == 1, "it is there already"
            assert told[0] >= then_ns
            encoder.call(6, then_ns, told.append)
            assert len(told) == 1
            move(1)
            wait_until(lambda: len(told) == 2)

    def test_it_does_not_open_twice_and_opens_again(self, encoder, move):
        for _ in range(2):
            with encoder:
                with pytest.raises(TriggerError, match="open already"):
                    encoder.open()
                before = encoder.count
                move(4)
                wait_until(lambda before=before: encoder.count == before + 4)


class TestSimulated(EncoderContract):
    @pytest.fixture
    def encoder(self):
        return SimulatedEncoder()

    @pytest.fixture
    def move(self, encoder):
        return encoder.move


class GpioMock(EncoderContract):
    pin_b = None

    @pytest.fixture
    def encoder(self):
        return GpioEncoder(A, self.pin_b, pull=True, factory="mock")

    @pytest.fixture
    def drive(self, encoder):
        return lambda pin, level: getattr(encoder._factory.pin(pin), ("drive_low", "drive_high")[level])()

    @pytest.fixture
    def move(self, drive):
        state = itertools.cycle(TURN)

        def go(counts):
            for _ in range(counts):
                if self.pin_b is None:
                    drive(A, 1)
                    drive(A, 0)
                else:
                    for pin, level in zip((A, B), next(state), strict=True):
                        drive(pin, level)

        return go


class TestGpioA(GpioMock):
    pass


class TestGpioAB(GpioMock):
    pin_b = B

    @pytest.fixture
    def encoder(self):
        return GpioEncoder(A, B, pull=False, factory="mock")

    def test_a_belt_that_goes_back_counts_down(self, encoder, drive, move):
        with encoder:
            move(8)
            for a, b in ((0, 1), (1, 1), (1, 0), (0, 0), (0, 1)):
                drive(A, a)
                drive(B, b)
            assert encoder.count == 3


class TestLgpioA(GpioMock):
    @pytest.fixture
    def encoder(self, lgpio):
        return GpioEncoder(A, self.pin_b, pull=True)

    @pytest.fixture
    def drive(self):
        return double.drive


class TestLgpioAB(TestLgpioA):
    pin_b = B


class TestModbus(EncoderContract):
    @pytest.fixture(params=["server", "client"])
    def linked(self, request):
        pytest.importorskip("pymodbus", reason="pip install 'okng[modbus]'")
        from tests.edge.line.links import link_as

        with link_as(request.param) as linked:
            yield linked

    @pytest.fixture
    def encoder(self, linked):
        return ModbusEncoder(linked.link)

    @pytest.fixture
    def move(self, linked, encoder):
        """By a counter that goes round soon."""
        state = {"count": (1 << 32) - 7}

        def go(counts):
            if encoder._before != state["count"]:
                linked.plc.write_count(state["count"])
                wait_until(lambda: encoder._before == state["count"])
            state["count"] = (state["count"] + counts) % (1 << 32)
            linked.plc.write_count(state["count"])

        return go


@pytest.mark.parametrize("then", [None, 100, 5_100 + LEAP + 1], ids=["away", "began anew", "leapt"])
def test_a_plc_whose_count_is_lost_leaves_all_that_waited_without_their_place(then, caplog):
    image, told = ModbusImage(), []

    def shows(count):
        image.receive([False] * 3, [0, 0, count >> 16, count & 0xFFFF, 0])

    with ModbusEncoder(SimpleNamespace(image=image)) as encoder:
        shows(5_000)
        encoder.call(200, time.monotonic_ns(), told.append)
        shows(5_100)
        image.forget() if then is None else shows(then)
        shows(6_000 if then is None else then)
        encoder.call(50, time.monotonic_ns(), told.append)
        for step in range(0, 1000, 100):
            shows((6_000 if then is None else then) + step)
    assert len(told) == 1, "the one that came later"
    assert "1 places of parts are lost" in caplog.text


def test_a_sensor_that_fires_on_and_on_before_a_belt_that_stands_fills_no_memory():
    told = []
    with SimulatedEncoder() as encoder:
        for _ in range(AWAITED + 10):
            encoder.call(5, time.monotonic_ns(), told.append)
        encoder.move(5)
        assert len(told) == AWAITED
        encoder.call(5, time.monotonic_ns(), told.append)
        encoder.move(5)
        assert len(told) == AWAITED + 1


def test_a_simulated_belt_goes_by_itself():
    there = threading.Event()
    with SimulatedEncoder(2000) as encoder:
        encoder.call(50, time.monotonic_ns(), lambda at_ns: there.set())
        assert there.wait(10)


def test_a_pin_that_cannot_be_opened_is_one_line_with_a_hint(lgpio):
    lgpio.present = False
    with pytest.raises(TriggerError, match=r'GPIO 23 and 24 cannot be opened for the encoder.*"mock"') as caught:
        GpioEncoder(A, B, pull=True).open()
    assert len(str(caught.value).splitlines()) == 1


@pytest.fixture
def belt(monkeypatch):
    """A gate 100 counts from the trigger, what it drives, and the belt; on a busy machine, where threads come late."""
    monkeypatch.setattr("edge.line.gate.LATE_NS", 60 * SECOND_NS)
    outputs = SimulatedOutputs()
    timing = Timing(pulse_ns=SECOND_NS // 50, delay_counts=100)
    with SimulatedEncoder() as encoder, Gate(outputs, timing, lambda: WELL, encoder) as gate:
        yield SimpleNamespace(
            outputs=outputs, encoder=encoder, gate=gate,
            pulses=lambda: [output for _, output, level in outputs.changes if level and output in ("pass", "reject")],
        )  # fmt: skip


def expect(belt, sequence, seconds=60.0):
    now_ns = time.monotonic_ns()
    belt.gate.expect(sequence, now_ns, now_ns + round(seconds * SECOND_NS))


def test_each_part_gets_its_signal_when_the_belt_has_brought_it_to_the_gate(belt):
    for sequence in (1, 2, 3):
        expect(belt, sequence)
        belt.encoder.move(30)
    belt.gate.send(2, Signal.ACCEPT, Verdict.OK)
    belt.gate.send(1, Signal.REJECT, Verdict.NG)
    belt.gate.send(3, Signal.ACCEPT, Verdict.OK)
    assert belt.pulses() == []
    for moved, expected in ((9, 0), (1, 1), (29, 1), (1, 2), (30, 3)):
        belt.encoder.move(moved)
        wait_until(lambda expected=expected: len(belt.pulses()) == expected)
    assert belt.pulses() == [Output.REJECT, Output.PASS, Output.PASS]


def test_a_belt_that_stands_still_keeps_each_part_where_it_is(belt):
    """Whatever time goes by: its pulse is given once it is there."""
    expect(belt, 1, seconds=0.05)
    belt.gate.send(1, Signal.ACCEPT, Verdict.OK)
    belt.encoder.move(99)
    threading.Event().wait(0.1)
    assert belt.pulses() == []
    belt.encoder.move(1)
    wait_until(lambda: belt.pulses() == [Output.PASS])


def test_a_part_that_comes_to_the_gate_unjudged_is_rejected(belt):
    expect(belt, 1)
    belt.encoder.move(100)
    wait_until(lambda: belt.pulses() == [Output.REJECT])
    wait_until(lambda: belt.outputs.levels[Output.ERROR])
    with pytest.raises(TooLate):
        belt.gate.send(1, Signal.ACCEPT, Verdict.OK)
    assert belt.pulses() == [Output.REJECT]


def test_a_part_that_nobody_judges_is_rejected_at_the_gate(belt):
    belt.gate.pass_over(time.monotonic_ns())
    belt.encoder.move(100)
    wait_until(lambda: belt.pulses() == [Output.REJECT])


def test_no_two_parts_are_at_one_place_of_the_belt(belt):
    """An encoder that is not read any more shows so."""
    belt.encoder.move(10)
    for sequence in (1, 2):
        expect(belt, sequence)
    belt.gate.send(1, Signal.ACCEPT, Verdict.OK)
    with pytest.raises(SignalError, match="has not moved since the part before it; check the encoder"):
        belt.gate.send(2, Signal.ACCEPT, Verdict.OK)
    belt.encoder.move(100)
    wait_until(lambda: belt.pulses()[-1:] == [Output.REJECT])
    assert Output.PASS not in belt.pulses()
