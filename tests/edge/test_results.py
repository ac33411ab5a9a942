"""The queue between line and journal is bounded by number and by bytes, and nothing in it is lost or changes places."""

from __future__ import annotations

import queue
import threading
from dataclasses import replace

import numpy as np
import pytest

from edge.contract.events import ChangeoverEvent
from edge.contract.types import Frame, Inspection, Judgement
from edge.daemon import results as module
from edge.daemon.results import Results

WAIT_S = 10
FAULT = Judgement.fault("for a test")


def inspection(sequence: int, size: int = 0) -> Inspection:
    frame = Frame(np.zeros((1, size), np.uint8), 0, 0, 0) if size else None
    return Inspection("00000000", sequence, "", frame, FAULT, FAULT.signal, 1)


def test_large_frames_fill_it_and_a_taken_one_makes_room(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    results = Results()
    for sequence in (1, 2):
        results.put(inspection(sequence, 60))
    with pytest.raises(queue.Full):
        results.put(inspection(3))
    assert not results.empty()
    assert results.get().sequence == 1
    results.put(inspection(3, 30))
    assert [results.get().sequence for _ in range(2)] == [2, 3]
    assert results.empty()
    with pytest.raises(queue.Empty):
        results.get(timeout=0)


def test_whoever_waits_for_room_gets_it(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    results = Results()
    for sequence in (1, 2):
        results.put(inspection(sequence))
    waiting = threading.Thread(target=lambda: results.put(inspection(3), timeout=WAIT_S))
    waiting.start()
    assert results.get().sequence == 1
    waiting.join(WAIT_S)
    assert [results.get(timeout=WAIT_S).sequence for _ in range(2)] == [2, 3]


def test_all_frames_of_a_part_count(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    results, one = Results(), inspection(1, 40)
    results.put(replace(one, frames=(one.frame, one.frame, one.frame)))
    with pytest.raises(queue.Full):
        results.put(inspection(2))


def test_what_has_no_frame_fills_it_by_number() -> None:
    results = Results()
    results.put(ChangeoverEvent("a", "", "b" * 64, "a"))
    for sequence in range(1, module.MOST):
        results.put(inspection(sequence))
    with pytest.raises(queue.Full):
        results.put(inspection(999))
