"""A Keras network to a fully int8-quantised TFLite model."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from edge.inference.quiet import quiet


def quantize(model: keras.Model, calibration: np.ndarray) -> bytes:
    """The int8 model: uint8 input that takes the preprocessed image as it is, int8 map out, weights per channel.

    `calibration` are model inputs (n, h, w, c) uint8 of both classes. In the first of them two corner pixels are set
    to 0 and 255, so that the input's scale is exactly 1 and its zero point 0, whatever the images hold.
    """
    samples = calibration.copy()
    samples[0, 0, 0, :], samples[0, -1, -1, :] = 0, 255

    def representative() -> Iterator[list[np.ndarray]]:
        for sample in samples:
            yield [sample[None].astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(_with_batch_of_one(model))
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.int8
    with quiet(), contextlib.redirect_stdout(io.StringIO()):
        return bytes(converter.convert())


def _with_batch_of_one(model: keras.Model) -> keras.Model:
    """The same network with a static shape, which accelerators need."""
    inputs = keras.Input(batch_shape=(1, *model.input_shape[1:]), name="input")
    return keras.Model(inputs, model(inputs, training=False))
