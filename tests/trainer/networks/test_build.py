"""What a network is made of."""

import keras
import numpy as np
import pytest
from keras import layers

from edge.contract.preprocess import centred
from tests.trainer.networks.shared import SMALL, assert_is_network, images
from trainer.networks import build
from trainer.networks.backbones import BACKBONES, _entered
from trainer.networks.layers import ADAPT, CAM, numbered_anew
from trainer.networks.network import int8_concerns

BUILDERS = {"mobilenetv2": "mobilenet_v2", "resnet50": "resnet", "vgg16": "vgg16", "inceptionv3": "inception_v3"}
"""The module of `keras.applications` whose `preprocess_input` a backbone's weights were made with."""


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


@pytest.mark.parametrize("name", ["house-s", "gap", "plain-dropout"])
def test_layers_have_the_same_names_whatever_was_built_before(name):
    first, second = ([layer.name for layer in build(name, SMALL).layers] for _ in range(2))
    assert first == second


def test_layers_that_keras_has_named_are_counted_within_their_network():
    def network() -> keras.Model:
        inputs = keras.Input((8, 8, 1), name="input")
        x = layers.Conv2D(2, 3)(layers.ZeroPadding2D(1)(inputs))
        return keras.Model(inputs, layers.Conv2D(1, 1, name=CAM)(layers.Conv2D(2, 1)(x)), name="net")

    network()
    model = network()
    anew = numbered_anew(model)
    assert [layer.name for layer in anew.layers] == ["input", "zero_padding2d", "conv2d", "conv2d_1", CAM]
    assert anew.name == "net"
    inputs = centred(images(1, (8, 8, 1)))
    np.testing.assert_array_equal(anew.predict_on_batch(inputs), model.predict_on_batch(inputs))
    assert numbered_anew(anew) is anew
