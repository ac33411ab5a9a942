"""Networks by name: what each takes and gives, where its weights come from, and which of them learn."""

import subprocess
import sys
import urllib.error
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from edge.contract.cam import Pooling, pool
from edge.contract.preprocess import CENTRE, centred
from edge.errors import UsageError
from trainer.augment import NONE
from trainer.batches import Batches, Part
from trainer.feature_batches import FeatureBatches
from trainer.networks import NAMES, Choice, Tuning, build, read_choice, read_tuning, recommended
from trainer.networks import network as module
from trainer.networks.backbones import BACKBONES, _entered, bare_backbone
from trainer.networks.layers import ADAPT, CAM
from trainer.networks.lite import efficientnet_lite0
from trainer.networks.network import Network, assemble, cached_features, int8_concerns
from trainer.networks.registry import ENTRIES
from trainer.plan import Plan, settings_of
from trainer.run import read_run

SMALL = (32, 40, 1)
EVERY = [
    pytest.param(name, options, id=",".join([name, *(f"{key}={value}" for key, value in options.items())]))
    for name in NAMES
    for options in ([{"stride": 8}, {"stride": 16}] if ENTRIES[name].backbone else [{}])
]
BUILDERS = {"mobilenetv2": "mobilenet_v2", "resnet50": "resnet", "vgg16": "vgg16", "inceptionv3": "inception_v3"}
"""The module of `keras.applications` whose `preprocess_input` a backbone's weights were made with."""


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


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """A network of each kind of layer that tuning and weights meet: built once, since Keras takes its time."""
    model = build("plain-dropout", SMALL, 2)
    shake(model)
    return model


@pytest.fixture(scope="module")
def saved(small, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "model.keras"
    small.save(file)
    small.save_weights(file.with_name("model.weights.h5"))
    return file


# ---- names and options


def test_looking_at_the_list_needs_no_keras():
    code = "import sys, trainer.networks; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("house-x", "house-x: there is none of this name; did you mean house-"),
        ("", "there is none of this name"),
        ("house-m,alpha=1", "takes no option 'alpha'; its options are none"),
        ("mobilenetv2,width=1", "takes no option 'width'; its options are stride, alpha"),
        ("mobilenetv2,alpha=0.36", "alpha is 0.36, but may be 0.35, 0.5, 0.75, 1.0, 1.3, 1.4"),
        ("mobilenetv2,alpha=nan", "alpha is nan"),
        ("mobilenetv2,stride=8.0", "stride is 8.0, but may be 8, 16"),
        ("mobilenetv2,stride", "'stride' is no new option; write NAME,OPTION=VALUE"),
        ("mobilenetv2,stride=8,stride=16", "'stride=16' is no new option"),
    ],
)
def test_a_wrong_choice_says_what_there_is(text, complaint):
    with pytest.raises(UsageError, match=r"^--network ") as raised:
        read_choice(text)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


@given(st.sampled_from(NAMES), st.data())
def test_a_choice_is_read_as_it_is_written(name, data):
    options = {key: data.draw(st.sampled_from(values)) for key, values in ENTRIES[name].options.items()}
    text = ", ".join([name, *(f"{key}={value}" for key, value in options.items())])
    assert read_choice(text) == Choice(name, options)


@pytest.mark.parametrize("text", ["", "froze", "frozen:layer", "fine-tune:", "frozen-cached:", "fine tune"])
def test_a_wrong_way_of_tuning(text):
    with pytest.raises(UsageError, match=f"^--tuning {text}: is none of frozen-cached, frozen, fine-tune"):
        read_tuning(text)


def test_ways_of_tuning():
    assert read_tuning("frozen-cached") == Tuning("frozen-cached")
    assert read_tuning("fine-tune") == Tuning()
    assert read_tuning("fine-tune:block_3:x") == Tuning("fine-tune", "block_3:x")


