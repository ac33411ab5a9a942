"""What training makes small; targets are those of `trainer.batches.target`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from edge.contract.cam import BINARY, Classes, kind_logits, ng_map, pool
from trainer.plan import Plan


def loss_of(plan: Plan, classes: Classes = BINARY) -> Callable[[Any, Any], Any]:
    """The loss of targets (batch, rows, columns, 4) and logit maps (batch, rows, columns, classes).

    Of images: cross-entropy of the pooled logit, at times focal, or the mean absolute error of the score. Of places,
    where they are known: cross-entropy, of which faulty and sound places have half each however few the faulty are.
    With several classes either is their softmax cross-entropy, in two parts: ng against ok as with a single map, and
    the kind among those of its side. Where the kind is not known, the first part is all.
    """

    def loss(target: Any, logits: Any) -> Any:
        truth, merged = target[:, 0, 0, 0], ng_map(logits, classes, ops)
        each = _of_images(truth, pool(merged, plan.pooling, ops)[:, 0], plan)
        if classes.many:
            each = each + _of_kinds(target[:, 0, 0, 3], kind_logits(logits, plan.pooling, classes, ops), classes, plan)
        of_images = ops.mean(_weights(truth, plan) * each)
        if plan.places_weight == 0:
            return of_images
        by_kind = _of_kinds(target[..., 3], logits, classes) if classes.many else 0.0
        return of_images + plan.places_weight * _of_places(target, merged[..., 0], by_kind)

    return loss


def _weights(truth: Any, plan: Plan) -> Any:
    """By image; their mean is 1 in a batch with `ng_share` of ng."""
    mean = plan.ng_share * plan.ng_weight + 1 - plan.ng_share
    return (1 + (plan.ng_weight - 1) * truth) / mean


def _of_images(truth: Any, pooled: Any, plan: Plan) -> Any:
    if plan.loss == "mae":
        return ops.abs(truth - ops.sigmoid(pooled))
    wanted = truth * (1 - 2 * plan.label_smoothing) + plan.label_smoothing
    entropy = ops.softplus(pooled) - wanted * pooled
    if not plan.focal:
        return entropy
    wrong = ops.sigmoid(pooled * (1 - 2 * truth))
    return entropy * wrong**plan.focal


def _of_kinds(index: Any, logits: Any, classes: Classes, plan: Plan | None = None) -> Any:
    """Cross-entropy (...) of the class `index` (...) among the kinds of its side, by logits (..., classes).

    Nothing where the class is UNKNOWN, or alone on its side. A `plan` has its smoothing and its focal exponent count
    here as they do for ng against ok.
    """
    total, first = 0.0, 0
    smoothing, focal = (plan.label_smoothing, plan.focal) if plan else (0.0, 0.0)
    for count in (len(classes.ok), len(classes.ng)):
        found = ops.log_softmax(logits[..., first : first + count], axis=-1)
        told = ops.one_hot(ops.cast(index, "int32") - first, count)  # of another side: no one
        known = ops.sum(told, axis=-1, keepdims=True)
        wanted = told * (1 - 2 * smoothing) + known * 2 * smoothing / count
        entropy = -ops.sum(wanted * found, axis=-1)
        if focal:
            right = ops.exp(ops.sum(told * found, axis=-1))
            entropy = entropy * ops.maximum(1 - right, 1e-7) ** focal
        total, first = total + entropy, first + count
    return total


def _of_places(target: Any, logits: Any, by_kind: Any) -> Any:
    """Faults count by the root of the places they touch, so that a tiny one is not lost beside a large one.

    `by_kind` is what naming the fault costs, place by place; of sound places it does not count.
    """
    faulty, known = target[..., 1], target[..., 2]
    by_place = ops.softplus(logits) - logits * faulty + faulty * by_kind
    in_fault, sound = known * faulty, known * (1 - faulty)
    in_fault = in_fault / ops.sqrt(ops.sum(in_fault, axis=(1, 2), keepdims=True) + 1)
    return sum(ops.sum(by_place * weight) / (ops.sum(weight) + 0.1) for weight in (in_fault, sound))
