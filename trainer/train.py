"""Photos in, trained network out: one straight loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from edge.contract.cam import BINARY, Classes, kind_logits, ng_map, pool
from edge.contract.preprocess import centred
from trainer.batches import Part, Source, prefetched
from trainer.checkpoint import Checkpoint
from trainer.learner import learner_of
from trainer.metrics import auroc, average_precision
from trainer.plan import Plan

EMA_WARMUP = 10
"""After t steps the decay is t / (t + this), at most the plan's: the running average spans the last tenth of the way
so far, and does not drag the start along."""

SMOOTHED_PART = 4
"""One in so many validations takes part in the figure by which weights are chosen."""

Tell = Callable[["Progress"], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands; `validation` holds the figures of a validation made at this step."""

    step: int
    steps: int
    loss: float
    elapsed_s: float
    validation: dict[str, float] | None = None


@dataclass(slots=True)
class Trained:
    """The network with the best validation figures, and the way there."""

    model: keras.Model
    history: list[dict[str, float]] = field(default_factory=list)
    best_step: int = 0
    seconds: float = 0.0


def train(
    model: keras.Model, source: Source, held: Part | None, plan: Plan, tell: Tell,
    checkpoint: Checkpoint | None = None, classes: Classes = BINARY, devices: Sequence[str] = (),
) -> Trained:  # fmt: skip
    """Trains `model` on batches from `source`; `held` chooses the weights to keep, by average precision of ng.

    Without it the last ones are kept, and nothing ends early.

    With a checkpoint the state is saved at each validation, and training goes on from what it holds. `devices` are
    those of `trainer.learner.gpus_for`.
    """
    course = _Course(model, plan, classes, devices)
    if checkpoint is not None:
        checkpoint.restore(course)
    started, losses = time.monotonic() - course.seconds, list[float]()
    batches = prefetched(source, course.step)
    while not course.is_done and not course.is_stale:
        images, targets = next(batches)
        course.seconds = time.monotonic() - started
        course.learn(images, targets, losses)
        figures = None
        if course.step % max(1, plan.steps // plan.validations) == 0 or course.is_done:
            if held is None:
                course.keep()
            else:
                figures = course.validate(held, losses)
            losses.clear()
            if checkpoint is not None:
                checkpoint.save(course)
        tell(Progress(course.step, plan.steps, course.last_loss, time.monotonic() - started, figures))
    model.set_weights(course.best)
    return Trained(model, course.history, course.best_step, time.monotonic() - started)


def predict_maps(model: keras.Model, inputs: np.ndarray, batch: int = 32) -> np.ndarray:
    """Logit maps (n, rows, columns, classes) float32 of model inputs, or of features where `model` is a head."""
    given = centred if inputs.dtype == np.uint8 else np.float32
    parts = [model.predict_on_batch(given(inputs[i : i + batch])) for i in range(0, len(inputs), batch)]
    return np.concatenate(parts)


class _Course:
    """The state of a training: all that a checkpoint keeps."""

    def __init__(self, model: keras.Model, plan: Plan, classes: Classes, devices: Sequence[str]) -> None:
        self.model, self.plan, self.classes = model, plan, classes
        self.learner = learner_of(model, plan, classes, devices)
        self.step, self.seconds, self.last_loss = 0, 0.0, 0.0
        self.average = self.best = model.get_weights()
        self.best_step = 0
        self.best_figures: tuple[float, ...] = (-1.0,)
        self.history: list[dict[str, float]] = []

    def learn(self, images: np.ndarray, targets: np.ndarray, losses: list[float]) -> None:
        """One step."""
        plan = self.plan
        self.learner.optimizer.learning_rate = _rate(min(max((self.step + 1) / plan.steps, self._by_clock), 1.0), plan)
        self.last_loss = float(self.learner.train_on_batch(images, targets))
        losses.append(self.last_loss)
        self.step += 1
        decay = min(plan.ema, self.step / (self.step + EMA_WARMUP))
        if plan.ema:
            moved = zip(self.average, self.learner.get_weights(), strict=True)
            self.average = [old + (1 - decay) * (new - old) for old, new in moved]

    def keep(self) -> None:
        """Keeps the weights as they are now."""
        self.best, self.best_step = self._averaged(), self.step

    def validate(self, held: Part, losses: list[float]) -> dict[str, float]:
        """Figures of the averaged weights on `held`; they are kept where they are the best so far."""
        moving, kept = self.learner.get_weights(), self._averaged()
        self.model.set_weights(kept)
        maps = predict_maps(self.model, held.inputs)
        self.learner.set_weights(moving)
        record = _record(self.step, losses, held.truth, pool(ng_map(maps, self.classes), self.plan.pooling)[:, 0])
        if self.classes.many:
            record["validation_named"] = _named(kind_logits(maps, self.plan.pooling, self.classes), held, self.classes)
        self.history.append(record)
        if (figures := self._smoothed()) >= self.best_figures:
            self.best, self.best_figures, self.best_step = kept, figures, self.step
        return record

    def _averaged(self) -> list[np.ndarray]:
        return self.average if self.plan.ema else self.learner.get_weights()

    def _smoothed(self) -> tuple[float, ...]:
        """The mean of the last figures: among a few parts the best of many validations is luck as much as merit."""
        window = max(1, self.plan.validations // SMOOTHED_PART)
        recent = self.history[-window:]
        means = (float(np.mean([row[key] for row in recent])) for key in ("validation_ap", "validation_auroc"))
        return float(len(recent) == window), *means

    @property
    def is_done(self) -> bool:
        """Whether all steps are made, or the time is up."""
        return self.step >= self.plan.steps or self._by_clock >= 1

    @property
    def _by_clock(self) -> float:
        return self.seconds / self.plan.max_seconds if self.plan.max_seconds else 0.0

    @property
    def is_stale(self) -> bool:
        """Whether patience has run out."""
        return self.step - self.best_step > max(1, self.plan.patience * self.plan.steps)

    def variables(self) -> list[Any]:
        """All that a step changes, in the backend's form: weights, seeds of dropout, moments of the optimiser."""
        return [*self.learner.variables, *self.learner.optimizer.variables]


def _rate(done: float, plan: Plan) -> float:
    if done < plan.warmup_share:
        return plan.learning_rate * max(done, 0.01) / plan.warmup_share
    along = (done - plan.warmup_share) / max(1 - plan.warmup_share, 1e-9)
    return plan.learning_rate * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * along))))


def _named(found: np.ndarray, held: Part, classes: Classes) -> float:
    """Share of the ng images that are named rightly, of logits (n, classes)."""
    assert held.kinds is not None
    ok = len(classes.ok)
    right = held.kinds == ok + np.argmax(found[:, ok:], axis=-1)
    return float(right[held.truth].mean())


def _record(step: int, losses: list[float], truth: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    signs = np.where(truth, 1.0, -1.0)
    return {
        "step": step,
        "loss": float(np.mean(losses)),
        "validation_loss": float(np.logaddexp(0.0, -signs * logits).mean()),
        "validation_accuracy": float(np.mean((logits > 0) == truth)),
        "validation_auroc": auroc(truth, logits),
        "validation_ap": average_precision(truth, logits),
    }