def test_each_has_settings_that_a_plan_can_take():
    for name in NAMES:
        assert 32 <= recommended(name).size <= 1024
        Plan(**settings_of(recommended(name).changes()))
    default = read_choice("efficientnet-lite0", "start")
    assert default.plan_changes() == {}, "the plan's own settings are for the network that is the default"
    assert default.tuning == Tuning("fine-tune", "block4a_expand_conv")
    regression = Plan(**settings_of(recommended("plain-regression").changes()))
    assert (regression.loss, regression.optimiser, regression.pooling.kind) == ("mae", "rmsprop", "average")
    assert recommended("plain-regression").size == 325


def test_what_has_learned_before_learns_slowly():
    tuned, frozen = (
        read_choice("vgg16", "imagenet", way).plan_changes() for way in ("fine-tune:block3_conv1", "frozen")
    )
    assert tuned["learning_rate"] < Plan().learning_rate / 2
    assert "learning_rate" not in frozen
    assert read_choice("vgg16").plan_changes() == {}
    assert read_choice("efficientnet-lite0").tuning == Tuning(), "drawn at random, all of it must learn"


@pytest.mark.parametrize(("shape", "classes"), [((32, 32, 2), 1), ((32, 32), 1), ((0, 32, 1), 1), ((32, 32, 1), 0)])
def test_a_shape_no_image_has(shape, classes):
    with pytest.raises(UsageError, match="house-s: takes"):
        build("house-s", shape, classes)


# ---- what is built


def assert_is_network(model: keras.Model, shape: tuple[int, int, int], classes: int, stride: int) -> None:
    rows, columns = (-(-length // stride) for length in shape[:2])
    assert model.input_shape == (None, *shape)
    assert model.output_shape == (None, rows, columns, classes)
    head = model.layers[-1]
    assert (head.name, type(head), head.kernel_size) == (CAM, layers.Conv2D, (1, 1))
    assert head.activation is keras.activations.linear, "logits"
    kinds = {type(layer).__name__ for layer in model.layers}
    assert not kinds & {"Dense", "Flatten", "Lambda"}, "fully convolutional, and loadable by anybody"


def test_a_small_one_of_each_own_kind(small):
    assert_is_network(small, SMALL, 2, 8)
    assert_is_network(build("house-s", (33, 40, 3), 3), (33, 40, 3), 3, 8)


def test_what_the_regression_network_is_made_of():
    model = build("plain-regression", (325, 325, 3))
    assert_is_network(model, (325, 325, 3), 1, 8)
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D) and layer.name != ADAPT]
    made = [(layer.filters, layer.kernel_size[0], layer.activation.__name__) for layer in convolutions]
    assert made == [(5, 3, "relu")] * 3 + [(100, 1, "relu"), (30, 1, "relu"), (20, 1, "relu"), (1, 1, "linear")]
    assert sum(isinstance(layer, layers.MaxPooling2D) for layer in model.layers) == 3


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_backbone_gets_what_its_weights_were_made_with(name, channels):
    bytes_ = images(1, (4, 5, channels))
    inputs = keras.Input((4, 5, channels))
    got = keras.Model(inputs, _entered(inputs, BACKBONES[name].entrance)).predict_on_batch(centred(bytes_))
    rgb = np.repeat(bytes_, 3, -1) if channels == 1 else bytes_[..., ::-1]
    wanted = getattr(keras.applications, BUILDERS[name]).preprocess_input(rgb.astype(np.float32))
    np.testing.assert_allclose(got, wanted, atol=2e-5)


def test_efficientnetb0_gets_what_its_own_first_layers_would_have_made():
    entrance, byte = BACKBONES["efficientnetb0"].entrance, np.array([0.0, 128.0, 255.0])[:, None]
    inside = (byte * entrance.scale + entrance.offset) / 255
    np.testing.assert_allclose(inside, (byte / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], atol=1e-12)


def test_swish_and_gates_are_a_concern_for_int8(small):
    inputs = keras.Input((8, 8, 4))
    x = layers.Activation("swish")(inputs)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    swishing = keras.Model(inputs, layers.Multiply()([x, layers.Conv2D(4, 1, activation="sigmoid")(gate)]), name="b0")
    concerns = int8_concerns(swishing)
    assert [concern.split(" of b0")[0] for concern in concerns] == ["1 layers", "1 layers"]
    assert "swish" in concerns[0]
    assert "squeeze-and-excite" in concerns[1]
    assert int8_concerns(small) == []


