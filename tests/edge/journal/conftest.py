from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.contract.types import Frame, Inspection, Judgement, Verdict
from edge.journal.images import encode_image
from edge.journal.journal import Journal
from edge.journal.rows import Entry

MakeEntry = Callable[..., Entry]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal", station="one") as opened:
        yield opened


@pytest.fixture
def make_entry() -> MakeEntry:
    def make(
        boot_id: str, sequence: int, verdict: Verdict = Verdict.NG, image: bool = True, kind: str | None = None
    ) -> Entry:
        pixels = np.full((8, 8), sequence % 251, np.uint8)
        frame = Frame(pixels, sequence, 1_000 + sequence, 1, f"part{sequence}.png")
        units = np.arange(-3, 3, dtype=np.int8).reshape(2, 3, 1)
        judgement = Judgement(verdict, 0.75, units, "spot", {"invoke": 1.5}, kind)
        inspection = Inspection(boot_id, sequence, "A-7", frame, judgement, judgement.signal, 900 + sequence)
        return Entry(inspection, "b" * 64, encode_image(pixels) if image else None)

    return make
