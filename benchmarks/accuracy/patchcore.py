"""A one-class baseline: PatchCore (Roth et al. 2022) on the features of the default network's start weights.

The memory bank is a greedy coreset, seen through a random projection as there, of patches drawn at random from each ok
image; the score of an image is the largest distance of one of its patches to the nearest in the bank, without the
paper's weight by the neighbours of that one. There is no threshold, so figures of verdicts are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from edge.contract.cam import Pooling, Thresholds
from edge.contract.preprocess import PreprocessSpec, centred, preprocess
from edge.contract.types import Pixels, Verdict
from trainer.dataset import Sample, load_images, read_samples
from trainer.evaluate import Opinion, Subject, evaluate
from trainer.figures import figures
from trainer.framework import wake
from trainer.networks import Choice

POOL, BANK = 60_000, 6_000
"""Patches drawn, and how many of them are in the bank: of 760 images of 14 x 14 places two in five, and one in 25."""
PROJECTED = 32
"""Dimensions in which the coreset is chosen."""
BLOCK = 4096
"""Patches of the bank compared at a time."""
SEED = 0

Describe = Callable[[Pixels], np.ndarray]


def evaluate_fold(data: Path, fold: int, out: Path, network: str = Choice().name) -> None:
    """Writes metrics.json for the images of one fold, judged by the ok images of the others."""
    wake()
    samples = read_samples(data)
    first = load_images(samples[:1], lambda pixels: pixels).images[0]
    spec = PreprocessSpec(colour="grey" if first.ndim == 2 else "bgr")
    describe = describer(network, spec)
    bank = draw_bank([sample for sample in samples if sample.fold != fold and not sample.is_ng], describe)

    def judge(pixels: Pixels) -> Opinion:
        found = describe(pixels)
        away = nearest(_flat(found), bank).reshape(*found.shape[:2], 1)
        farthest = float(away.max())
        return Opinion(farthest / (1 + farthest), Verdict.REVIEW, away)  # from 0 to 1, in the order of the distances

    subject = Subject(f"PatchCore on {network}", judge, spec, Thresholds(0.0, 1.0), set(), Pooling())
    found = figures(evaluate(subject, [sample for sample in samples if sample.fold == fold]))
    found |= dict.fromkeys(("verdicts", "escape_rate", "escape_bound", "false_reject_rate", "review_rate"))
    for row in (*found["kinds"].values(), *found["sizes"]):
        row["caught"] = None
    out.mkdir(parents=True, exist_ok=True)
    (out / "metrics.json").write_text(json.dumps(found))


def describer(network: str, spec: PreprocessSpec) -> Describe:
    """Features (rows, columns, channels) float32 of an image as the head of `network` sees them with its start weights.

    Each is averaged with its eight neighbours.
    """
    from trainer.networks.network import assemble

    features = assemble(network, spec.shape, weights="start").features

    def describe(pixels: Pixels) -> np.ndarray:
        found = features.predict_on_batch(centred(preprocess(pixels, spec)[None]))[0]
        return cv2.blur(found, (3, 3))

    return describe


def draw_bank(samples: list[Sample], describe: Describe) -> np.ndarray:
    """At most BANK patches (n, channels); no more than the pool is ever in memory."""
    rng, share = np.random.default_rng(SEED), -(-POOL // len(samples))

    def some(pixels: Pixels) -> np.ndarray:
        patches = _flat(describe(pixels))
        return patches[rng.choice(len(patches), min(share, len(patches)), replace=False)]

    pool = np.concatenate(load_images(samples, some).images)
    projection = rng.normal(size=(pool.shape[1], PROJECTED)).astype(np.float32)
    return pool[coreset(pool @ projection, BANK)]


def coreset(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of at most `count` points (n, dimensions), each the farthest from those before: rare ones are in it."""
    chosen = np.zeros(min(count, len(points)), int)
    squares = np.einsum("nd,nd->n", points, points)
    least = np.full(len(points), np.inf, np.float32)
    for number in range(1, len(chosen)):
        last = chosen[number - 1]
        np.minimum(least, squares - 2 * (points @ points[last]) + squares[last], out=least)
        chosen[number] = least.argmax()
    return chosen


def nearest(patches: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """Euclidean distance (n) float32 of each patch (n, channels) to the nearest in the bank (m, channels)."""
    least = np.full(len(patches), np.inf, np.float32)
    for start in range(0, len(bank), BLOCK):
        block = bank[start : start + BLOCK]
        products = patches @ block.T
        np.minimum(least, (np.einsum("nc,nc->n", block, block) - 2 * products).min(axis=1), out=least)
    return np.sqrt(np.maximum(least + np.einsum("nc,nc->n", patches, patches), 0))


def _flat(features: np.ndarray) -> np.ndarray:
    return features.reshape(-1, features.shape[-1])
