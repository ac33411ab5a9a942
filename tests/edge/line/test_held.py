"""Parts that the line holds until somebody decides: each gets its one signal, and reject where nobody does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from edge.contract.types import Signal, Verdict
from edge.errors import TooLate
from edge.line import Gate, Health, Output, SimulatedOutputs, Timing
from edge.line.outputs import Told

MS = 1_000_000
PATIENCE_S = 20.0
LONG_NS = 600_000 * MS


class Heard(SimulatedOutputs):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int, Verdict, Signal]] = []

    def tell(self, told: Told) -> None:
        self.told.append((told.sequence, told.verdict, told.signal))


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def gate_of(outputs: Heard, delay_ms: int = 0) -> Gate:
    return Gate(outputs, Timing(5 * MS, delay_ms * MS), lambda: Health(ready=True, error=False, alive=True))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def gate(heard) -> Iterator[Gate]:
    with gate_of(heard) as made:
        yield made


def hold(gate: Gate, sequence: int, hold_ns: int = LONG_NS) -> None:
    now = time.monotonic_ns()
    gate.expect(sequence, now, now + LONG_NS)
    gate.hold(sequence, Verdict.REVIEW, hold_ns)


@pytest.mark.parametrize("signal", [*Signal])
def test_the_first_decision_is_the_signal_and_no_later_one_is(gate, heard, signal) -> None:
    hold(gate, 1)
    assert (heard.told, list(gate.held)) == ([], [1])
    assert gate.release(1, signal) is signal
    for later in Signal:
        assert gate.release(1, later) is None
    assert (heard.told, gate.held) == ([(1, Verdict.REVIEW, signal)], {})


def test_what_is_not_held_is_not_released(gate, heard) -> None:
    now = time.monotonic_ns()
    gate.expect(1, now, now + LONG_NS)
    assert gate.release(1, Signal.ACCEPT) is None
    gate.send(1, Signal.REJECT, Verdict.NG)
    assert gate.release(1, Signal.ACCEPT) is None
    assert heard.told == [(1, Verdict.NG, Signal.REJECT)]


def test_a_part_whose_time_is_over_is_rejected(gate, heard) -> None:
    hold(gate, 1, 1)
    until(lambda: bool(heard.told))
    assert gate.release(1, Signal.ACCEPT) is None
    assert heard.told == [(1, Verdict.REVIEW, Signal.REJECT)]


def test_without_a_way_to_a_gate_the_next_part_ends_it(gate, heard) -> None:
    hold(gate, 1)
    hold(gate, 2)
    assert gate.release(1, Signal.ACCEPT) is None
    assert gate.release(2, Signal.ACCEPT) is Signal.ACCEPT
    assert heard.told == [(1, Verdict.REVIEW, Signal.REJECT), (2, Verdict.REVIEW, Signal.ACCEPT)]


def test_with_a_way_to_a_gate_each_may_be_decided_until_it_is_there(heard) -> None:
    with gate_of(heard, delay_ms=1500) as gate:
        hold(gate, 1)
        hold(gate, 2)
        assert gate.release(2, Signal.ACCEPT) is Signal.ACCEPT
        until(lambda: len(heard.told) == 2)
        assert gate.release(1, Signal.ACCEPT) is None
    assert heard.told == [(2, Verdict.REVIEW, Signal.ACCEPT), (1, Verdict.REVIEW, Signal.REJECT)]


def test_busy_tells_the_line_to_send_no_other_part(gate, heard) -> None:
    hold(gate, 1)
    assert heard.levels[Output.BUSY]
    gate.release(1, Signal.ACCEPT)
    assert not heard.levels[Output.BUSY]


def test_a_verdict_that_came_too_late_is_not_held(gate, heard) -> None:
    now = time.monotonic_ns()
    gate.expect(1, now, now)
    with pytest.raises(TooLate):
        gate.hold(1, Verdict.REVIEW, LONG_NS)
    assert gate.release(1, Signal.ACCEPT) is None


def test_a_line_that_was_closed_holds_nothing_any_more(heard) -> None:
    gate = gate_of(heard)
    with gate:
        hold(gate, 1)
    assert gate.release(1, Signal.ACCEPT) is None
    with gate:
        assert gate.release(1, Signal.ACCEPT) is None
