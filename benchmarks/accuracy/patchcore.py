"""A one-class baseline: PatchCore (Roth et al. 2022) on the features of the house network's start weights.

The memory bank is a random tenth of the ok patches (a greedy coreset of so few images changes little), the score of
an image the largest distance of one of its patches to its nearest neighbour in the bank.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from sklearn.neighbors import NearestNeighbors

from edge.contract.cam import Pooling, Thresholds
from edge.contract.preprocess import PreprocessSpec, centred, preprocess
from edge.contract.types import Pixels, Verdict
from trainer.dataset import load_images, read_samples
from trainer.evaluate import Opinion, Subject, evaluate
from trainer.figures import figures
from trainer.framework import wake

BANK_SHARE = 0.1
SEED = 0

Describe = Callable[[Pixels], np.ndarray]


def evaluate_fold(data: Path, fold: int, out: Path) -> None:
    """Writes metrics.json for the images of one fold, judged by the ok images of the others."""
    wake()
    samples = read_samples(data)
    first = load_images(samples[:1], lambda pixels: pixels).images[0]
    spec = PreprocessSpec(colour="grey" if first.ndim == 2 else "bgr")
    describe = _describer(spec)
    sound = [sample for sample in samples if sample.fold != fold and not sample.is_ng]
    patches = np.concatenate([_flat(found) for found in load_images(sound, describe).images])
    chosen = np.random.default_rng(SEED).choice(len(patches), round(BANK_SHARE * len(patches)), replace=False)
    bank = NearestNeighbors(n_neighbors=1).fit(patches[chosen])

    def judge(pixels: Pixels) -> Opinion:
        found = describe(pixels)
        away = bank.kneighbors(_flat(found))[0].reshape(*found.shape[:2], 1)
        return Opinion(float(away.max()), Verdict.REVIEW, away.astype(np.float32))

    subject = Subject("PatchCore", judge, spec, Thresholds(0.0, 1.0), set(), Pooling())
    found = figures(evaluate(subject, [sample for sample in samples if sample.fold == fold]))
    out.mkdir(parents=True, exist_ok=True)
    (out / "metrics.json").write_text(json.dumps(found))


def _describer(spec: PreprocessSpec) -> Describe:
    """Features (rows, columns, channels) float32 of an image, each averaged with its eight neighbours."""
    from trainer.networks.network import assemble

    features = assemble("house-m", spec.shape, weights="start").features

    def describe(pixels: Pixels) -> np.ndarray:
        found = features.predict_on_batch(centred(preprocess(pixels, spec)[None]))[0]
        return cv2.blur(found, (3, 3))

    return describe


def _flat(features: np.ndarray) -> np.ndarray:
    return features.reshape(-1, features.shape[-1])