# ---- where weights come from


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_weights_of_an_earlier_network(small, saved, suffix):
    found = assemble("plain-dropout", SMALL, 2, weights=str(saved.with_name(f"model{suffix}"))).model
    inputs = centred(images(2, SMALL))
    np.testing.assert_array_equal(found.predict_on_batch(inputs), small.predict_on_batch(inputs))


def test_weights_go_on_to_another_size_and_number_of_classes(small, saved):
    found = assemble("plain-dropout", (64, 48, 1), 1, weights=str(saved)).model
    pairs = zip(found.layers[:-1], small.layers[:-1], strict=True)
    assert all(
        np.array_equal(a, b) for new, old in pairs for a, b in zip(new.get_weights(), old.get_weights(), strict=True)
    )
    assert found.output_shape == (None, 8, 6, 1)


def spoiled(file: Path, tmp_path: Path) -> Path:
    """The same file with one byte of its weights changed."""
    data = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        data[archive.getinfo("model.weights.h5").header_offset + 5000] ^= 0xFF
    (tmp_path / file.name).write_bytes(data)
    return tmp_path / file.name


def cut_short(file: Path, tmp_path: Path) -> Path:
    (tmp_path / file.name).write_bytes(file.read_bytes()[:5000])
    return tmp_path / file.name


@pytest.mark.parametrize("harm", [spoiled, cut_short])
def test_a_damaged_network(saved, tmp_path, harm):
    file = harm(saved, tmp_path)
    with pytest.raises(UsageError, match="is no network that can be read") as raised:
        assemble("plain-dropout", SMALL, 2, weights=str(file))
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x89HDF\r\n\x1a\n" + bytes(99)])
@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_a_file_that_holds_no_weights(small, tmp_path, monkeypatch, content, suffix):
    monkeypatch.setattr(module, "build", lambda *_args, **_options: keras.models.clone_model(small))
    file = tmp_path / f"weights{suffix}"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="are no weights of plain-dropout") as raised:
        assemble("plain-dropout", SMALL, 2, weights=str(file))
    assert "\n" not in str(raised.value)


def test_weights_of_another_network(saved):
    for file in (saved, saved.with_name("model.weights.h5")):
        with pytest.raises(UsageError, match=r"weights of plain-regression|another network than plain-regression"):
            assemble("plain-regression", SMALL, 2, weights=str(file))


def test_weights_that_leave_a_layer_out(small, saved, tmp_path):
    """Keras leaves what it does not find as it was drawn, and only warns."""
    import h5py

    file = tmp_path / "some.weights.h5"
    file.write_bytes(saved.with_name("model.weights.h5").read_bytes())
    with h5py.File(file, "a") as archive:
        del archive["layers/conv2d/vars"]
    with pytest.raises(UsageError, match="are no weights of plain-dropout"):
        assemble("plain-dropout", SMALL, 2, weights=str(file))


def test_weights_that_are_not_there():
    with pytest.raises(UsageError, match="is neither none, start, imagenet, nor a file"):
        assemble("plain", SMALL, weights="nowhere.keras")


@pytest.mark.parametrize("name", ["plain", "efficientnet-lite0"])
def test_imagenet_weights_that_nobody_has_published(name):
    with pytest.raises(UsageError, match=f"there are none for {name}; there are for mobilenetv2, efficientnetb0"):
        module.start(keras.Model, name, "imagenet")


def test_imagenet_weights_without_a_network(monkeypatch):
    def whole(weights, **_given):
        assert weights == "imagenet"
        raise Exception("URL fetch failure on https://host/w_notop.h5: None -- Name or service not known\nmore")

    monkeypatch.setattr(keras.applications, "VGG16", whole)
    with pytest.raises(UsageError, match=r"https://host/w_notop\.h5.*known; download that file.*--weights FILE$"):
        module.start(keras.Model, "vgg16", "imagenet")


