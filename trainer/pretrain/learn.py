"""Start weights: a house network learns to find drawn faults on drawn surfaces."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import msgspec
import numpy as np

from edge.contract.preprocess import centred
from edge.contract.storage import refuse_taken, write_file
from trainer.augment import Recipe, augment
from trainer.augment.defects import synthesize
from trainer.batches import Batch, Part, target
from trainer.checkpoint import Checkpoint, state_of
from trainer.learner import gpus_for
from trainer.networks.registry import build
from trainer.plan import Plan
from trainer.pretrain.surfaces import draw_surface
from trainer.train import Tell, train

SIZE = 224
SURFACES = 7000
"""Drawn once; varied, and each time with other faults, they are enough for many times as many steps."""
HELD = 512
"""Surfaces of a seed of their own, half of them faulty: they choose the weights that are kept."""

RECIPE = Recipe(
    flip_horizontal=True, flip_vertical=True, rotation_deg=8.0, shift=0.05, zoom=0.1, contrast=0.3, brightness=20.0
)
PLAN = Plan(
    steps=6000, learning_rate=2.5e-3, warmup_share=0.05, weight_decay=5e-4, ema=0.995, validations=20, patience=1.0,
    recipe=RECIPE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Surfaces:
    """Batches of surfaces, of which every other has a fault; each follows from the seed and its number."""

    bank: np.ndarray
    grid: tuple[int, int]
    plan: Plan

    def batch(self, step: int) -> Batch:
        """As `trainer.batches.Source`."""
        rng = np.random.default_rng((self.plan.seed, 3, step))
        shown = [_shown(self.bank, number % 2 == 1, self.plan.recipe, rng) for number in range(self.plan.batch)]
        targets = [target(mask is not None, mask, self.grid, True) for _, mask in shown]
        return centred(np.stack([image for image, _ in shown])), np.stack(targets)


def pretrain(
    network: str, out: Path, plan: Plan, surfaces: int, drawing: Callable[[int, int], None], tell: Tell
) -> dict[str, float]:  # fmt: skip
    """Writes start weights for `network` to `out`, a .npz file, and returns the figures they reached.

    Weights are kept as float16, in the order of `get_weights`. An interrupted training goes on where it stood.
    """
    refuse_taken(out)
    gpus = gpus_for(plan)
    keras.utils.set_random_seed(plan.seed)
    bank = draw_bank(surfaces, plan.seed, drawing)
    model = build(network, (SIZE, SIZE, 1))
    held = _held(draw_bank(HELD, plan.seed + 1), plan)
    checkpoint = Checkpoint(state_of(out), f"{network} {surfaces} {plan}")
    trained = train(model, Surfaces(bank, model.output_shape[1:3], plan), held, plan, tell, checkpoint, devices=gpus)
    figures = max(trained.history, key=lambda row: row["validation_ap"])
    facts = {"network": network, "surfaces": surfaces, "plan": msgspec.to_builtins(plan), "figures": figures}
    buffer = io.BytesIO()
    arrays = {f"w{i:03}": value.astype(np.float16) for i, value in enumerate(model.get_weights())}
    np.savez_compressed(buffer, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)
    write_file(out, buffer.getvalue())
    checkpoint.path.unlink(missing_ok=True)
    return figures


def draw_bank(count: int, seed: int, progress: Callable[[int, int], None] | None = None) -> np.ndarray:
    """Surfaces (count, SIZE, SIZE, 1) uint8."""
    bank = np.empty((count, SIZE, SIZE, 1), np.uint8)
    for number in range(count):
        bank[number] = draw_surface(SIZE, np.random.default_rng((seed, 4, number)))
        if progress:
            progress(number + 1, count)
    return bank


def _shown(
    bank: np.ndarray, faulty: bool, recipe: Recipe, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
    image, donor = (bank[int(i)] for i in rng.integers(len(bank), size=2))
    varied, _ = augment(image, None, recipe, rng)
    return synthesize(varied, donor, rng) if faulty else (varied, None)


def _held(bank: np.ndarray, plan: Plan) -> Part:
    rng = np.random.default_rng((plan.seed, 5))
    shown = [_shown(bank, number % 2 == 1, plan.recipe, rng) for number in range(len(bank))]
    return Part(
        np.stack([image for image, _ in shown]),
        np.array([mask is not None for _, mask in shown]),
        [mask for _, mask in shown],
    )
