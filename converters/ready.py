"""Start weights made ready for int8: layers that will stand still learn to be rounded, before anyone trains on them.

    python -m converters.ready IN.npz OUT.npz

Those before the first layer that `okng train` lets learn are equalised; then they learn, on drawn surfaces, grey and in
colours, that rounding their weights and values changes little of what they give. That their weights are rounded costs
nothing later: training rounds them first (`trainer.networks.rounding`), and what learns takes them as they are. How
much the rounding of values still changes is printed.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import keras
import msgspec
import numpy as np
import tensorflow as tf

from converters.equalise import equalise
from converters.finetune import rounding_twin, while_rounded
from edge.contract.preprocess import PreprocessSpec, centred, preprocess
from edge.contract.storage import new_file, refuse_taken
from edge.errors import OkngError
from trainer.augment import STANDARD, augment
from trainer.networks.layers import ADAPT
from trainer.networks.network import assemble
from trainer.networks.pretrained import body
from trainer.networks.registry import recommended
from trainer.networks.rounding import kernels_of
from trainer.pretrain.learn import draw_bank

NETWORK = "efficientnet-lite0"
SIZE = 128
"""Pixels of the part of a surface that is shown: features know nothing of the rest."""
SURFACES, HELD, CALIBRATION = 1500, 128, 256
STEPS, BATCH, RATE = 4000, 8, 1e-4
ANCHOR = 0.1
"""What it costs to give something else than what was published, against giving something else in int8."""
VARIATION = msgspec.structs.replace(STANDARD, copy_paste=0.0, synthetic=0.0)


def make_ready(given: Path, out: Path) -> None:
    """Writes `out`, start weights as `given` is, which must not be there yet. Raises UsageError."""
    refuse_taken(out)
    keras.utils.set_random_seed(0)
    model = assemble(NETWORK, (SIZE, SIZE, 3), 1, str(given)).model
    still = keras.Model(model.input, model.get_layer(recommended(NETWORK).tuning.layer).input)
    bank = draw_bank(SURFACES, 0)
    calibration, held = (_shown(bank, count, step) for step, count in enumerate((CALIBRATION, HELD)))
    equalise(still, calibration)
    _learn(still, bank, calibration, held)
    values = [value for layer in body(model) for value in layer.get_weights()]
    with new_file(out) as partial:
        np.savez_compressed(partial, **{f"w{i:03}": value.astype(np.float16) for i, value in enumerate(values)})


def _learn(still: keras.Model, bank: np.ndarray, calibration: np.ndarray, held: np.ndarray) -> None:
    for layer in still.layers:
        layer.trainable = layer.name != ADAPT
    published = keras.models.clone_model(still)
    published.set_weights(still.get_weights())
    variance = published.predict(centred(held), verbose=0).var(axis=(0, 1, 2)) + 1e-6
    twin = rounding_twin(still, calibration, 100.0)
    kernels = [(kernel, axes) for layer in still.layers if layer.trainable for kernel, axes in kernels_of(layer)]
    optimizer = keras.optimizers.Adam(RATE, clipnorm=1.0)
    variables = still.trainable_variables
    optimizer.build(variables)

    @tf.function(reduce_retracing=True)
    def step(images: tf.Tensor, learns: tf.Tensor) -> tf.Tensor:
        with while_rounded(kernels), tf.GradientTape() as tape:
            found = still(images, training=False)
            rounding = tf.reduce_mean(tf.square(twin(images, training=False) - found) / variance)
            drift = tf.reduce_mean(tf.square(found - published(images, training=False)) / variance)
            loss = rounding + ANCHOR * drift
        gradients = tape.gradient(loss, variables)
        if learns:
            optimizer.apply(gradients, variables)
        return tf.stack([rounding, drift])

    def tell(number: int) -> None:
        shown = [held[start : start + BATCH] for start in range(0, len(held), BATCH)]
        rounding, drift = np.mean([step(tf.constant(centred(part)), tf.constant(False)) for part in shown], axis=0)
        seconds = time.monotonic() - started
        print(f"{number} steps, {seconds:.0f} s: of the variance rounding takes {rounding:.3%}, learning {drift:.3%}")

    started = time.monotonic()
    for number in range(STEPS):
        if number % (STEPS // 8) == 0:
            tell(number)
        optimizer.learning_rate = RATE * 0.5 * (1 + math.cos(math.pi * number / STEPS))
        step(tf.constant(centred(_shown(bank, BATCH, 2 + number))), tf.constant(True))
    tell(STEPS)


def _shown(bank: np.ndarray, count: int, step: int) -> np.ndarray:
    """Model inputs (count, SIZE, SIZE, 3) uint8, of which every other is in colours; they follow from `step`."""
    rng = np.random.default_rng((1, step))
    return np.stack([_picture(bank, number % 2 == 1, rng) for number in range(count)])


def _picture(bank: np.ndarray, coloured: bool, rng: np.random.Generator) -> np.ndarray:
    image, other = (bank[int(i)] for i in rng.integers(len(bank), size=2))
    image, _ = augment(image, None, VARIATION, rng)
    top, left = rng.integers(image.shape[0] - SIZE + 1, size=2)
    part, overlay = (each[top : top + SIZE, left : left + SIZE].astype(np.float32) for each in (image, other))
    mixed = np.repeat(part, 3, axis=2)
    if coloured:
        mixed = part * rng.uniform(0.3, 1, 3) + (overlay - 128) * rng.uniform(-0.6, 0.6, 3)
    spec = PreprocessSpec(width=SIZE, height=SIZE, colour="bgr")
    return preprocess(np.clip(mixed, 0, 255).astype(np.uint8), spec)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m converters.ready IN.npz OUT.npz")
    try:
        make_ready(Path(sys.argv[1]), Path(sys.argv[2]))
    except OkngError as error:
        sys.exit(str(error))
