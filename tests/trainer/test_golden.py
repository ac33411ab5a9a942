"""Which frames are to prove a bundle."""

import cv2
import numpy as np
import pytest

from edge.contract.cam import BINARY, Classes, Thresholds
from edge.contract.images import read_image
from trainer.dataset import Sample
from trainer.golden import keep_golden

SHOWN = [("plain", 0.1), ("plain", 0.05), ("ribbed", 0.2), ("ribbed", 0.9)]
SHOWN += [("dent", 0.99), ("dent", 0.98), ("dent", 0.97), ("spot", 0.8), ("spot", 0.1), ("dent", 0.96)]
"""Kind and score; one image of each side is judged wrong."""
KINDS = Classes(ok=("plain", "ribbed"), ng=("dent", "spot"))


@pytest.mark.parametrize(("classes", "ok", "ng"), [(BINARY, [1, 0, 2], [4, 5, 6, 9]), (KINDS, [1, 2, 0], [4, 7, 5, 6])])
def test_the_clearest_that_are_right_come_first_and_kinds_in_turn(tmp_path, classes, ok, ng):
    samples = []
    for index, (kind, _) in enumerate(SHOWN):
        path = tmp_path / f"{index}.png"
        assert cv2.imwrite(str(path), np.full((4, 4), index, np.uint8))
        samples.append(Sample(path.name, path, "ok" if kind in KINDS.ok else "ng", kind, path.name))
    keep_golden(tmp_path / "golden", samples, np.array([score for _, score in SHOWN]), Thresholds(0.3, 0.7), classes)
    kept = {path.stem: int(read_image(path)[0, 0]) for path in (tmp_path / "golden").iterdir()}
    assert kept == {
        f"{label}-{n}": index for label, some in (("ok", ok), ("ng", ng)) for n, index in enumerate(some, 1)
    }
