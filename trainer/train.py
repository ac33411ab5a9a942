"""Photos in, trained network out: one straight loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

import cv2
import keras
import numpy as np

from edge.contract.cam import Pooling, pool
from edge.contract.preprocess import centred
from trainer.augment import Recipe, augment
from trainer.metrics import auroc, average_precision
from trainer.model import house_network

TOUCHED_SHARE = 0.1
"""Of a map cell's area: from this much on, a mask touches it."""

Tell = Callable[["Progress"], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training run does. `steps` of `batch` images, half of them ng, validated every `validate_every` steps."""

    steps: int = 1000
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    warmup_share: float = 0.1
    validate_every: int = 50
    seed: int = 0
    max_seconds: float | None = None
    mask_weight: float = 1.0
    """Of the loss by places against the loss by images, where masks are given."""
    pooling: Pooling = Pooling()
    recipe: Recipe = Recipe()


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands; the validation figures are of the last validation, None before the first."""

    step: int
    steps: int
    loss: float
    elapsed_s: float
    validation_auroc: float | None = None
    validation_ap: float | None = None


@dataclass(slots=True)
class Trained:
    """The network with the best validation figures, and the way there."""

    model: keras.Model
    history: list[dict[str, float]] = field(default_factory=list)
    best_step: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """One side of a split, ready for the network.

    `inputs` (n, height, width, channels) uint8; `truth` (n) True for ng; `masks` n of (height, width) uint8, 0 or 255,
    or None where the place of the fault is not known.
    """

    inputs: np.ndarray
    truth: np.ndarray
    masks: list[np.ndarray | None]


def train(learning: Part, held: Part, plan: Plan, tell: Tell) -> Trained:
    """Trains on `learning`; `held` chooses the weights to keep, by average precision.

    The learning rate warms up, then falls along a cosine; with `max_seconds` the fall follows the clock where the
    machine is too slow for all steps, so that a run cut short still ends on a low rate.
    """
    keras.utils.set_random_seed(plan.seed)
    model = house_network(learning.inputs.shape[1:])
    model.compile(_optimizer(plan), loss=_loss(plan), jit_compile=False)
    batches = _balanced_batches(learning, model.output_shape[1:3], plan)
    trained, best, weights = Trained(model), (-1.0, -1.0), model.get_weights()
    started, losses = time.monotonic(), list[float]()
    figures: tuple[float, float] | None = None
    for step in range(1, plan.steps + 1):
        elapsed = time.monotonic() - started
        done = max(step / plan.steps, elapsed / plan.max_seconds if plan.max_seconds else 0.0)
        model.optimizer.learning_rate = _rate(min(done, 1.0), plan)
        losses.append(float(model.train_on_batch(*next(batches))))
        if step % plan.validate_every == 0 or step == plan.steps or done >= 1:
            maps = predict_maps(model, held.inputs)
            scores = pool(maps, plan.pooling)[:, 0]
            figures = (auroc(held.truth, scores), average_precision(held.truth, scores))
            trained.history.append(_record(step, losses, figures, held.truth, scores))
            losses.clear()
            if (figures[1], figures[0]) >= best:
                best, weights, trained.best_step = (figures[1], figures[0]), model.get_weights(), step
        tell(Progress(step, plan.steps, losses[-1] if losses else trained.history[-1]["loss"],
                      time.monotonic() - started, *(figures or (None, None))))  # fmt: skip
        if done >= 1:
            break
    model.set_weights(weights)
    trained.seconds = time.monotonic() - started
    return trained


def predict_maps(model: keras.Model, inputs: np.ndarray, batch: int = 32) -> np.ndarray:
    """Logit maps (n, rows, columns, classes) float32 of model inputs."""
    parts = [model.predict_on_batch(centred(inputs[i : i + batch])) for i in range(0, len(inputs), batch)]
    return np.concatenate(parts)


def plan_as_dict(plan: Plan) -> dict:
    """The plan as plain values, for the record."""
    return {**asdict(plan), "pooling": plan.pooling.kind}


def _optimizer(plan: Plan) -> keras.optimizers.Optimizer:
    return keras.optimizers.AdamW(plan.learning_rate, weight_decay=plan.weight_decay, clipnorm=1.0)


def _loss(plan: Plan) -> Callable:
    """Cross-entropy of the pooled logit, and of each place where the truth is known; targets as from `_target`."""

    def loss(target: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        pooled = pool(logits, plan.pooling, keras.ops)
        of_image = keras.losses.binary_crossentropy(target[:, 0, 0, :1], pooled, from_logits=True)
        places = keras.ops.softplus(logits[..., 0]) - logits[..., 0] * target[..., 1]
        of_places = sum(
            keras.ops.sum(places * weight) / (keras.ops.sum(weight) + 1.0)
            for weight in (target[..., 2] * target[..., 1], target[..., 2] * (1 - target[..., 1]))
        )
        return keras.ops.mean(of_image) + plan.mask_weight * of_places

    return loss


def _rate(done: float, plan: Plan) -> float:
    if done < plan.warmup_share:
        return plan.learning_rate * max(done, 0.01) / plan.warmup_share
    along = (done - plan.warmup_share) / (1 - plan.warmup_share)
    return plan.learning_rate * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * along))))


def _balanced_batches(
    part: Part, grid: tuple[int, int], plan: Plan
) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # fmt: skip
    """Endless batches, half ok and half ng, each class in an order of its own that shows every image equally often."""
    rng = np.random.default_rng(plan.seed)
    ok, ng = (_shuffled(np.flatnonzero(part.truth == label), rng) for label in (False, True))
    half = plan.batch // 2
    any_masks = any(mask is not None for mask in part.masks)
    while True:
        chosen = [next(ok) for _ in range(plan.batch - half)] + [next(ng) for _ in range(half)]
        pairs = [augment(part.inputs[i], part.masks[i], plan.recipe, rng) for i in chosen]
        targets = [
            _target(bool(part.truth[i]), mask, grid, any_masks) for i, (_, mask) in zip(chosen, pairs, strict=True)
        ]
        yield centred(np.stack([image for image, _ in pairs])), np.stack(targets)


def _target(is_ng: bool, mask: np.ndarray | None, grid: tuple[int, int], any_masks: bool) -> np.ndarray:
    """(rows, columns, 3) float32: is the image ng; does the fault touch this place; is that known.

    Nothing of an ok image is faulty; that is said place by place only where masks say the same of ng images.
    """
    target = np.zeros((*grid, 3), np.float32)
    target[..., 0] = is_ng
    if mask is not None:
        target[..., 1] = cv2.resize(mask, grid[::-1], interpolation=cv2.INTER_AREA) > 255 * TOUCHED_SHARE
    target[..., 2] = any_masks and (mask is not None or not is_ng)
    return target


def _shuffled(indices: np.ndarray, rng: np.random.Generator) -> Iterator[int]:
    while True:
        yield from rng.permutation(indices)


def _record(
    step: int, losses: list[float], figures: tuple[float, float], truth: np.ndarray, logits: np.ndarray
) -> dict[str, float]:  # fmt: skip
    signs = np.where(truth, 1.0, -1.0)
    validation_loss = float(np.logaddexp(0.0, -signs * logits).mean())
    return {"step": step, "loss": float(np.mean(losses)), "validation_loss": validation_loss,
            "validation_auroc": figures[0], "validation_ap": figures[1]}  # fmt: skip
