"""What the tests of networks share: small inputs, weights as if learned, and which of them a training moves."""

import keras
import numpy as np
from keras import layers

from edge.contract.cam import Pooling, pool
from edge.contract.preprocess import centred
from trainer.networks.layers import ADAPT, CAM
from trainer.networks.network import Network

SMALL = (32, 40, 1)


def images(count: int, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def shake(model: keras.Model, seed: int = 0) -> None:
    """Weights as if learned: else batch normalisation stands at its start, and zeros hide a swap."""

    def shaken(value: np.ndarray) -> np.ndarray:
        return value * rng.uniform(0.9, 1.1, value.shape) + (value == 0) * rng.uniform(-0.05, 0.05, value.shape)

    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if layer.name != ADAPT and not isinstance(layer, layers.Normalization):
            layer.set_weights([shaken(value) for value in layer.get_weights()])


def two_steps(network: Network, inputs: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """All weights before and after two steps of training on random labels."""
    model = network.model
    model.compile(keras.optimizers.AdamW(1e-2), jit_compile=False, loss=lambda truth, logits: keras.ops.mean(
        keras.ops.softplus((1 - 2 * truth) * pool(logits, Pooling(), keras.ops))))  # fmt: skip
    before = model.get_weights()
    truth = np.arange(len(inputs), dtype=np.float32)[:, None] % 2
    for _ in range(2):
        assert np.isfinite(model.train_on_batch(centred(inputs), truth))
    return before, model.get_weights()


def moved(network: Network, before: list[np.ndarray], after: list[np.ndarray]) -> set[str]:
    """Names of layers with a weight that changed."""
    names = [layer.name for layer in network.model.layers for _ in layer.get_weights()]
    changed = zip(names, before, after, strict=True)
    return {name for name, old, new in changed if not np.array_equal(old, new)}


def assert_is_network(model: keras.Model, shape: tuple[int, int, int], classes: int, stride: int) -> None:
    rows, columns = (-(-length // stride) for length in shape[:2])
    assert model.input_shape == (None, *shape)
    assert model.output_shape == (None, rows, columns, classes)
    head = model.layers[-1]
    assert (head.name, type(head), head.kernel_size) == (CAM, layers.Conv2D, (1, 1))
    assert head.activation is keras.activations.linear, "logits"
    kinds = {type(layer).__name__ for layer in model.layers}
    assert not kinds & {"Dense", "Flatten", "Lambda"}, "fully convolutional, and loadable by anybody"
