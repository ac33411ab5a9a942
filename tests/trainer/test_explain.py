"""Grad-CAM and its kin against their formulas, and the board's map against Grad-CAM."""

import cv2
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import layers

from edge.contract.bundle import read_bundle
from edge.contract.cam import Classes, Pooling, dequantise, pool
from edge.contract.images import read_image
from edge.contract.preprocess import PreprocessSpec, Region, centred, preprocess
from edge.contract.types import Frame
from edge.errors import UsageError
from edge.inference.judge import Judge
from trainer.dataset import read_samples
from trainer.explain import METHODS, explain, grad_cam, grad_cam_plus_plus, layer_cam, shown
from trainer.run import read_run

AVERAGE = Pooling("average")
SUMS_TO_ONE = [AVERAGE, Pooling("topk", share=0.1), Pooling("lse", sharpness=2.0)]
values = st.floats(-4, 4, width=32).filter(lambda value: value == 0 or abs(value) > 1e-3)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Two classes, a short cut around a layer, and one layer that leads nowhere."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 24, 1), name="input")
    x = layers.Conv2D(4, 3, 2, padding="same", activation="relu", name="first")(inputs)
    x = layers.Add(name="sum")([x, layers.Conv2D(4, 3, padding="same", name="second")(x)])
    x = layers.Dropout(0.5)(layers.ReLU(name="last")(x))
    model = keras.Model(inputs, layers.Conv2D(2, 1, bias_initializer="ones", name="cam")(x), name="little")
    model.trainable = False
    return model


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 32, (3, 16, 24, 1)).astype(np.float32)


