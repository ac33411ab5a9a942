"""What training makes small; targets are those of `trainer.batches.target`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from edge.contract.cam import pool
from trainer.plan import Plan


def loss_of(plan: Plan) -> Callable[[Any, Any], Any]:
    """The loss of targets (batch, rows, columns, 3) and logit maps (batch, rows, columns, 1).

    Of images: cross-entropy of the pooled logit, at times focal, or the mean absolute error of the score. Of places,
    where they are known: cross-entropy, of which faulty and sound places have half each however few the faulty are.
    """

    def loss(target: Any, logits: Any) -> Any:
        truth = target[:, 0, 0, 0]
        of_images = ops.mean(_weights(truth, plan) * _of_images(truth, pool(logits, plan.pooling, ops)[:, 0], plan))
        if plan.places_weight == 0:
            return of_images
        return of_images + plan.places_weight * _of_places(target, logits[..., 0])

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


def _of_places(target: Any, logits: Any) -> Any:
    """Faults count by the root of the places they touch, so that a tiny one is not lost beside a large one."""
    faulty, known = target[..., 1], target[..., 2]
    by_place = ops.softplus(logits) - logits * faulty
    in_fault, sound = known * faulty, known * (1 - faulty)
    in_fault = in_fault / ops.sqrt(ops.sum(in_fault, axis=(1, 2), keepdims=True) + 1)
    return sum(ops.sum(by_place * weight) / (ops.sum(weight) + 0.1) for weight in (in_fault, sound))
