"""How well a network names the kinds it tells apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from trainer.evaluate import Evaluation
from trainer.intervals import share_interval


def naming(evaluation: Evaluation) -> dict[str, Any] | None:
    """The figures of docs/metrics.md under `naming`; None where the network tells no kinds apart.

    A part is named as the station names it: one of the ok kinds where its verdict is OK, else one of the ng kinds.
    """
    classes = evaluation.subject.classes
    if not classes.many:
        return None
    kinds = {(item.sample.is_ng, item.sample.kind) for item in evaluation.judged}
    known = {name: place for place, name in enumerate(classes.names)}
    rows = [kind for _, kind in sorted(kinds, key=lambda each: (each[0], known.get(each[1], len(known)), each[1]))]
    counted = Counter((item.sample.kind, item.opinion.kind) for item in evaluation.judged)
    confusion = {row: {name: counted[row, name] for name in classes.names} for row in dict.fromkeys(rows)}
    return {
        "ok": list(classes.ok),
        "ng": list(classes.ng),
        "confusion": confusion,
        "recall": {
            row: _recall(found, row, classes.ok if row in classes.ok else classes.ng)
            for row, found in confusion.items()
            if row in known
        },
    }


def _recall(found: dict[str, int], kind: str, side: Sequence[str]) -> dict[str, Any]:
    right, of, of_side = found[kind], sum(found.values()), sum(found[name] for name in side)
    return {
        "images": of,
        "named": right / of,
        "interval": share_interval(right, of),
        "named_of_side": right / of_side if of_side else None,
    }