def by_loops(method: str, features: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """The papers' sums, one term at a time, of one image (rows, columns, channels)."""
    rows, columns, channels = features.shape
    found = np.zeros((rows, columns))
    for k in range(channels):
        a, g = features[..., k].astype(float), gradients[..., k].astype(float)
        weight = np.zeros((rows, columns))
        if method == "grad-cam":
            weight[:] = g.sum() / (rows * columns)
        elif method == "layer-cam":
            weight = np.maximum(g, 0)
        else:
            for i in range(rows):
                for j in range(columns):
                    below = 2 * g[i, j] ** 2 + a.sum() * g[i, j] ** 3
                    if g[i, j] > 0 and below != 0:
                        weight += g[i, j] ** 2 / below * g[i, j]
        found += weight * a
    return found


@given(arrays(np.float32, (2, 3, 2), elements=values), arrays(np.float32, (2, 3, 2), elements=values))
def test_the_methods_are_their_formulas(features, gradients):
    sums = features.sum(axis=(0, 1))
    below = 2 * gradients.astype(float) ** 2 + sums * gradients.astype(float) ** 3
    near_pole = (np.abs(below) < 1e-3 * gradients.astype(float) ** 2).any()
    for name, method in METHODS.items():
        if name == "grad-cam++" and near_pole:
            continue  # both sides divide by next to nothing
        found = method(features[None], gradients[None])[0]
        np.testing.assert_allclose(found, by_loops(name, features, gradients), rtol=1e-2, atol=1e-3)


def test_methods_by_hand():
    features = np.array([[[[1.0], [3.0]]]])
    gradients = np.array([[[[2.0], [-1.0]]]])
    np.testing.assert_allclose(grad_cam(features, gradients), [[[0.5, 1.5]]])
    np.testing.assert_allclose(layer_cam(features, gradients), [[[2.0, 0.0]]])
    alpha = 2.0**2 / (2 * 2.0**2 + 4 * 2.0**3)
    np.testing.assert_allclose(grad_cam_plus_plus(features, gradients), [[[alpha * 2 * 1, alpha * 2 * 3]]])
    assert not grad_cam_plus_plus(features, np.zeros_like(gradients)).any(), "no gradient, no division by zero"


@pytest.mark.parametrize("pooling", SUMS_TO_ONE, ids=lambda pooling: pooling.kind)
@pytest.mark.parametrize("layer", [None, "last"])
@pytest.mark.parametrize("which", [0, 1])
def test_grad_cam_before_the_head_is_the_map(model, inputs, pooling, layer, which):
    maps = model.predict_on_batch(inputs)[..., which]
    places = maps[0].size
    found = explain(model, inputs, "grad-cam", layer, pooling, which, rectify=False)
    assert found.layer == "last"
    bias = model.get_layer("cam").bias.numpy()[which]
    np.testing.assert_allclose(found.maps * places + bias, maps, rtol=1e-4, atol=1e-4 * np.ptp(maps))
    rectified = explain(model, inputs, "grad-cam", layer, pooling, which)
    np.testing.assert_array_equal(rectified.maps, np.maximum(found.maps, 0))


def test_a_kind_is_explained_against_the_other_side(model, inputs):
    """With one kind each, ng against ok is what the score is made of, and ok against ng its opposite."""
    pair = Classes(ok=("ok",), ng=("ng",))
    ok, ng, score = (
        explain(model, inputs, pooling=AVERAGE, class_index=which, rectify=False, classes=pair).maps
        for which in (0, 1, None)
    )
    maps = model.predict_on_batch(inputs)
    np.testing.assert_allclose(ng * maps[0, ..., 0].size, maps[..., 1] - maps[..., 0], rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(ng, score, atol=1e-6)
    np.testing.assert_allclose(ok, -ng, atol=1e-6)


def test_gradients_go_through_branches(model, inputs):
    """Against finite differences, at a layer that a short cut goes around."""
    at = (0, 3, 5, 2)
    first, rest = _halves(model, "first")
    features = first.predict_on_batch(inputs).astype(np.float64)
    step = 1e-2
    ends = []
    for sign in (1, -1):
        moved = features.copy()
        moved[at] += sign * step
        ends.append(rest.predict_on_batch(moved.astype(np.float32))[0, ..., 0].mean())
    slope = (ends[0] - ends[1]) / (2 * step)
    found = explain(model, inputs, "layer-cam", "first", AVERAGE)
    assert found.maps.shape == (3, 8, 12)
    from trainer.explain import _look

    _, gradients = _look(model, model.get_layer("first"), inputs, lambda maps: pool(maps, AVERAGE, keras.ops)[:, 0])
    assert gradients[at] == pytest.approx(slope, rel=0.05, abs=1e-5)


def _halves(model: keras.Model, layer: str) -> tuple[keras.Model, keras.Model]:
    middle = model.get_layer(layer).output
    return keras.Model(model.input, middle), keras.Model(middle, model.output)


def test_a_classifier_with_dense_layers(inputs):
    given_ = keras.Input((16, 24, 1))
    x = layers.Conv2D(4, 3, 4, activation="relu", name="places")(given_)
    x = layers.Dense(3)(layers.GlobalAveragePooling2D()(x))
    found = explain(keras.Model(given_, x), inputs, "grad-cam++", class_index=2)
    assert (found.layer, found.maps.shape) == ("places", (3, 4, 6))


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"layer": "firts"}, "--layer firts: little has no such layer with places; it has first"),
        ({"method": "score-cam"}, "--method score-cam: is none of grad-cam, grad-cam\\+\\+, layer-cam"),
        ({"class_index": 2}, "class 2: little knows 2, counted from 0"),
        ({"class_index": -1}, "class -1"),
    ],
)
def test_what_cannot_be_explained(model, inputs, wrong, complaint):
    with pytest.raises(UsageError, match=complaint):
        explain(model, inputs, **wrong)


def test_an_output_without_classes(model, inputs):
    x = layers.Flatten()(model.output)
    flat = keras.Model(model.input, layers.Reshape((2, 96))(x))
    with pytest.raises(UsageError, match="neither a map nor one number per class"):
        explain(flat, inputs)