# ---- which of them learn


@pytest.mark.parametrize("tuning", ["frozen", "frozen-cached", "fine-tune:cam"])
def test_with_random_weights_everything_must_learn(tuning):
    with pytest.raises(
        UsageError, match=f"^--tuning {tuning}: plain starts with random weights, so all of it must learn"
    ):
        assemble("plain", SMALL, tuning=read_tuning(tuning))


def test_a_layer_to_tune_from_that_is_not_there(saved):
    with pytest.raises(UsageError, match=r"fine-tune:convl: plain has no such layer; it has .*conv1"):
        assemble("plain-dropout", SMALL, 2, weights=str(saved), tuning=read_tuning("fine-tune:convl"))


def test_frozen_moves_the_head_alone_and_the_halves_are_the_whole(saved):
    network = assemble("plain-dropout", SMALL, 2, weights=str(saved), tuning=Tuning("frozen"))
    inputs = images(4, SMALL)
    before, after = two_steps(network, inputs)
    assert moved(network, before, after) == {CAM}
    assert network.trainable_from == "cam_dropout"
    halves = network.head.predict_on_batch(network.features.predict_on_batch(centred(inputs)))
    np.testing.assert_allclose(halves, network.model.predict_on_batch(centred(inputs)), rtol=1e-5, atol=1e-6)


def test_cached_features_train_the_whole_network(saved):
    network = assemble("plain-dropout", SMALL, 2, weights=str(saved), tuning=Tuning("frozen-cached"))
    inputs, seen = images(5, SMALL), []
    features = cached_features(network, inputs, lambda done, total: seen.append((done, total)), batch=2)
    assert features.shape == (5, 4, 5, 64)
    assert features.dtype == np.float16
    assert seen == [(2, 5), (4, 5), (5, 5)]
    maps = network.model.predict_on_batch(centred(inputs))
    np.testing.assert_allclose(network.head.predict_on_batch(features.astype(np.float32)), maps, rtol=5e-3, atol=5e-3)
    network.head.compile("sgd", "mse", jit_compile=False)
    network.head.train_on_batch(features.astype(np.float32), np.ones_like(maps))
    assert np.abs(network.model.predict_on_batch(centred(inputs)) - maps).max() > 1e-4, "one and the same head"


def test_features_too_many_for_memory(saved, monkeypatch):
    network = assemble("plain-dropout", SMALL, 2, weights=str(saved), tuning=Tuning("frozen-cached"))
    monkeypatch.setattr(module, "CACHE_BYTES", 2 * 4 * 5 * 64 * 3)
    assert len(cached_features(network, images(3, SMALL))) == 3
    with pytest.raises(UsageError, match="--tuning frozen-cached: the features of 4 images take"):
        cached_features(network, images(4, SMALL))


def test_fine_tuning_from_a_layer(saved):
    later = assemble("plain-dropout", SMALL, 2, weights=str(saved), tuning=Tuning("fine-tune", "conv3"))
    before, after = two_steps(later, images(4, SMALL))
    assert moved(later, before, after) == {"conv3", "units1", CAM}


