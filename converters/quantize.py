"""A Keras network to a fully int8-quantised TFLite model."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator

import flatbuffers
import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from edge.contract.preprocess import centred
from edge.inference.quiet import quiet

MAP_HEADROOM = 4.0
"""How much wider the map's range is than calibration saw. One unit is then not finer than what the rounding of other
kernels changes, and a fault stronger than any seen does not clip."""


def quantize(model: keras.Model, calibration: np.ndarray) -> bytes:
    """The int8 model: uint8 input that takes the preprocessed image as it is, int8 map out, weights per channel.

    `calibration` are model inputs (n, h, w, c) uint8 of both classes. In the first of them two corner pixels are set
    to 0 and 255, so that the input's scale is exactly 1 and its zero point CENTRE, whatever the images hold.
    """
    samples = calibration.copy()
    samples[0, 0, 0, :], samples[0, -1, -1, :] = 0, 255
    samples = centred(samples)

    def representative() -> Iterator[list[np.ndarray]]:
        for sample in samples:
            yield [sample[None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(_with_batch_of_one(model))
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.int8
    with quiet(), contextlib.redirect_stdout(io.StringIO()):
        return _widen_output(bytes(converter.convert()))


def _widen_output(model: bytes) -> bytes:
    """The same model with MAP_HEADROOM times the range of its output, about the same middle."""
    content = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = content.subgraphs[0]
    output = graph.tensors[graph.outputs[0]].quantization
    middle = -float(output.zeroPoint[0]) * float(output.scale[0])
    output.scale = [float(output.scale[0]) * MAP_HEADROOM]
    output.zeroPoint = [round(-middle / output.scale[0])]
    builder = flatbuffers.Builder(len(model))
    builder.Finish(content.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _with_batch_of_one(model: keras.Model) -> keras.Model:
    """The same network with a static shape, which accelerators need."""
    inputs = keras.Input(batch_shape=(1, *model.input_shape[1:]), name="input")
    return keras.Model(inputs, model(inputs, training=False))
