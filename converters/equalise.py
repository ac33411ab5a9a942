"""Channels brought to equal ranges, so that int8 rounds none of them more coarsely than it must.

Int8 has one scale for all channels of a tensor. Where nothing but sums and convolutions takes what batch normalisations
give (the narrow ends of inverted residuals), a channel may be any number of times larger if the convolutions that take
it weigh it as many times less: the network stays the same function (Nagel et al. 2019, cross-layer equalisation). So
too behind a ReLU6 with one taker, as long as no value grows beyond the 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from edge.contract.preprocess import centred
from trainer.networks.rounding import is_rounded, kernels_of

STRONGEST = 32.0
"""A channel grows at most by this: one that hardly answers would only grow its noise."""
ROOM = 2.0
"""Below its bound a channel keeps room for this many times what was seen: faults are rare, and may be stronger."""
BATCH = 16
_PASSING = (layers.Add, layers.Dropout)


@dataclass(frozen=True, slots=True)
class Stream:
    """Layers between which only sums lie: `sources` write it, `members` are all that hold it, `takers` read it.

    `bound` is the highest value that its members can hold, None where there is none.
    """

    sources: list[layers.BatchNormalization]
    members: list[layers.Layer]
    takers: list[layers.Conv2D | layers.DepthwiseConv2D]
    bound: float | None = None


def equalise(network: keras.Model, images: np.ndarray) -> int:
    """Changes the weights of `network` in place, its function only by rounding; how many streams it changed.

    `images` are model inputs (n, height, width, channels) uint8 that show what values the channels take on. Streams
    whose takers are rounded for int8 already stay as they are, for these would not be any more.
    """
    streams = [stream for stream in find_streams(network) if not any(map(_must_stay, stream.takers))]
    if not streams:
        return 0
    probe = keras.Model(network.input, {member.name: member.output for each in streams for member in each.members})
    reach: dict[str, np.ndarray] = {}
    for start in range(0, len(images), BATCH):
        for name, values in probe.predict_on_batch(centred(images[start : start + BATCH])).items():
            reach[name] = np.maximum(reach.get(name, 0), np.abs(values).max(axis=(0, 1, 2)))
    for stream in streams:
        _rescale(stream, np.max([reach[member.name] for member in stream.members], axis=0))
    return len(streams)


def _must_stay(taker: layers.Conv2D | layers.DepthwiseConv2D) -> bool:
    """Whether other weights for its inputs would undo its rounding; a depthwise one has a scale for each of them."""
    return _mixes(taker) and all(is_rounded(kernel.value, axes) for kernel, axes in kernels_of(taker))


def _rescale(stream: Stream, reach: np.ndarray) -> None:
    wanted = reach.max() if stream.bound is None else stream.bound / ROOM
    factor = np.clip(wanted / np.maximum(reach, 1e-12), 1.0, STRONGEST)
    factor = np.where(reach > 0, factor, 1.0).astype(np.float32)
    for norm in stream.sources:
        norm.gamma.assign(norm.gamma * factor)
        norm.beta.assign(norm.beta * factor)
    for taker in stream.takers:
        taker.kernel.assign(taker.kernel / factor[None, None, :, None])


def find_streams(network: keras.Model) -> Iterator[Stream]:
    """The streams of a network whose layers are each called once."""
    yield from _linear(network)
    yield from _bounded(network)


def _linear(network: keras.Model) -> Iterator[Stream]:
    home: dict[str, set[str]] = {}
    by_name = {layer.name: layer for layer in network.layers}
    for layer in network.layers:  # in the order of the graph
        if _scales(layer):
            home[layer.name] = {layer.name}
        elif isinstance(layer, _PASSING):
            merged = {layer.name}.union(*(home.get(name, {"?"}) for name in _givers(layer)))
            home.update(dict.fromkeys(merged, merged))
    for names in {id(names): names for names in home.values()}.values():
        if "?" in names:
            continue
        members = [by_name[name] for name in by_name if name in names]
        takers = [layer for name, layer in by_name.items() if name not in names and names.intersection(_givers(layer))]
        if takers and all(map(_mixes, takers)):
            sources = [member for member in members if isinstance(member, layers.BatchNormalization)]
            yield Stream(sources, members, takers)


def _bounded(network: keras.Model) -> Iterator[Stream]:
    """Those of one batch normalisation, its ReLU with a bound, and one convolution."""
    takers: dict[str, list[layers.Layer]] = {}
    for layer in network.layers:
        for name in _givers(layer):
            takers.setdefault(name, []).append(layer)
    for norm in network.layers:
        if not _scales(norm) or len(takers.get(norm.name, [])) != 1:
            continue
        (limit,) = takers[norm.name]
        if not isinstance(limit, layers.ReLU) or not limit.max_value or limit.negative_slope or limit.threshold:
            continue
        after = takers.get(limit.name, [])
        if len(after) == 1 and (_mixes(after[0]) or type(after[0]) is layers.DepthwiseConv2D):
            yield Stream([norm], [limit], after, float(limit.max_value))


def _scales(layer: layers.Layer) -> bool:
    return isinstance(layer, layers.BatchNormalization) and layer.scale and layer.center


def _mixes(layer: layers.Layer) -> bool:
    """Whether each of its outputs takes all its inputs, so that it can weigh each as it likes."""
    return type(layer) is layers.Conv2D and layer.groups == 1


def _givers(layer: layers.Layer) -> list[str]:
    return [tensor._keras_history.operation.name for tensor in layer._inbound_nodes[0].input_tensors]