def test_features_come_in_the_order_that_images_would():
    rng, plan = np.random.default_rng(0), Plan(batch=4, recipe=NONE)
    mask = np.zeros((32, 40), np.uint8)
    mask[:8, :8] = 255
    part = Part(images(7, SMALL), np.arange(7) > 4, [None] * 5 + [mask] * 2)
    features = Part(rng.normal(size=(7, 4, 5, 3)).astype(np.float16), part.truth, part.masks)
    features.inputs[:, 0, 0, 0] = np.arange(7)
    for step in range(5):
        shown, told = FeatureBatches(features, plan).batch(step)
        pictures, wanted = Batches(part, (4, 5), plan).batch(step)
        chosen = shown[:, 0, 0, 0].astype(int)
        np.testing.assert_array_equal(pictures, centred(part.inputs[chosen]))
        np.testing.assert_array_equal(shown, features.inputs[chosen].astype(np.float32))
        np.testing.assert_array_equal(told, wanted)
        assert shown.dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--network", "hous-m"], "--network hous-m: there is none of this name; did you mean house-m?"),
        (["--network", "vgg16,alpha=1"], "takes no option 'alpha'"),
        (["--tuning", "thawed"], "--tuning thawed: is none of"),
        (["--tuning", "frozen", "--weights", "none"], "--tuning frozen: efficientnet-lite0 starts with random weights"),
        (["--weights", "nowhere.h5"], "--weights nowhere.h5: is neither none, start, imagenet, nor a file"),
    ],
)
def test_train_with_a_wrong_choice(photos, okng, tmp_path, arguments, complaint):
    done = okng("train", photos, "--out", tmp_path / "run", "--size", 32, "--steps", 1, *arguments)
    assert done.status == 2
    assert complaint in done.err.strip().splitlines()[-1]
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["frozen-cached", "frozen", "fine-tune"])
def test_train_goes_on_from_an_earlier_run(tiny_run, okng, tmp_path, tuning):
    start = tiny_run.run / "model.keras"
    done = okng("train", tiny_run.parts, "--out", tmp_path / "run", "--size", 64, "--steps", 3, "--weights", start,
                "--tuning", tuning, "--json")  # fmt: skip
    assert done.status == 0, done.err
    record = read_run(tmp_path / "run").record
    assert record.training["network"] == {"name": "house-m", "start": "model.keras", "tuning": tuning}
    before, after = (read_run(path).model() for path in (tiny_run.run, tmp_path / "run"))
    pairs = zip(before.layers, after.layers, strict=True)
    changed = [old.name for old, new in pairs if any(
        not np.array_equal(a, b) for a, b in zip(old.get_weights(), new.get_weights(), strict=True))]  # fmt: skip
    assert (changed == [CAM]) == (tuning != "fine-tune")
    assert CAM in changed
    assert okng("convert", tmp_path / "run", "--out", tmp_path / "bundle", "--json").status == 0


# ---- all of them


