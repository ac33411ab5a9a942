"""Ranges, remedies and the table of layers, on networks built to fail in int8 in a known way."""

import keras
import numpy as np
import pytest
from keras import layers

from converters import remedies
from converters.finetune import Tuning, fine_tune
from converters.graph import Graph
from converters.layers import layer_errors
from converters.quantize import HEADROOM, Source, lighten, quantize
from converters.remedies import Attempt, quantise_well
from edge.contract.cam import dequantise
from edge.contract.card import Parity
from edge.contract.preprocess import CENTRE
from edge.errors import DataError
from edge.inference.engine import Engine
from trainer.metrics import map_correlation
from trainer.networks.rounded_values import with_values_rounded
from trainer.train import predict_maps

SHAPE = (32, 32, 1)
FEATURES = 8


def written(kernel: np.ndarray, head: np.ndarray, activation: str | None) -> keras.Model:
    """3 x 3 features of the image, then a map of one logit per place; kernel (3, 3, 1, 8), head (8)."""
    network = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(FEATURES, 3, padding="same", activation=activation, name="features"),
            layers.Conv2D(1, 1, name="cam"),
        ]
    )
    network.get_layer("features").set_weights([kernel, np.zeros(FEATURES)])
    network.get_layer("cam").set_weights([head.reshape(1, 1, FEATURES, 1), np.zeros(1)])
    return network


def small_features() -> np.ndarray:
    """Kernels that give values of about 1 on the noise."""
    return np.random.default_rng(1).normal(size=(3, 3, 1, FEATURES)) / 64


@pytest.fixture(scope="module")
def flashing(noise) -> tuple[keras.Model, np.ndarray]:
    """One feature answers to a few glaring pixels with thousands, hardly matters, and leaves no levels to the rest."""
    images = noise.copy()
    images[:, :, :, :] = np.minimum(images, 240)
    images[::8, 5, 7] = 255
    kernel, head = small_features(), np.array([1e-4, 1, -1, 1, -1, 1, -1, 1])
    kernel[..., 0] = 0
    kernel[1, 1, 0, 0] = 300
    network = written(kernel, head, "relu")
    network.get_layer("features").set_weights([kernel, np.array([-300.0 * 112, *[0.0] * 7])])
    return network, images


@pytest.fixture
def uneven() -> keras.Model:
    """One feature spans a hundred times what the others do, and all of them matter."""
    kernel, head = small_features(), 0.3 * np.array([0.02, 1, -1, 1, -1, 1, -1, 1])
    kernel[..., 0] = 0
    kernel[1, 1, 0, 0] = 1
    return written(kernel, head, None)


def correlation(model: bytes, wanted: np.ndarray, images: np.ndarray) -> float:
    engine = Engine(model)
    output = engine.output
    maps = [dequantise(engine.invoke(image), output.scale, output.zero_point) for image in images]
    return map_correlation(list(wanted), maps)


def by_correlation(network: keras.Model, images: np.ndarray):
    wanted = predict_maps(network, images)
    return lambda model: Parity(len(images), 1.0, 0.0, 0.0, correlation(model, wanted, images))


def test_a_flash_in_the_calibration_set_is_clipped(flashing):
    network, images = flashing
    compare, told = by_correlation(network, images), []
    found = quantise_well(network, images, compare, told.append)
    assert compare(quantize(Source(network, images))).map_correlation < 0.9
    assert (found.remedy, found.passes) == ("ranges clipped at 99.99 %", True)
    assert [line.split(":")[0] for line in told] == [
        "int8 as it comes",
        *(f"ranges clipped at {each} %" for each in (99.99, 99.9)),
    ]


def test_without_remedies_it_stays_as_it_comes(flashing):
    network, images = flashing
    found = quantise_well(network, images, by_correlation(network, images), lambda _: None, remedies=False)
    assert (found.remedy, found.passes) == ("", False)


@pytest.mark.slow
def test_what_clipping_does_not_cure_is_tuned(uneven, noise, monkeypatch):
    monkeypatch.setattr(remedies, "PERCENTILES", ())
    monkeypatch.setattr(remedies, "TUNING", Tuning(3e-3, steps=150, batch=16))
    learned, unseen = noise[:48], noise[48:]
    wanted, before = predict_maps(uneven, unseen), uneven.get_weights()
    compare = by_correlation(uneven, unseen)
    found = quantise_well(uneven, learned, compare, lambda _: None)
    assert compare(quantize(Source(written(before[0], before[2].ravel(), None), learned))).map_correlation < 0.975
    assert (found.remedy, found.passes) == ("fine-tuned", True)
    assert map_correlation(list(wanted), list(predict_maps(uneven, unseen))) > 0.98, "float says the same as before"


