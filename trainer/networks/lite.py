"""EfficientNet-Lite0: EfficientNet-B0 (Tan and Le 2019) without squeeze-and-excite and with ReLU6, made for int8.

After `models/official/efficientnet/lite` in github.com/tensorflow/tpu. Keras has no such application. Left out is
its stochastic depth, which only training from nothing for weeks needs.
"""

from __future__ import annotations

import keras
from keras import layers

STAGES = (
    # repeats, kernel, stride, expansion, filters
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, TOP = 32, 1280


def efficientnet_lite0(inputs: keras.KerasTensor) -> keras.Model:
    """From (height, width, 3) in -1 to 1, RGB, to features (height / 32, width / 32, 1280).

    Layers are named as in Keras's EfficientNetB0: stem_…, block1a_… to block7a_…, top_….
    """
    x = _activation(_norm(layers.Conv2D(STEM, 3, 2, **_PLAIN, name="stem_conv")(inputs), "stem_"), "stem_")
    for stage, (repeats, kernel, stride, expansion, filters) in enumerate(STAGES, 1):
        for repeat in range(repeats):
            prefix = f"block{stage}{'abcd'[repeat]}_"
            x = _block(x, prefix, kernel, stride if repeat == 0 else 1, expansion, filters)
    x = _activation(_norm(layers.Conv2D(TOP, 1, **_PLAIN, name="top_conv")(x), "top_"), "top_")
    return keras.Model(inputs, x, name="efficientnet-lite0")


def _block(
    x: keras.KerasTensor, prefix: str, kernel: int, stride: int, expansion: int, filters: int
) -> keras.KerasTensor:  # fmt: skip
    channels, y = x.shape[-1], x
    if expansion > 1:
        y = layers.Conv2D(channels * expansion, 1, **_PLAIN, name=f"{prefix}expand_conv")(y)
        y = _activation(_norm(y, f"{prefix}expand_"), f"{prefix}expand_")
    y = layers.DepthwiseConv2D(kernel, stride, **_PLAIN_DEPTHWISE, name=f"{prefix}dwconv")(y)
    y = _activation(_norm(y, prefix), prefix)
    y = _norm(layers.Conv2D(filters, 1, **_PLAIN, name=f"{prefix}project_conv")(y), f"{prefix}project_")
    return layers.Add(name=f"{prefix}add")([x, y]) if stride == 1 and channels == filters else y


_PLAIN = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
_PLAIN_DEPTHWISE = {"padding": "same", "use_bias": False, "depthwise_initializer": "he_normal"}


def _norm(x: keras.KerasTensor, prefix: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=1e-3, name=f"{prefix}bn")(x)


def _activation(x: keras.KerasTensor, prefix: str) -> keras.KerasTensor:
    return layers.ReLU(6.0, name=f"{prefix}activation")(x)