@pytest.fixture(scope="module")
def backbone_file(tmp_path_factory) -> Callable[[str], Path]:
    """Weights of a backbone in a file, as `keras.applications` publishes them: drawn at random here."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            bare = bare_backbone(name, None)
            shake(bare)
            made[name] = tmp_path_factory.mktemp("backbone") / f"{name}.weights.h5"
            bare.save_weights(made[name])
        return made[name]

    return make


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), EVERY)
def test_every_network_builds_learns_and_converts(name, options):
    from converters.quantize import Source, quantize
    from edge.contract.cam import dequantise
    from edge.inference.engine import Engine

    shape = (96, 128, 3 if options.get("stride") == 16 else 1)
    keras.utils.set_random_seed(1)
    network = assemble(name, shape, 2, **options)
    assert_is_network(network.model, shape, 2, options.get("stride", 32 if name == "gap" else 8))
    inputs = images(6, shape)
    before, after = two_steps(network, inputs)
    found = moved(network, before, after)
    assert found >= {layer.name for layer in network.model.layers if layer.trainable_weights}
    assert ADAPT not in found, "preprocessing never learns"
    engine = Engine(quantize(Source(network.model, inputs)))
    assert engine.output.dtype == "int8"
    assert engine.output.shape == (1, *network.model.output_shape[1:])
    assert (engine.input.scale, engine.input.zero_point) == (1.0, CENTRE)
    maps = network.model.predict_on_batch(centred(inputs))
    units = np.stack([engine.invoke(image) for image in inputs])
    found = dequantise(units, engine.output.scale, engine.output.zero_point)
    assert np.abs(found - maps).max() < 0.5 * np.ptp(maps), "int8 says what float says"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), EVERY)
def test_every_map_lies_over_its_image(name, options):
    """What changes the image here changes the map here, within one cell."""
    shape = (128, 160, 1)
    keras.utils.set_random_seed(0)
    model = build(name, shape, **options)
    rng = np.random.default_rng(0)
    for y, x in ((44, 60), (76, 116)):
        plain = rng.normal(0, 32, (8, *shape)).astype(np.float32)
        marked = plain.copy()
        marked[:, y - 4 : y + 4, x - 4 : x + 4] += 60
        change = np.abs(model.predict_on_batch(marked) - model.predict_on_batch(plain)).sum(axis=(0, 3))
        stride = shape[0] / change.shape[0]
        change /= change.sum()
        row, column = (change.sum(1) * np.arange(len(change))).sum(), (change.sum(0) * np.arange(change.shape[1])).sum()
        assert abs((row + 0.5) * stride - y) < stride
        assert abs((column + 0.5) * stride - x) < stride


@pytest.mark.slow
@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_takes_its_weights_from_a_file(name, stride, backbone_file):
    """The features are those of the published network at that layer, for an image of its own kind."""
    network = assemble(name, (96, 96, 3), weights=str(backbone_file(name)), tuning=Tuning("frozen"), stride=stride)
    entered = keras.Model(network.model.input, network.model.get_layer(ADAPT).output)
    whole = BACKBONES[name].whole(None, input_shape=entered.output_shape[1:])
    whole.load_weights(backbone_file(name))
    published = keras.Model(whole.input, whole.get_layer(BACKBONES[name].cuts[stride]).output)
    inputs = centred(images(2, (96, 96, 3)))
    wanted = published.predict_on_batch(entered.predict_on_batch(inputs))
    assert np.ptp(wanted) > 0
    np.testing.assert_allclose(network.features.predict_on_batch(inputs), wanted, rtol=1e-4, atol=1e-4 * np.ptp(wanted))
    before, after = two_steps(network, images(4, (96, 96, 3)))
    assert moved(network, before, after) == {CAM}, "batch normalisation stands still too"


@pytest.mark.slow
def test_from_a_layer_on_everything_learns_and_nothing_before_it(backbone_file):
    tuning = Tuning("fine-tune", "block_5_expand")
    network = assemble("mobilenetv2", (64, 64, 1), weights=str(backbone_file("mobilenetv2")), tuning=tuning)
    before, after = two_steps(network, images(4, (64, 64, 1)))
    found = moved(network, before, after)
    convolutions = {"block_5_expand", "block_5_depthwise", "block_5_project", "block_6_expand"}
    assert found == convolutions | {f"{name}_BN" for name in convolutions} | {CAM}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["mobilenetv2,alpha=0.35", "resnet50"])
def test_weights_of_another_backbone(backbone_file, wrong):
    name, options = read_choice(wrong).name, read_choice(wrong).options
    with pytest.raises(UsageError, match=f"are no weights of {name}") as raised:
        assemble(name, (64, 64, 1), weights=str(backbone_file("mobilenetv2")), **options)
    assert len(str(raised.value)) < 400


@pytest.mark.slow
def test_imagenet_weights_where_nothing_can_be_reached(monkeypatch, tmp_path, capsys):
    """Keras's own download, up to the socket."""

    def unreachable(*_args, **_given):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    with pytest.raises(UsageError, match=r"cannot be downloaded: .*mobilenet_v2_weights.*_no_top\.h5.*--weights FILE$"):
        assemble("mobilenetv2", (96, 96, 1), weights="imagenet")
    said = capsys.readouterr()
    assert (said.out, "Downloading" in said.err) == ("", True), "--json prints nothing but JSON"


@pytest.mark.slow
def test_lite0_is_the_published_one_by_its_number_of_weights():
    """4,652,008 with its classifier of 1000 classes: tf_efficientnet_lite0 of huggingface/pytorch-image-models."""
    features = efficientnet_lite0(keras.Input((224, 224, 3)))
    classifier = 1280 * 1000 + 1000
    assert sum(int(np.prod(w.shape)) for w in features.trainable_weights) + classifier == 4_652_008
    assert features.output_shape == (None, 7, 7, 1280)


@pytest.mark.slow
def test_too_small_for_a_backbone():
    with pytest.raises(UsageError, match="inceptionv3: does not take 32 x 32 pixels"):
        build("inceptionv3", (32, 32, 1))