def test_tuning_leaves_the_statistics_of_batch_normalisation_alone_and_takes_nested_networks(noise):
    inner = keras.Sequential(
        [keras.Input((32, 32, 4)), layers.DepthwiseConv2D(3, padding="same"), layers.BatchNormalization(),
         layers.ReLU(6.0)]
    )  # fmt: skip
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    x = layers.Add()([x, inner(x)])
    network = keras.Model(inputs, layers.Conv2D(1, 1)(layers.Dropout(0.5)(x)))
    before = [weight.numpy() for weight in network.weights]
    fine_tune(network, noise[:8], 99.99, Tuning(1e-3, steps=3, batch=4))
    changed = [not np.array_equal(a, b.numpy()) for a, b in zip(before, network.weights, strict=True)]
    fixed = {id(weight) for weight in network.non_trainable_weights}
    assert changed == [id(weight) not in fixed for weight in network.weights]
    assert len(network.layers) == 6, "the network keeps its form"


def parity(equal: float, correlation: float, gap: float = 0.0) -> Parity:
    return Parity(1000, equal, gap, gap, correlation)


@pytest.mark.parametrize(
    ("found", "remedy", "tuned_at"),
    [
        ([(0.99, 0.98)], "", []),
        ([(0.98, 0.99, 0.2), (0.99, 0.98, 0.1), (1, 1, 0.3)], "ranges clipped at 99.99 %", []),
        ([(0.97, 0.99, 0.1), (0.99, 0.98, 0.2), (0.9, 1, 0.3)], "", []),
        ([(1, 0.9), (1, 0.97), (1, 0.98, 0.5)], "ranges clipped at 99.9 %", []),
        ([(1, 0.9, 0.3), (1, 0.91, 0.1), (1, 0.5, 0.2), (1, 0.99, 0.4)], "fine-tuned", [99.99]),
        ([(0.9, 1, g) for g in (0.3, 0.2, 0.1, 0.05)], "fine-tuned", [99.9]),
        ([(0.9, 1, g) for g in (0.3, 0.2, 0.1, 0.4)], "ranges clipped at 99.9 %", [99.9]),
        ([(0.9, 1, g) for g in (0.1, 0.1, 0.2, 0.2)], "", [100.0]),
    ],
)
def test_as_it_comes_where_that_passes_or_else_the_closest(monkeypatch, found, remedy, tuned_at):
    tuned = []
    monkeypatch.setattr(remedies, "Source", lambda *_: type("Source", (), {"model": b"float"})())
    monkeypatch.setattr(remedies, "quantize", lambda _source, percentile: b"%g" % percentile)
    monkeypatch.setattr(remedies, "equalise", lambda *_: 0)
    monkeypatch.setattr(remedies, "round_with_care", lambda *_: 0)
    monkeypatch.setattr(remedies, "fine_tune", lambda _n, _c, percentile, _t: tuned.append(percentile))
    coming = iter([parity(*each) for each in found])
    best = quantise_well(None, None, lambda _model: next(coming), lambda _: None)
    assert best.remedy == remedy
    assert next(coming, None) is None, "no more than needed"
    assert tuned == tuned_at, "only where all are far off, for the ranges that served best"


@pytest.mark.parametrize(
    ("images", "differ", "passes"), [(17, 1, True), (17, 2, False), (216, 2, True), (216, 3, False)]
)
def test_of_a_few_images_one_may_be_judged_otherwise(images, differ, passes):
    found = Parity(images, 1 - differ / images, 0.0, 0.0, 1.0)
    assert Attempt("", 100.0, b"", b"", found).passes is passes


def residual() -> keras.Model:
    """A sum whose one side is small, beside one that is large."""
    inputs = keras.Input(SHAPE)
    large = layers.Conv2D(4, 1, use_bias=False, name="large")(inputs)
    small = layers.Conv2D(4, 1, use_bias=False, name="small")(inputs)
    network = keras.Model(inputs, layers.Conv2D(1, 1)(layers.Add()([small, large])))
    network.get_layer("large").set_weights([np.full((1, 1, 1, 4), 1.0)])
    network.get_layer("small").set_weights([np.full((1, 1, 1, 4), 0.01)])
    return network


