"""What becomes of the verdicts when light, focus, compression or position change, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge.contract.images import read_image
from edge.contract.types import Pixels, Verdict
from trainer.augment.parts import MID_GREY, apply_tone, blur, contrast, jpeg, noise, shift, tone_table
from trainer.evaluate import Evaluation, Judged, Opinion
from trainer.metrics import auroc, average_precision

LIMIT = 200
"""Images that are judged again, under each variation."""
UNCHANGED = "none"

Change = Callable[[Pixels], Pixels]


def _light(factor: float) -> Change:
    table = tone_table(factor=factor, offset=(factor - 1) * MID_GREY)  # turns about black, as light does
    return lambda pixels: apply_tone(pixels, table)


def _moved(share: float) -> Change:
    return lambda pixels: shift(pixels, share * pixels.shape[1], share * pixels.shape[0])


VARIATIONS: dict[str, Change] = {
    "light +20 %": _light(1.2),
    "light -20 %": _light(0.8),
    "contrast +20 %": lambda pixels: contrast(pixels, 1.2),
    "contrast -20 %": lambda pixels: contrast(pixels, 0.8),
    "blur, sigma 1 px": lambda pixels: blur(pixels, 1.0),
    "blur, sigma 2 px": lambda pixels: blur(pixels, 2.0),
    "noise, sigma 5 levels": lambda pixels: noise(pixels, 5.0, np.random.default_rng(0)),
    "JPEG, quality 60": lambda pixels: jpeg(pixels, 60),
    "shift by 2 %": _moved(0.02),
}
"""Of the frame, as the camera would have given it: pixels and levels are the frame's own."""


def robustness(
    evaluation: Evaluation, progress: Callable[[int, int], None] | None = None, *, limit: int = LIMIT, seed: int = 0
) -> list[dict[str, Any]]:
    """A row for the images as they are, and one for each of VARIATIONS, all over the same at most `limit` images.

    The images are drawn at random, as many ng as ok where there are enough. Raises DataError when one of them can no
    longer be read.
    """
    chosen = _draw(evaluation.judged, limit, seed)
    opinions: dict[str, list[Opinion | None]] = {UNCHANGED: [item.opinion for item in chosen]}
    opinions |= {name: [] for name in VARIATIONS}
    for count, item in enumerate(chosen, 1):
        pixels = read_image(item.sample.path)
        for name, change in VARIATIONS.items():
            opinions[name].append(evaluation.subject.judge(change(pixels)))
        if progress:
            progress(count, len(chosen))
    return [{"variation": name, **_row(chosen, found)} for name, found in opinions.items()]


def _draw(judged: list[Judged], limit: int, seed: int) -> list[Judged]:
    rng = np.random.default_rng(seed)
    truth = np.array([item.sample.is_ng for item in judged])
    ng, ok = (rng.permutation(np.flatnonzero(truth == label)) for label in (True, False))
    wanted = max(limit // 2, limit - len(ok))
    taken_ng = ng[:wanted]
    return [judged[i] for i in sorted([*taken_ng, *ok[: limit - len(taken_ng)]])]


def _row(chosen: list[Judged], opinions: list[Opinion | None]) -> dict[str, Any]:
    """Frames that could not be judged are FAULTs, which the line rejects: counted apart, and without a score."""
    truth = np.array([item.sample.is_ng for item in chosen])
    verdicts = np.array([Verdict.FAULT if found is None else found.verdict for found in opinions])
    before = np.array([item.opinion.verdict for item in chosen])
    scored = np.array([found is not None for found in opinions])
    scores = np.array([found.score for found in opinions if found is not None])
    return {
        "images": len(chosen),
        "auroc": auroc(truth[scored], scores),
        "ap": average_precision(truth[scored], scores),
        "escape_rate": _share(verdicts[truth] == Verdict.OK),
        "false_reject_rate": _share(verdicts[~truth] == Verdict.NG),
        "review_rate": _share(verdicts == Verdict.REVIEW),
        "changed_verdicts": _share(verdicts != before),
        "faults": int((~scored).sum()),
    }


def _share(found: np.ndarray) -> float:
    return float(found.mean()) if found.size else 0.0
