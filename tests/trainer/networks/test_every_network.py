"""Every network, whole: it builds, learns, takes its weights, converts, and its map lies over its image."""

import urllib.error

import keras
import numpy as np
import pytest

from edge.contract.preprocess import CENTRE, centred
from edge.errors import UsageError
from tests.trainer.networks.shared import assert_is_network, images, moved, two_steps
from trainer.networks import NAMES, Tuning, build, read_choice
from trainer.networks.backbones import BACKBONES
from trainer.networks.layers import ADAPT, CAM
from trainer.networks.lite import efficientnet_lite0
from trainer.networks.network import assemble
from trainer.networks.registry import ENTRIES

EVERY = [
    pytest.param(name, options, id=",".join([name, *(f"{key}={value}" for key, value in options.items())]))
    for name in NAMES
    for options in ([{"stride": 8}, {"stride": 16}] if ENTRIES[name].backbone else [{}])
]


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
        change = np.abs(model.predict_on_batch(marked) - model.predict_on_batch(plain)) ** 1.25
        change = change.sum(axis=(0, 3))  # a little more by where it is strong: fields reach beyond the image
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
    network = assemble(name, (96, 96, 3), weights=str(backbone_file(name)), stride=stride)
    entered = keras.Model(network.model.input, network.model.get_layer(ADAPT).output)
    whole = BACKBONES[name].whole(None, input_shape=entered.output_shape[1:])
    whole.load_weights(backbone_file(name))
    published = keras.Model(whole.input, whole.get_layer(BACKBONES[name].cuts[stride]).output)
    inputs = centred(images(2, (96, 96, 3)))
    wanted = published.predict_on_batch(entered.predict_on_batch(inputs))
    assert np.ptp(wanted) > 0
    np.testing.assert_allclose(network.features.predict_on_batch(inputs), wanted, rtol=1e-4, atol=1e-4 * np.ptp(wanted))
    network = assemble(name, (96, 96, 3), weights=str(backbone_file(name)), tuning=Tuning("frozen"), stride=stride)
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


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbones_layers_have_the_same_names_whatever_was_built_before(name):
    first, second = ([layer.name for layer in build(name, (96, 96, 1)).layers] for _ in range(2))
    assert first == second