@pytest.fixture(scope="module")
def summed(noise) -> tuple[keras.Model, Source]:
    network = residual()
    return network, Source(network, noise)


def test_the_range_of_a_summand_is_its_own_and_not_the_sums(summed):
    """TensorFlow 2.21 takes the sum's, where ADD writes over its input."""
    graph = Graph(quantize(summed[1]))
    scales = {graph.name(index): graph.tensors[index].quantization.scale[0] for index in graph.activations()}
    (small,) = [scale for name, scale in scales.items() if "small" in name]
    (large,) = [scale for name, scale in scales.items() if "large" in name]
    assert large / small == pytest.approx(100, rel=0.02)


def test_the_ends_are_exact_whatever_the_images_hold(noise):
    dull = np.clip(noise, 120, 131)
    source = Source(residual(), dull)
    low, high = source.seen[Graph(source.model).output].range(100)
    for model in (quantize(source), quantize(source, 99.9)):
        engine = Engine(model)
        assert (engine.input.dtype, engine.input.scale, engine.input.zero_point) == ("uint8", 1.0, CENTRE)
        assert engine.output.dtype == "int8"
        assert engine.output.scale == pytest.approx((1 + HEADROOM) * (high - low) / 255, rel=1e-3)


@pytest.mark.parametrize("kind", ["float16", "dynamic"])
def test_a_float_format_has_the_ends_of_int8_and_says_what_float_says(kind, summed, noise):
    network, source = summed
    model = lighten(network, source, kind)
    engine = Engine(model)
    assert (engine.input.shape, engine.input.dtype) == ((1, *SHAPE), "uint8")
    assert (engine.input.scale, engine.input.zero_point, engine.output.dtype) == (1.0, CENTRE, "int8")
    wanted = predict_maps(network, noise)
    maps = [dequantise(engine.invoke(image), engine.output.scale, engine.output.zero_point) for image in noise]
    assert np.abs(np.stack(maps) - wanted).max() <= 0.6 * engine.output.scale
    inside = {Graph(model).type(index) for index in Graph(model).activations()}
    assert inside == {"uint8", "float32", "int8"}


def test_the_layers_that_lose_most_come_first(flashing):
    network, images = flashing
    source = Source(network, images)
    rows = layer_errors(source.model, quantize(source), images)
    assert [row.operator for row in rows] == ["CONV_2D", "CONV_2D"]
    by_shape = {row.shape[-1]: row for row in rows}
    features, cam = by_shape[FEATURES], by_shape[1]
    assert rows[0].snr_db <= rows[1].snr_db
    assert cam.snr_db < 10, "the map is lost"
    assert cam.own_snr_db > 25, "and its own range is not to blame"
    assert features.clipped == 0
    assert features.rmse_units < 0.5, "rounding alone, so its scale is what hurts"
    clipped = {row.shape[-1]: row for row in layer_errors(source.model, quantize(source, 99.99), images)}
    assert clipped[1].snr_db > cam.snr_db + 10
    assert clipped[FEATURES].clipped > 0


def test_what_tensorflow_lite_has_no_operator_for_is_named_in_one_line(noise):
    inputs = keras.Input(SHAPE)
    network = keras.Model(inputs, layers.Conv2D(1, 1)(keras.ops.erfinv(inputs)))
    with pytest.raises(DataError, match="it has no operator for Erfinv") as caught:
        Source(network, noise[:2])
    assert "\n" not in str(caught.value)


def test_values_that_are_no_numbers_are_said(noise):
    network = residual()
    network.get_layer("small").set_weights([np.full((1, 1, 1, 4), np.nan)])
    with pytest.raises(DataError, match="not numbers"):
        Source(network, noise[:2])


def test_a_network_that_stood_still_but_for_its_head_can_be_tuned(noise):
    inputs = keras.Input(SHAPE)
    still = layers.Conv2D(4, 3, activation="relu", name="still")
    plain = keras.Model(inputs, layers.Conv2D(1, 1, name="cam")(still(inputs)))
    still.trainable = False
    network = with_values_rounded(plain, "cam", noise[:8])
    before = predict_maps(network, noise[:8])
    fine_tune(network, noise[:8], 100.0, Tuning(1e-4, steps=2, batch=4))
    np.testing.assert_allclose(predict_maps(network, noise[:8]), before, atol=0.1 * np.ptp(before))
