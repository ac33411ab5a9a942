"""Which frames of a run are to prove its bundle on a board."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.contract.cam import Classes, Thresholds
from edge.contract.images import read_image
from edge.contract.types import Verdict
from trainer.dataset import Sample

PER_LABEL = 4


def keep_golden(
    folder: Path, samples: Sequence[Sample], scores: np.ndarray, thresholds: Thresholds, classes: Classes
) -> None:  # fmt: skip
    """Of each label the frames judged most clearly right, as lossless copies; of several kinds some of each."""
    folder.mkdir()
    truth = np.array([sample.is_ng for sample in samples])
    right = {"ok": Verdict.OK, "ng": Verdict.NG}
    for label, is_ng in (("ok", False), ("ng", True)):
        indices = np.flatnonzero(truth == is_ng)
        order = indices[np.argsort(-scores[indices] if is_ng else scores[indices], kind="stable")].tolist()
        chosen = [i for i in order if thresholds.verdict(float(scores[i])) == right[label]] or order
        if classes.many:
            chosen = _kinds_in_turn(chosen, samples)
        for count, index in enumerate(chosen[:PER_LABEL], 1):
            pixels = read_image(samples[index].path)
            (folder / f"{label}-{count}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def _kinds_in_turn(indices: list[int], samples: Sequence[Sample]) -> list[int]:
    """First the first of each kind, then the second of each."""
    seen: Counter[str] = Counter()
    turns = {}
    for index in indices:
        turns[index] = seen[samples[index].kind]
        seen[samples[index].kind] += 1
    return sorted(indices, key=turns.__getitem__)