def test_the_overlay_is_hottest_at_the_peak_and_plain_outside_the_region():
    frame = np.full((40, 60), 90, np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[1, 2] = 1e-6
    over = shown(frame, heat, PreprocessSpec(region=Region(0.5, 0, 0.5, 1)))
    assert over.shape == (40, 60, 3)
    assert (over[:, :30] == 90).all()
    assert np.unravel_index(np.abs(over.astype(int) - 90).sum(-1).argmax(), frame.shape) == pytest.approx(
        (15, 48), abs=4
    )
    assert (shown(frame, -heat, PreprocessSpec()) == 90).all(), "nothing speaks for the class"


# ---- the board, and the command


def test_the_boards_map_is_grad_cam_of_the_float_network(tiny_run):
    run, bundle = read_run(tiny_run.run), read_bundle(tiny_run.bundle)
    judge, output, model = Judge(bundle), bundle.card.output, run.model()
    bias = float(model.get_layer("cam").bias.numpy()[0])
    for sample in read_samples(tiny_run.parts)[::10]:
        pixels = read_image(sample.path)
        seen = centred(preprocess(pixels, run.record.preprocess)[None])
        reference = explain(model, seen, pooling=AVERAGE, rectify=False).maps[0]
        exact = model.predict_on_batch(seen)[0, ..., 0]
        np.testing.assert_allclose(reference * reference.size + bias, exact, rtol=1e-4, atol=1e-4 * np.ptp(exact))
        units = judge.judge(Frame(pixels, 0, 0, 0)).map_units
        board = dequantise(units, output.scale, output.zero_point)[..., 0]
        assert np.corrcoef(board.ravel(), reference.ravel())[0, 1] > 0.97
        assert np.abs(board - (reference * reference.size + bias)).max() < 4 * output.scale


@pytest.fixture(scope="module")
def image(tiny_run):
    return next(sample.path for sample in read_samples(tiny_run.parts) if sample.is_ng)


@pytest.mark.parametrize("method", METHODS)
def test_explain_as_its_user_runs_it(tiny_run, image, okng, tmp_path, method):
    out = tmp_path / "overlay.png"
    done = okng("explain", tiny_run.run, image, "--method", method, "--out", out)
    assert done.status == 0, done.err
    assert cv2.imread(str(out)).shape[:2] == read_image(image).shape[:2]
    assert done.out.startswith(f"{out}: {method} of layer ")
    assert list(tmp_path.iterdir()) == [out]


def test_explain_a_layer_as_json(tiny_run, image, okng, tmp_path):
    layer = "block1_activation"
    done = okng("explain", tiny_run.run, image, "--layer", layer, "--out", tmp_path / "a.png", "--json")
    assert done.status == 0, done.err
    found = done.json
    assert found["layer"] == layer
    assert 0 <= found["score"] <= 1
    height, width = read_image(image).shape[:2]
    assert found["peak"] is None or (0 <= found["peak"][0] < width and 0 <= found["peak"][1] < height)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (["--class", "rust"], "tells no such kind; it knows ng"),
        (["--layer", "nothing"], "--layer nothing: house"),
        (["--out", "nowhere/overlay.png"], "cannot be written: No such file or directory"),
        (["--out", "overlay.jpg"], "--out overlay.jpg: give it the ending .png"),
    ],
)
def test_explain_what_cannot_be(tiny_run, image, okng, tmp_path, monkeypatch, wrong, complaint):
    monkeypatch.chdir(tmp_path)
    done = okng("explain", tiny_run.run, image, "--out", "overlay.png", *wrong)
    assert done.status == 2
    assert complaint in done.complaint
    assert list(tmp_path.iterdir()) == []


def test_explain_without_a_run_or_an_image(tiny_run, image, okng, tmp_path):
    for run, subject in ((tmp_path, image), (tiny_run.run, tmp_path / "none.png")):
        done = okng("explain", run, subject, "--out", tmp_path / "a.png")
        assert done.status == 2
        assert str(tmp_path) in done.complaint
