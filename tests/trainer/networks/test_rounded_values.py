"""Layers that stand still give while training what a board will compute."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from converters.quantize import Source, quantize
from trainer.networks.rounded_values import RoundedValues, with_values_rounded, without_rounding
from trainer.networks.rounding import kernels_of, rounded
from trainer.train import predict_maps

SHAPE = (32, 32, 1)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (8, *SHAPE), np.uint8)


@pytest.fixture
def network():
    """A stem, an inverted residual and a sum that stand still; then "learns", and the head."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input(SHAPE)
    x = narrow = _normed(layers.Conv2D(4, 3, 2, padding="same"), inputs)
    x = layers.ReLU(6.0)(_normed(layers.Conv2D(12, 1, use_bias=False), x))
    x = layers.ReLU(6.0)(_normed(layers.DepthwiseConv2D(3, padding="same"), x))
    x = layers.Add(name="sum")([narrow, _normed(layers.Conv2D(4, 1), x)])
    x = layers.ReLU()(_normed(layers.Conv2D(8, 3, name="learns"), x))
    made = keras.Model(inputs, layers.Conv2D(1, 1, name="cam")(layers.Dropout(0.1)(x)), name="small")
    rng = np.random.default_rng(1)
    for layer in made.layers:
        layer.trainable = layer.name in ("learns", "cam")
        if isinstance(layer, layers.BatchNormalization):
            size = layer.gamma.shape
            layer.set_weights([rng.uniform(0.5, 2, size), rng.normal(size=size), rng.normal(size=size), np.ones(size)])
        elif not layer.trainable:
            for kernel, axes in kernels_of(layer):
                kernel.assign(rounded(kernel.value, axes))
    return made


def _normed(layer: layers.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.BatchNormalization()(layer(x))


def rounding(network: keras.Model) -> list[RoundedValues]:
    return [layer for layer in network.layers if isinstance(layer, RoundedValues)]


def test_only_what_stands_still_is_rounded_and_little_changes(network, images):
    found = with_values_rounded(network, "learns", images)
    assert len(rounding(found)) == 5  # stem, two activations, the second narrow end, the sum
    assert found.name == "small"
    assert {layer.name for layer in found.layers if layer.trainable and layer.weights} == {"learns", "cam"}
    before, after = predict_maps(network, images), predict_maps(found, images)
    assert 0 < np.abs(before - after).max() < 0.1 * np.ptp(before)
    assert not np.array_equal(before, after)


def test_what_stands_still_gives_the_very_values_of_the_int8_model(network, images):
    found = with_values_rounded(network, "learns", images)
    last = found.get_layer("sum_rounded")
    still = keras.Model(found.input, last.output)
    source = Source(still, images)
    source.map_range = lambda: (last.low, last.high)
    interpreter = Interpreter(model_content=quantize(source))
    interpreter.allocate_tensors()
    given, got = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    apart = []
    for image, wanted in zip(images, still.predict_on_batch(images.astype(np.float32) - 128), strict=True):
        interpreter.set_tensor(given["index"], image[None])
        interpreter.invoke()
        scale, zero = got["quantization"]
        apart.append(np.abs((interpreter.get_tensor(got["index"])[0].astype(float) - zero) * scale - wanted) / scale)
    assert np.mean(np.array(apart) > 0.5) < 0.01, "in units; a sum that lies in the middle may go either way"


def test_the_ranges_of_training_are_those_of_the_int8_model(network, images):
    found = with_values_rounded(network, "learns", images)
    darker = images // 2 + 64
    source = Source(found, darker)
    assert len(source._fixed) == 5
    for index, (low, high) in source._fixed.items():
        assert source.ranges(99.0)[index] == (low, high)
        assert source.seen[index].low > low or source.seen[index].high < high or (low, high) == (0.0, 6.0)


def test_it_is_kept_on_the_disk_and_taken_out_again(network, images, tmp_path):
    found = with_values_rounded(network, "learns", images)
    found.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(predict_maps(again, images), predict_maps(found, images))
    plain, fixed = without_rounding(again)
    assert not rounding(plain)
    assert [(each.low, each.high) for each in fixed] == [(layer.low, layer.high) for layer in rounding(again)]
    np.testing.assert_allclose(predict_maps(plain, images), predict_maps(network, images), atol=0.05)


def test_a_network_that_learns_whole_stays_as_it_is(network, images):
    first = network.layers[1].name
    assert with_values_rounded(network, first, images) is network
    assert without_rounding(network) == (network, [])
