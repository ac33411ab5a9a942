"""What learns in the network's place, where it learns in fewer bits or on several GPUs: a twin, from which it copies.

The network itself stays in float32 on one device, so that nothing of how it learned is in what is saved, and the
figures that choose its weights are its own. Why not `keras.distribution`: docs/decisions/0016.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from edge.contract.cam import BINARY, Classes
from edge.errors import UsageError
from trainer.losses import loss_of
from trainer.networks.layers import CAM
from trainer.plan import Plan


def gpus_for(plan: Plan) -> list[str]:
    """Names of the GPUs among which each batch is shared out; none: it learns on the CPU.

    Raises UsageError when the batch cannot be shared out equally, or the precision is for one GPU alone.
    """
    names = [device.name for device in tf.config.list_logical_devices("GPU")]
    fewer = "or have fewer GPUs seen with CUDA_VISIBLE_DEVICES"
    if names and plan.batch % len(names):
        nearest = -(-plan.batch // len(names)) * len(names)
        raise UsageError(
            f"batch: {plan.batch} images cannot be shared out equally among {len(names)} GPUs; "
            f"set batch = {nearest} in the plan, {fewer}"
        )
    if len(names) > 1 and plan.precision == "mixed_float16":
        raise UsageError(
            f"precision: mixed_float16 is for one GPU, here are {len(names)}; set precision = "
            f'"mixed_bfloat16" in the plan, {fewer}=0'
        )
    return names


def learner_of(
    model: keras.Model, plan: Plan, classes: Classes = BINARY, devices: Sequence[str] = ()
) -> keras.Model:  # fmt: skip
    """`model`, compiled to learn as `plan` says; a twin of it where that is in mixed precision or on several devices.

    The twin has the same weights in the same order, in float32; between them it computes in 16 bits, but for the head
    and the loss. With several devices (names as TensorFlow has them) each learns from every n-th image of a batch, and
    batch normalisation sees all of it. A plan for `gpus_for` is assumed.
    """
    count = max(1, len(devices))
    strategy = tf.distribute.MirroredStrategy(list(devices)) if count > 1 else tf.distribute.get_strategy()
    loss = loss_of(plan, classes)
    with strategy.scope():
        learner = model if count == 1 and plan.precision == "float32" else _twin(model, plan.precision, count)
        of_share = loss if count == 1 else lambda *of: loss(*of) / count  # gradients are summed over the devices
        learner.compile(_optimiser(plan, count), loss=of_share, jit_compile=False)
        learner.optimizer.build(learner.trainable_variables)
    if count > 1:
        whole = learner.train_step
        learner.train_step = lambda data: whole(_share(data))
    return learner


def _twin(model: keras.Model, precision: str, count: int) -> keras.Model:
    def alike(layer: layers.Layer) -> layers.Layer:
        config = layer.get_config()
        if layer.name != CAM:
            config["dtype"] = precision
        if isinstance(layer, layers.BatchNormalization):
            config["synchronized"] = count > 1
        return type(layer).from_config(config)

    twin = keras.models.clone_model(model, clone_function=alike)
    twin.set_weights(model.get_weights())
    return twin


def _optimiser(plan: Plan, count: int) -> keras.optimizers.Optimizer:
    """Gradients are clipped before they are summed over the devices, each of which has its share of them."""
    kind = keras.optimizers.RMSprop if plan.optimiser == "rmsprop" else keras.optimizers.AdamW
    optimiser = kind(plan.learning_rate, weight_decay=plan.weight_decay, clipnorm=1.0 / count)
    if plan.precision == "mixed_float16":  # Keras asks the global policy, not the layers', whether to scale
        return keras.optimizers.LossScaleOptimizer(optimiser)
    return optimiser


def _share(data: Any) -> Any:
    """Every n-th image of a batch, for Keras hands the whole of it to each device; so each gets of both classes."""
    replica = tf.distribute.get_replica_context()
    first, step = replica.replica_id_in_sync_group, replica.num_replicas_in_sync
    return tuple(None if part is None else part[first::step] for part in data)
