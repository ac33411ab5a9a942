"""The queue between line and journal is bounded by number and by bytes, and nothing in it is lost or changes places."""

from __future__ import annotations

import queue
from dataclasses import replace

import numpy as np
import pytest

from edge.contract.events import ChangeoverEvent
from edge.contract.types import Frame, Inspection, Judgement
from edge.daemon import results as module
from edge.daemon.results import Results

FAULT = Judgement.fault("for a test")


def inspection(sequence: int, size: int = 0) -> Inspection:
    frame = Frame(np.zeros((1, size), np.uint8), 0, 0, 0) if size else None
    return Inspection("00000000", sequence, "", frame, FAULT, FAULT.signal, 1)


def test_large_frames_fill_it_and_a_taken_one_makes_room(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    results = Results()
    for sequence in (1, 2):
        results.put_nowait(inspection(sequence, 60))
    with pytest.raises(queue.Full):
        results.put_nowait(inspection(3))
    assert not results.empty()
    assert results.get_nowait().sequence == 1
    results.put_nowait(inspection(3, 30))
    assert [results.get_nowait().sequence for _ in range(2)] == [2, 3]
    assert results.empty()
    with pytest.raises(queue.Empty):
        results.get_nowait()


def test_all_frames_of_a_part_count(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    results, one = Results(), inspection(1, 40)
    results.put_nowait(replace(one, frames=(one.frame, one.frame, one.frame)))
    with pytest.raises(queue.Full):
        results.put_nowait(inspection(2))


def test_what_has_no_frame_fills_it_by_number() -> None:
    results = Results()
    results.put_nowait(ChangeoverEvent("a", "", "b" * 64, "a"))
    for sequence in range(1, module.MOST):
        results.put_nowait(inspection(sequence))
    with pytest.raises(queue.Full):
        results.put_nowait(inspection(999))
