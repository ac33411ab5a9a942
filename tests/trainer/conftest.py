"""An evaluation without a network: bright spots on grey parts, and a judge that looks for brightness."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.contract.cam import Pooling, Thresholds, score
from edge.contract.preprocess import PreprocessSpec, preprocess
from trainer.dataset import Sample
from trainer.evaluate import Evaluation, Opinion, Subject, evaluate

SPEC = PreprocessSpec(width=32, height=32, normalise="none")
POOLING = Pooling(kind="topk", share=1 / 64)
THRESHOLDS = Thresholds(ok_below=0.3, ng_from=0.7)
LEVEL = 100
"""Grey level of a part. A place 140 bright scores 0.5, 10 levels more or less are one logit."""


def judge(pixels: np.ndarray) -> Opinion:
    cells = preprocess(pixels, SPEC)[..., 0].reshape(8, 4, 8, 4).mean(axis=(1, 3))
    logits = ((cells - 140) / 10).astype(np.float32)[..., None]
    found = score(logits, POOLING)
    return Opinion(found, THRESHOLDS.verdict(found), logits)


@pytest.fixture
def part(tmp_path: Path) -> Callable[..., Sample]:
    """Draws a part of 64 x 64, ng where a spot brighter than LEVEL is asked for, and says what it is."""
    count = 0

    def draw(
        spot: int = 0, side: int = 16, *, kind: str = "spot", group: str = "", mask: bool = True, label: str = ""
    ) -> Sample:
        nonlocal count
        count += 1
        label = label or ("ng" if spot else "ok")
        pixels, marked = np.full((64, 64), LEVEL, np.uint8), np.zeros((64, 64), np.uint8)
        pixels[0, 0] = LEVEL - 1  # a flat frame would be a blank one
        pixels[16 : 16 + side, 24 : 24 + side], marked[16 : 16 + side, 24 : 24 + side] = LEVEL + spot, 255
        image, drawn = tmp_path / f"{count}.png", tmp_path / f"{count}_mask.png"
        assert cv2.imwrite(str(image), pixels)
        assert cv2.imwrite(str(drawn), marked)
        name = kind if label == "ng" else "ok"
        return Sample(image.name, image, label, name, group or image.name, mask=drawn if mask and spot else None)

    return draw


@pytest.fixture
def judged() -> Callable[..., Evaluation]:
    """Evaluates parts with the judge of brightness."""

    def run(samples: list[Sample], **about: object) -> Evaluation:
        return evaluate(Subject("stand-in", judge, SPEC, THRESHOLDS, set(), POOLING, **about), samples)  # type: ignore[arg-type]

    return run


@pytest.fixture
def evaluation(part, judged) -> Evaluation:
    """8 ok, of which 1 is rejected and 1 reviewed; 6 ng of two kinds, of which 1 escapes and 1 is reviewed."""
    ok = [part() for _ in range(6)] + [part(80, label="ok", mask=False), part(40, label="ok", mask=False)]
    ng = [part(80), part(90), part(40), part(80, side=8, kind="dot"), part(70, side=8, kind="dot"), part(20)]
    return judged(ok + ng)
