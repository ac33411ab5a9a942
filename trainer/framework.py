"""TensorFlow, imported and woken without its chatter: commands call `wake` before they import what needs it."""

from __future__ import annotations

import os

from edge.inference.quiet import quiet


def wake() -> None:
    """Imports TensorFlow and has it look for devices, which is when it says what it would say."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet():
        import tensorflow as tf

        tf.config.list_physical_devices()
        tf.constant(0.0) + 1.0
