from __future__ import annotations

import logging
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.bundle import read_bundle
from edge.contract.types import Frame, Judgement, Signal, Verdict
from edge.errors import OkngError, SignalError, TooLate
from edge.inference.judge import Judge
from edge.inspection.pipeline import Pipeline
from edge.line import LineSignal

FRAME = Frame(np.zeros((4, 4), np.uint8), 3, 10, 20, "a.png")


class Gate(LineSignal):
    """Notes what it was told, and fails where it is asked to."""

    def __init__(self, fails_on: frozenset[Signal] = frozenset(), error: SignalError | None = None) -> None:
        super().__init__()
        self.told: list[Signal] = []
        self._fails_on, self._error = fails_on, error or SignalError("the wire is cut")

    def _do_open(self) -> None: ...

    def _do_expect(self, sequence: int, triggered_ns: int, deadline_ns: int) -> None: ...

    def _do_pass_over(self, triggered_ns: int) -> None: ...

    def _do_send(self, sequence: int, accept: bool, verdict: Verdict) -> None:
        signal = Signal.ACCEPT if accept else Signal.REJECT
        if signal in self._fails_on:
            raise self._error
        self.told.append(signal)

    def _do_close(self) -> None: ...


class Says:
    """A judge that says what it was given, or raises it."""

    def __init__(self, answer) -> None:
        self._answer = answer

    def judge(self, frame: Frame) -> Judgement:
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer


def inspect(answer, gate: Gate):
    with gate:
        return Pipeline(Says(answer), gate, "3f9a01c2").inspect(17, "A-7", FRAME, 99)


judgements = st.builds(
    Judgement,
    verdict=st.sampled_from(Verdict),
    score=st.none() | st.floats(),
    map_units=st.none() | st.just(np.zeros((2, 2, 1), np.int8)),
    reason=st.text(max_size=5),
)


@given(judgements, st.frozensets(st.sampled_from(Signal)))
def test_only_an_ok_that_the_line_was_told_is_accepted(judgement, fails_on) -> None:
    gate = Gate(fails_on)
    inspection = inspect(judgement, gate)
    accepted = judgement.verdict is Verdict.OK and Signal.ACCEPT not in fails_on
    assert (inspection.signal is Signal.ACCEPT) == accepted
    assert (Signal.ACCEPT in gate.told) == accepted
    assert len(gate.told) <= 1
    assert (inspection.judgement.verdict is Verdict.OK) == accepted


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), ValueError(), OkngError(), MemoryError()], ids=repr)
def test_a_judge_that_fails_is_a_fault_and_a_reject(error, caplog) -> None:
    gate = Gate()
    with caplog.at_level(logging.CRITICAL):
        inspection = inspect(error, gate)
    assert inspection.judgement.verdict is Verdict.FAULT
    assert type(error).__name__ in inspection.judgement.reason
    assert gate.told == [inspection.signal] == [Signal.REJECT]
    assert inspection.frame is FRAME


def test_a_judge_that_is_interrupted_tells_the_line_nothing() -> None:
    gate = Gate()
    with pytest.raises(KeyboardInterrupt):
        inspect(KeyboardInterrupt(), gate)
    assert gate.told == []


def test_an_accept_that_the_line_did_not_get_is_a_fault() -> None:
    inspection = inspect(Judgement(Verdict.OK, 0.1, None), Gate(frozenset({Signal.ACCEPT})))
    assert inspection.judgement.verdict is Verdict.FAULT
    assert inspection.judgement.reason == "the signal could not be driven: the wire is cut"
    assert inspection.signal is Signal.REJECT


@pytest.mark.parametrize("verdict", [Verdict.NG, Verdict.REVIEW, Verdict.FAULT])
def test_a_reject_that_the_line_did_not_get_keeps_its_verdict(verdict) -> None:
    inspection = inspect(Judgement(verdict, 0.9, None), Gate(frozenset({Signal.REJECT})))
    assert (inspection.judgement.verdict, inspection.signal) == (verdict, Signal.REJECT)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_verdict_that_came_too_late_is_a_fault_whatever_it_was(verdict) -> None:
    inspection = inspect(Judgement(verdict, 0.1, None, "as it was"), Gate(frozenset(Signal), TooLate("too late")))
    assert (inspection.judgement.verdict, inspection.signal) == (Verdict.FAULT, Signal.REJECT)
    assert inspection.judgement.reason == ("as it was" if verdict is Verdict.FAULT else "too late")


def test_an_inspection_says_what_it_was_of() -> None:
    judgement = Judgement(Verdict.NG, 0.9, np.zeros((2, 2, 1), np.int8))
    inspection = inspect(judgement, Gate())
    assert (inspection.id, inspection.part, inspection.triggered_ns) == ("3f9a01c2-17", "A-7", 99)
    assert inspection.frame is FRAME
    assert inspection.judgement is judgement


def test_a_trigger_without_a_frame_is_a_fault_and_a_reject() -> None:
    with Gate() as gate:
        inspection = Pipeline(Says(AssertionError()), gate, "3f9a01c2").fault(4, "A-8", "no frame", 99)
    assert (inspection.judgement.verdict, inspection.judgement.reason) == (Verdict.FAULT, "no frame")
    assert gate.told == [inspection.signal] == [Signal.REJECT]
    assert inspection.frame is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_map_that_gives_no_number_is_a_fault_and_a_reject(bundle, monkeypatch, value) -> None:
    monkeypatch.setattr("edge.inference.judge.score", lambda *_: value)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    with Gate() as gate:
        inspection = Pipeline(Judge(read_bundle(bundle)), gate, "3f9a01c2").inspect(1, "", Frame(noise, 0, 1, 2), 1)
    assert inspection.judgement.verdict is Verdict.FAULT
    assert gate.told == [Signal.REJECT]


def test_a_blank_frame_is_a_fault_and_a_reject(bundle) -> None:
    with Gate() as gate:
        inspection = Pipeline(Judge(read_bundle(bundle)), gate, "3f9a01c2").inspect(1, "", FRAME, 1)
    assert inspection.judgement.verdict is Verdict.FAULT
    assert "blank" in inspection.judgement.reason
    assert gate.told == [Signal.REJECT]
