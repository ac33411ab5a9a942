from __future__ import annotations

import numpy as np
import pytest

from edge.contract.card import Tensor
from edge.contract.types import Frame, Inspection, Judgement, Verdict

BOOT = "3f9a01c2"
OUTPUT = Tensor((1, 2, 3, 1), "int8", 0.5, -7)


@pytest.fixture(params=["ipc", "tcp"])
def any_address(request, tmp_path):
    """Gives a new address of each kind at each call."""
    names = iter(range(100))

    def make() -> str:
        return f"ipc://{tmp_path}/{next(names)}" if request.param == "ipc" else "tcp://127.0.0.1:*"

    return make


@pytest.fixture
def output() -> Tensor:
    return OUTPUT


@pytest.fixture
def make_inspection():
    def make(sequence: int = 1, *, frame_name: str = "") -> Inspection:
        frame = Frame(np.zeros((4, 5, 3), np.uint8), sequence, 1_000 + sequence, 1, frame_name)
        units = np.arange(-3, 3, dtype=np.int8).reshape(2, 3, 1)
        judgement = Judgement(Verdict.REVIEW, 0.5, units, "unsure", {"invoke": 1.25})
        return Inspection(BOOT, sequence, "A-7", frame, judgement, judgement.signal, 900)

    return make


@pytest.fixture
def fault() -> Inspection:
    judgement = Judgement.fault("no frame")
    return Inspection(BOOT, 2, "", None, judgement, judgement.signal, 900)
