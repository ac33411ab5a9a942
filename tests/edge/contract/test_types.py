from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edge.contract.types import Decision, Frame, Inspection, Judgement, Signal, State, Verdict


@pytest.mark.parametrize("shape", [(1, 1), (4, 5), (4, 5, 3)])
def test_a_frame_is_grey_or_colour(shape) -> None:
    assert Frame(np.zeros(shape, np.uint8), 0, 1, 2).name == ""


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((4,), np.uint8), ((4, 5, 1), np.uint8), ((4, 5, 4), np.uint8), ((4, 5), np.uint16), ((4, 5), np.float32),
     ((0, 5), np.uint8), ((4, 0, 3), np.uint8), ((), np.uint8)],
)  # fmt: skip
def test_nothing_else_is_a_frame(shape, dtype) -> None:
    with pytest.raises(ValueError, match="a frame"):
        Frame(np.zeros(shape, dtype), 0, 1, 2)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_ok_is_accepted(verdict) -> None:
    signal = Judgement(verdict, 0.1, None).signal
    assert (signal is Signal.ACCEPT) == (verdict is Verdict.OK)


def test_a_fault_has_a_reason_and_neither_score_nor_map() -> None:
    fault = Judgement.fault("no frame")
    assert (fault.verdict, fault.score, fault.map_units) == (Verdict.FAULT, None, None)
    assert (fault.reason, fault.timings_ms, fault.signal) == ("no frame", {}, Signal.REJECT)


def test_two_judgements_share_no_timings() -> None:
    assert Judgement.fault("a").timings_ms is not Judgement.fault("b").timings_ms


def test_an_inspection_is_named_by_boot_and_number() -> None:
    judgement = Judgement.fault("no frame")
    inspection = Inspection("3f9a01c2", 17, "A-7", None, judgement, judgement.signal, 1)
    assert inspection.id == Inspection.name("3f9a01c2", 17) == "3f9a01c2-17"


def test_the_words_on_the_wire_are_those_of_the_design() -> None:
    assert [*Verdict] == ["ok", "ng", "review", "fault"]
    assert [*Signal] == [*Decision] == ["accept", "reject"]
    assert {*State} == {
        "preoperational", "halted", "initialized", "ready", "single_execution", "continuous_execution", "error",
    }  # fmt: skip
    assert msgspec.json.encode(Verdict.REVIEW) == b'"review"'
