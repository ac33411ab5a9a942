"""From several looks at a part to its one judgement: the worst region of a frame, then the n-th worst frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from edge.contract.types import Judgement, LookResult, Verdict


def decide(frames: Sequence[Sequence[Judgement]], ng: int) -> Judgement:
    """The judgement of a part, of those of each region (at least one) of each of its frames (at least one).

    A frame is as its region with the highest score. The part is as the frame with the `ng`-th highest score, so NG
    where so many frames are. Where they are not, a frame that could not be judged makes the part a FAULT.
    """
    found = [replace(max(regions, key=_badness), frame=index) for index, regions in enumerate(frames)]
    ranked = sorted(found, key=_badness, reverse=True)
    judged = [each for each in ranked if each.verdict is not Verdict.FAULT]
    enough = len(judged) >= ng and judged[ng - 1].verdict is Verdict.NG
    decisive = judged[ng - 1] if enough or len(judged) == len(ranked) else ranked[0]
    if sum(map(len, frames)) == 1:
        return decisive
    reason = decisive.reason
    if decisive.verdict is Verdict.FAULT and len(frames) > 1:
        reason = f"frame {decisive.frame + 1} of {len(frames)}: {reason}"
    return replace(decisive, reason=reason, looks=_results(frames), timings_ms=_sum(frames))


def _badness(judgement: Judgement) -> float:
    """The score; a FAULT is worst."""
    return float("inf") if judgement.score is None else judgement.score


def _results(frames: Sequence[Sequence[Judgement]]) -> tuple[LookResult, ...]:
    return tuple(
        LookResult(index, each.region.name if each.region else "", each.verdict, each.score)
        for index, regions in enumerate(frames)
        for each in regions
    )


def _sum(frames: Sequence[Sequence[Judgement]]) -> dict[str, float]:
    total = Counter[str]()
    for each in (judgement for regions in frames for judgement in regions):
        total.update(each.timings_ms)
    return dict(total)
