"""The figures of an evaluation as plain values: what `metrics.json` holds (docs/metrics.md) and the report shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from edge.contract.preprocess import PreprocessSpec
from edge.contract.types import Verdict
from trainer.calibrate import calibration_table
from trainer.dataset import read_mask
from trainer.evaluate import Evaluation, Judged, Subject
from trainer.intervals import (
    Interval,
    bootstrap_interval,
    resampled_ap,
    resampled_auroc,
    resampled_share,
    share_bound,
    share_interval,
)
from trainer.metrics import (
    SIZE_BINS,
    auroc,
    average_precision,
    calibration_error,
    mask_cover,
    mean_absolute_error,
    pixel_ap,
    reliability,
    size_bin,
    verdict_counts,
)
from trainer.naming import naming

VALIDATION = "validation images"


@dataclass(frozen=True, slots=True)
class _Fault:
    """Where the mask says the fault of one image is: share of the image, and of each map cell (rows, columns)."""

    share: float
    cover: np.ndarray


def figures(evaluation: Evaluation) -> dict[str, Any]:
    """The metrics of docs/metrics.md, but for `robustness` and a measured `int8`, which cost another judging."""
    truth, scores, subject = evaluation.truth, evaluation.scores, evaluation.subject
    counts = verdict_counts(truth, scores, subject.thresholds)
    faults = [_fault(item, subject.spec) for item in evaluation.judged]
    return {
        "subject": subject.name,
        "images": len(truth),
        "ok": int((~truth).sum()),
        "ng": int(truth.sum()),
        "masks": sum(fault is not None for fault in faults),
        "groups": len({item.sample.group for item in evaluation.judged}),
        "auroc": auroc(truth, scores),
        "ap": average_precision(truth, scores),
        "mae": mean_absolute_error(truth, scores),
        "ece": calibration_error(truth, scores),
        "verdicts": counts,
        "escape_rate": _share(counts["ng"]["ok"], int(truth.sum())),
        "escape_bound": _escape_bound(evaluation),
        "false_reject_rate": _share(counts["ok"]["ng"], int((~truth).sum())),
        "review_rate": _share(counts["ok"]["review"] + counts["ng"]["review"], len(truth)),
        "peak_hit_rate": _hit_rate(evaluation.judged),
        "pixel_ap": _pixel_ap(evaluation.judged, faults),
        "intervals": _intervals(evaluation),
        "kinds": _by_kind(evaluation),
        "naming": naming(evaluation),
        "sizes": _by_size(evaluation.judged, faults),
        "reliability": [asdict(each) for each in reliability(truth, scores)],
        "calibration": _calibration(subject),
        "robustness": [],
        "int8": {"measured_on": VALIDATION, **msgspec.to_builtins(subject.parity)} if subject.parity else None,
        "unreadable": [name for name, _ in evaluation.unreadable],
        "learned_from": evaluation.learned_from,
        "thresholds": msgspec.to_builtins(subject.thresholds),
    }


def _fault(item: Judged, spec: PreprocessSpec) -> _Fault | None:
    mask = read_mask(item.sample)
    if mask is None:
        return None
    return _Fault(float((mask > 0).mean()), mask_cover(mask, spec.region, *item.opinion.logits.shape[:2]))


def _escape_bound(evaluation: Evaluation) -> dict[str, Any]:
    """Escapes of the ng images, and once more with each group of them counted as one part."""
    ng = [item for item in evaluation.judged if item.sample.is_ng]
    escaped = [item for item in ng if item.opinion.verdict is Verdict.OK]
    groups, escaped_groups = (len({item.sample.group for item in items}) for items in (ng, escaped))
    return {
        "escaped": len(escaped),
        "of": len(ng),
        "below": share_bound(len(escaped), len(ng)),
        "escaped_groups": escaped_groups,
        "of_groups": groups,
        "below_by_group": share_bound(escaped_groups, groups),
    }


def _pixel_ap(judged: Sequence[Judged], faults: Sequence[_Fault | None]) -> float | None:
    """Over the ok images and those ng images whose mask is known."""
    maps, covers = [], []
    for item, fault in zip(judged, faults, strict=True):
        if fault is not None or not item.sample.is_ng:
            maps.append(item.opinion.logits[..., 0])
            covers.append(fault.cover if fault else np.zeros(item.opinion.logits.shape[:2]))
    return pixel_ap(maps, covers)


def _intervals(evaluation: Evaluation) -> dict[str, Interval | None]:
    truth, scores, judged = evaluation.truth, evaluation.scores, evaluation.judged
    groups = [item.sample.group for item in judged]
    verdicts = np.array([item.opinion.verdict for item in judged])
    masked = np.array([item.hit is not None for item in judged])
    hits = np.array([bool(item.hit) for item in judged])
    statistics = {
        "auroc": resampled_auroc(truth, scores),
        "ap": resampled_ap(truth, scores),
        "peak_hit_rate": resampled_share(hits, masked),
        "escape_rate": resampled_share(verdicts == Verdict.OK, truth),
        "false_reject_rate": resampled_share(verdicts == Verdict.NG, ~truth),
    }
    return {name: bootstrap_interval(groups, statistic) for name, statistic in statistics.items()}


def _calibration(subject: Subject) -> dict[str, Any] | None:
    """What the thresholds promised when they were chosen."""
    found = subject.calibration
    if found is None:
        return None
    return {
        "scores": found.scores,
        "temperature": subject.pooling.temperature,
        "review": found.review,
        "promises": calibration_table(found),
        "refit": bool(subject.about.get("plan", {}).get("refit")),
    }


def _by_kind(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    truth, scores = evaluation.truth, evaluation.scores
    kinds = np.array([item.sample.kind for item in evaluation.judged])
    groups = np.array([item.sample.group for item in evaluation.judged])
    table = {}
    for kind in sorted(set(kinds[truth])):
        chosen = ~truth | (kinds == kind)
        some = truth[chosen], scores[chosen]
        table[str(kind)] = {
            **_found([item for item in evaluation.judged if item.sample.kind == kind]),
            "auroc": auroc(*some),
            "auroc_interval": bootstrap_interval(groups[chosen].tolist(), resampled_auroc(*some)),
        }
    return table


def _by_size(judged: Sequence[Judged], faults: Sequence[_Fault | None]) -> list[dict[str, Any]]:
    """A row for each class of SIZE_BINS, also for those without an image; nothing where no mask is known."""
    sized = [(size_bin(fault.share), item) for item, fault in zip(judged, faults, strict=True) if fault is not None]
    edges = list(pairwise(SIZE_BINS)) if sized else []
    return [
        {"from": lower, "below": upper, **_found([item for place, item in sized if place == index])}
        for index, (lower, upper) in enumerate(edges)
    ]


def _found(items: list[Judged]) -> dict[str, Any]:
    """Of these ng images, how many were caught: judged NG or REVIEW."""
    caught = sum(item.opinion.verdict is not Verdict.OK for item in items)
    return {
        "images": len(items),
        "caught": caught / len(items) if items else None,
        "caught_interval": share_interval(caught, len(items)) if items else None,
        "rejected": sum(item.opinion.verdict is Verdict.NG for item in items) / len(items) if items else None,
        "peak_hit_rate": _hit_rate(items),
    }


def _hit_rate(items: Sequence[Judged]) -> float | None:
    hits = [item.hit for item in items if item.hit is not None]
    return float(np.mean(hits)) if hits else None


def _share(count: int, of: int) -> float:
    return count / of if of else 0.0
