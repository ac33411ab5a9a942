"""Where triggers come from: one contract for all sources, and what each has of its own."""

import itertools
import queue
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import TriggerError
from edge.line import GpioTrigger, SimulatedTrigger, TimedTrigger
from edge.line.gpio_trigger import Debounce
from tests.doubles import lgpio as double

WAIT_S = 10.0
PIN = 22


class TriggerContract:
    """A derived class gives `source`, closed; and `cause()`, which has the line trigger it once."""

    @pytest.fixture
    def heard(self):
        return queue.Queue()

    def test_each_trigger_is_told_once_with_its_time(self, source, cause, heard):
        with source:
            source.listen(lambda part, at_ns: heard.put((part, at_ns)))
            for _ in range(3):
                before_ns = time.monotonic_ns()
                cause()
                part, at_ns = heard.get(timeout=WAIT_S)
                assert (part, before_ns <= at_ns <= time.monotonic_ns()) == ("", True)
            assert heard.empty()

    def test_what_comes_before_anybody_listens_is_lost(self, source, cause, heard):
        with source:
            cause()
            source.listen(lambda part, at_ns: heard.put(at_ns))
            cause()
            heard.get(timeout=WAIT_S)
            assert heard.empty()

    def test_it_opens_again_and_tells_nothing_once_closed(self, source, cause, heard):
        source.listen(lambda part, at_ns: heard.put(at_ns))
        for _ in range(2):
            with source:
                with pytest.raises(TriggerError, match="open already"):
                    source.open()
                cause()
                heard.get(timeout=WAIT_S)
        source.close()
        assert heard.empty()


class TestSimulated(TriggerContract):
    @pytest.fixture
    def source(self):
        return SimulatedTrigger()

    @pytest.fixture
    def cause(self, source):
        return source.pulse


class GpioMock(TriggerContract):
    rising = True

    @pytest.fixture
    def source(self):
        return GpioTrigger(PIN, rising=self.rising, pull=True, debounce_s=0.002, factory="mock")

    @pytest.fixture
    def cause(self, source):
        def pulse():
            pin = source._factory.pin(PIN)
            for high in (self.rising, not self.rising):
                pin.drive_high() if high else pin.drive_low()
                time.sleep(0.01)

        return pulse


class TestRising(GpioMock):
    pass


class TestFalling(GpioMock):
    rising = False


class GpioLgpio(TriggerContract):
    rising = True

    @pytest.fixture
    def source(self, lgpio):
        return GpioTrigger(PIN, rising=self.rising, pull=True, debounce_s=0.002)

    @pytest.fixture
    def cause(self):
        def pulse():
            for level in (self.rising, not self.rising):
                double.drive(PIN, int(level))
                time.sleep(0.01)

        return pulse


class TestLgpioRising(GpioLgpio):
    pass


class TestLgpioFalling(GpioLgpio):
    rising = False


@pytest.mark.parametrize("rising", [True, False])
def test_without_the_boards_resistor_the_edge_is_the_same(lgpio, rising):
    heard = queue.Queue()
    with GpioTrigger(PIN, rising=rising, pull=False, debounce_s=0) as source:
        source.listen(lambda part, at_ns: heard.put(at_ns))
        double.drive(PIN, 1)
        double.drive(PIN, 0)
        heard.get(timeout=WAIT_S)
        time.sleep(0.01)
    assert heard.empty()


def test_a_timed_trigger_keeps_its_period(tmp_path):
    heard = queue.Queue()
    with TimedTrigger(0.02) as source:
        source.listen(lambda part, at_ns: heard.put(at_ns))
        times = [heard.get(timeout=WAIT_S) for _ in range(4)]
    assert {b - a for a, b in itertools.pairwise(times)} == {20_000_000}


def test_a_pin_that_cannot_be_opened_is_one_line_with_a_hint(lgpio):
    lgpio.present = False
    with pytest.raises(TriggerError, match=r'GPIO 22 cannot be opened for triggers.*"mock"') as caught:
        GpioTrigger(PIN, rising=True, pull=True, debounce_s=0.002).open()
    assert len(str(caught.value).splitlines()) == 1


def edges(changes, lasting, end=10_000, active=False):
    """What `Debounce` finds in (time, level) changes, looked at whenever it asks to be."""
    debounce, found = Debounce(lasting, active), []
    for at, level in changes:
        while (due := debounce.due_ns) is not None and due < at:
            found.append(debounce.settle(due))
        found.append(debounce.change(level, at))
    found.append(debounce.settle(end))
    return [each for each in found if each is not None]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([(100, True)], [100]),
        ([(100, True), (101, False), (102, True), (200, False), (201, True), (203, False)], [102]),
        ([(100, True), (105, False)], []),
        ([(100, True), (150, False), (155, True), (200, False)], [100]),
        ([(100, True), (150, False), (200, True)], [100, 200]),
        ([(100, False)], []),
    ],
    ids=["clean", "bounces at both ends", "a spike", "a gap too short", "two parts", "already low"],
)
def test_only_a_level_that_lasts_is_an_edge_from_its_beginning(changes, expected):
    assert edges(changes, lasting=10) == expected


def test_a_part_before_the_sensor_at_the_start_is_no_edge():
    assert edges([(100, True), (200, False), (300, True)], lasting=10, active=True) == [300]


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=30), st.integers(1, 20))
def test_no_two_edges_without_a_rest_between_them(steps, lasting):
    times = list(itertools.accumulate(step for step, _ in steps))
    changes = [(at, level) for at, (_, level) in zip(times, steps, strict=True)]
    found = edges(changes, lasting)
    assert found == sorted(set(found))
    assert all(b - a >= 2 * lasting for a, b in itertools.pairwise(found))
