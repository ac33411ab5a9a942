"""Photos in, trained network out: one straight loop."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from edge.contract.cam import Pooling, pool
from trainer.augment import Recipe, augment
from trainer.metrics import auroc, average_precision
from trainer.model import house_network

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


def train(
    inputs: np.ndarray, truth: np.ndarray, held: np.ndarray, held_truth: np.ndarray, plan: Plan, tell: Tell
) -> Trained:
    """Trains on `inputs` (n, h, w, c; uint8) with `truth` (n, True for ng); `held` chooses the weights to keep.

    The learning rate warms up, then falls along a cosine; with `max_seconds` the fall follows the clock where the
    machine is too slow for all steps, so that a run cut short still ends on a low rate.
    """
    keras.utils.set_random_seed(plan.seed)
    model = house_network(inputs.shape[1:])
    model.compile(_optimizer(plan), loss=_pooled_loss(plan.pooling), jit_compile=False)
    batches = _balanced_batches(inputs, truth, plan)
    trained, best, weights = Trained(model), (-1.0, -1.0), model.get_weights()
    started, losses, figures = time.monotonic(), [], (None, None)
    for step in range(1, plan.steps + 1):
        elapsed = time.monotonic() - started
        done = max(step / plan.steps, elapsed / plan.max_seconds if plan.max_seconds else 0.0)
        model.optimizer.learning_rate = _rate(min(done, 1.0), plan)
        losses.append(float(model.train_on_batch(*next(batches))))
        if step % plan.validate_every == 0 or step == plan.steps or done >= 1:
            maps = predict_maps(model, held)
            scores = pool(maps, plan.pooling)[:, 0]
            figures = (auroc(held_truth, scores), average_precision(held_truth, scores))
            trained.history.append(_record(step, losses, figures, held_truth, scores))
            losses.clear()
            if (figures[1], figures[0]) >= best:
                best, weights, trained.best_step = (figures[1], figures[0]), model.get_weights(), step
        tell(Progress(step, plan.steps, losses[-1] if losses else trained.history[-1]["loss"],
                      time.monotonic() - started, *figures))  # fmt: skip
        if done >= 1:
            break
    model.set_weights(weights)
    trained.seconds = time.monotonic() - started
    return trained


def predict_maps(model: keras.Model, inputs: np.ndarray, batch: int = 32) -> np.ndarray:
    """Logit maps (n, rows, columns, classes) float32 of model inputs."""
    parts = [model.predict_on_batch(inputs[i : i + batch].astype(np.float32)) for i in range(0, len(inputs), batch)]
    return np.concatenate(parts)


def plan_as_dict(plan: Plan) -> dict:
    """The plan as plain values, for the record."""
    return {**asdict(plan), "pooling": plan.pooling.kind}


def _optimizer(plan: Plan) -> keras.optimizers.Optimizer:
    return keras.optimizers.AdamW(plan.learning_rate, weight_decay=plan.weight_decay, clipnorm=1.0)


def _pooled_loss(pooling: Pooling) -> Callable:
    def loss(truth: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        pooled = pool(logits, pooling, keras.ops)
        return keras.losses.binary_crossentropy(truth, pooled, from_logits=True)

    return loss


def _rate(done: float, plan: Plan) -> float:
    if done < plan.warmup_share:
        return plan.learning_rate * max(done, 0.01) / plan.warmup_share
    along = (done - plan.warmup_share) / (1 - plan.warmup_share)
    return plan.learning_rate * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * along))))


def _balanced_batches(
    inputs: np.ndarray, truth: np.ndarray, plan: Plan
) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # fmt: skip
    """Endless batches, half ok and half ng, each class in an order of its own that shows every image equally often."""
    rng = np.random.default_rng(plan.seed)
    ok, ng = (_shuffled(np.flatnonzero(truth == label), rng) for label in (False, True))
    half = plan.batch // 2
    while True:
        chosen = [next(ok) for _ in range(plan.batch - half)] + [next(ng) for _ in range(half)]
        images = np.stack([augment(inputs[i], plan.recipe, rng) for i in chosen])
        yield images.astype(np.float32), truth[chosen].astype(np.float32)[:, None]


def _shuffled(indices: np.ndarray, rng: np.random.Generator) -> Iterator[int]:
    while True:
        yield from rng.permutation(indices)


def _record(
    step: int, losses: list[float], figures: tuple[float, float], truth: np.ndarray, logits: np.ndarray
) -> dict[str, float]:  # fmt: skip
    signs = np.where(truth, 1.0, -1.0)
    validation_loss = float(np.log1p(np.exp(-signs * logits)).mean())
    return {"step": step, "loss": float(np.mean(losses)), "validation_loss": validation_loss,
            "validation_auroc": figures[0], "validation_ap": figures[1]}  # fmt: skip
