"""Networks for images of the world as backbones: their own preprocessing in front, cut at stride 8 or 16, a CAM head.

The preprocessing is that of `keras.applications`: "tf" puts bytes into -1 to 1, "caffe" takes the mean of ImageNet off
each channel, "torch" also divides by its standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from edge.contract.preprocess import CENTRE
from edge.errors import UsageError
from trainer.networks.layers import adapted, cam_head, numbered_anew
from trainer.networks.lite import efficientnet_lite0

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_SIGMA = np.array([0.229, 0.224, 0.225])
"""Of R, G, B from 0 to 1, as `keras.applications` has them."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a backbone wants of byte `b` of each channel: `b * scale + offset`. `rgb` tells the order of channels."""

    scale: np.ndarray
    offset: np.ndarray
    rgb: bool = True


_TF = Entrance(np.full(3, 1 / 127.5), np.full(3, -1.0))
_LITE = Entrance(np.full(3, 2 / 128), np.full(3, -2 * 127 / 128))
"""Twice the contrast of the published preprocessing: a standardised image has half of what a photograph has."""
_CAFFE = Entrance(np.ones(3), -np.array([103.939, 116.779, 123.68]), rgb=False)
_TORCH = Entrance(1 / IMAGENET_SIGMA, -255 * IMAGENET_MEAN / IMAGENET_SIGMA)
"""255 times what the convolutions get: the application divides by 255 itself."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """One of them: `whole(weights, **inputs, **options)` makes it without its classifier; `cuts` maps stride to layer.

    `reach` maps stride to how many pixels the middle of the first cell's field lies inside the image, for a backbone
    that pads nothing: such a one gets its image padded, so that the map lies over the image.
    """

    whole: Callable[..., keras.Model]
    entrance: Entrance
    cuts: Mapping[int, str]
    published: bool = True
    reach: Mapping[int, int] | None = None


def _application(name: str) -> Callable[..., keras.Model]:
    def whole(weights: str | None, **given: Any) -> keras.Model:
        return getattr(keras.applications, name)(include_top=False, weights=weights, **given)

    return whole


def _lite0(_weights: None, input_tensor: keras.KerasTensor | None = None, input_shape: Any = None) -> keras.Model:
    return efficientnet_lite0(keras.Input(input_shape) if input_tensor is None else input_tensor)


BACKBONES = {
    "mobilenetv2": Backbone(_application("MobileNetV2"), _TF, {8: "block_6_expand_relu", 16: "block_13_expand_relu"}),
    "efficientnet-lite0": Backbone(_lite0, _LITE, {8: "block4a_expand_activation", 16: "block5c_add"}, published=False),
    "efficientnetb0": Backbone(
        _application("EfficientNetB0"), _TORCH, {8: "block4a_expand_activation", 16: "block6a_expand_activation"}
    ),
    "resnet50": Backbone(_application("ResNet50"), _CAFFE, {8: "conv3_block4_out", 16: "conv4_block6_out"}),
    "vgg16": Backbone(_application("VGG16"), _CAFFE, {8: "block4_conv3", 16: "block5_conv3"}),
    "inceptionv3": Backbone(_application("InceptionV3"), _TF, {8: "mixed2", 16: "mixed7"}, reach={8: 13, 16: 21}),
}


def backbone_network(
    name: str, shape: tuple[int, int, int], classes: int, stride: int, **options: Any
) -> keras.Model:  # fmt: skip
    """The backbone `name` from a centred input of `shape` to a map of (height / stride, width / stride, classes).

    Weights are drawn at random; `trainer.networks.weights` brings others. Raises UsageError for too small an input.
    """
    kind = BACKBONES[name]
    inputs = keras.Input(shape, name="input")
    x = _entered(_aligned(inputs, kind, stride), kind.entrance)
    try:
        whole = kind.whole(None, input_tensor=x, **options)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"--network {name}: does not take {shape[1]} x {shape[0]} pixels: {reason}") from None
    features = whole.get_layer(kind.cuts[stride]).output
    network = keras.Model(inputs, cam_head(features, classes, dropout=0.1), name=name)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.95  # theirs is for a million images; ours are hundreds, and hundreds of steps
    return numbered_anew(network)


def bare_backbone(name: str, weights: str | None, **options: Any) -> keras.Model:
    """As it was published, whole but for its classifier. `weights` "imagenet" are downloaded; `stride` cuts nothing."""
    kind = {key: value for key, value in options.items() if key != "stride"}
    return BACKBONES[name].whole(weights, input_shape=(224, 224, 3), **kind)


def _entered(x: keras.KerasTensor, entrance: Entrance) -> keras.KerasTensor:
    """Centred input, grey or BGR, as the backbone wants it."""
    kernel = np.diag(entrance.scale)
    if x.shape[-1] == 1:
        kernel = entrance.scale[None]
    elif entrance.rgb:
        kernel = kernel[::-1]
    return adapted(x, kernel, entrance.offset + CENTRE * entrance.scale)


def _aligned(x: keras.KerasTensor, kind: Backbone, stride: int) -> keras.KerasTensor:
    if kind.reach is None:
        return x
    reach = kind.reach[stride]
    before = reach - stride // 2
    padding = []
    for length in x.shape[1:3]:
        cells = -(-length // stride)
        padding.append((before, stride * (cells - 1) + 2 * reach + 1 - length - before))
    return layers.ZeroPadding2D(padding)(x)
