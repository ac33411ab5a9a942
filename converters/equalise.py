"""Channels of a linear stream brought to equal ranges, so that int8 rounds none of them more coarsely than it must.

Int8 has one scale for all channels of a tensor. Where nothing but sums and convolutions takes what batch normalisations
give (the narrow ends of inverted residuals), a channel may be any number of times larger if the convolutions that take
it weigh it as many times less: the network stays the same function (Nagel et al. 2019, cross-layer equalisation).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from edge.contract.preprocess import centred

STRONGEST = 32.0
"""A channel grows at most by this: one that hardly answers would only grow its noise."""
BATCH = 16
_PASSING = (layers.Add, layers.Dropout)


@dataclass(frozen=True, slots=True)
class Stream:
    """Layers between which only sums lie: `sources` write it, `members` are all that hold it, `takers` read it."""

    sources: list[layers.BatchNormalization]
    members: list[layers.Layer]
    takers: list[layers.Conv2D]


def equalise(network: keras.Model, images: np.ndarray) -> int:
    """Changes the weights of `network` in place, its function only by rounding; how many streams it found.

    `images` are model inputs (n, height, width, channels) uint8 that show what values the channels take on.
    """
    streams = list(find_streams(network))
    if not streams:
        return 0
    probe = keras.Model(network.input, [member.output for stream in streams for member in stream.members])
    extremes: list[np.ndarray] = []
    for start in range(0, len(images), BATCH):
        answers = probe.predict_on_batch(centred(images[start : start + BATCH]))
        found = [np.abs(values).max(axis=(0, 1, 2)) for values in answers]
        extremes = [np.maximum(a, b) for a, b in zip(extremes, found, strict=True)] if extremes else found
    for stream in streams:
        own, extremes = extremes[: len(stream.members)], extremes[len(stream.members) :]
        _rescale(stream, np.max(own, axis=0))
    return len(streams)


def _rescale(stream: Stream, reach: np.ndarray) -> None:
    factor = np.clip(reach.max() / np.maximum(reach, 1e-12), 1.0, STRONGEST).astype(np.float32)
    for norm in stream.sources:
        norm.gamma.assign(norm.gamma * factor)
        norm.beta.assign(norm.beta * factor)
    for taker in stream.takers:
        taker.kernel.assign(taker.kernel / factor[None, None, :, None])


def find_streams(network: keras.Model) -> Iterator[Stream]:
    """The linear streams of a network whose layers are each called once."""
    home: dict[str, set[str]] = {}
    by_name = {layer.name: layer for layer in network.layers}
    for layer in network.layers:  # in the order of the graph
        if isinstance(layer, layers.BatchNormalization) and layer.scale and layer.center:
            home[layer.name] = {layer.name}
        elif isinstance(layer, _PASSING):
            merged = {layer.name}.union(*(home.get(name, {"?"}) for name in _givers(layer)))
            home.update(dict.fromkeys(merged, merged))
    for names in {id(names): names for names in home.values()}.values():
        if "?" in names:
            continue
        members = [by_name[name] for name in by_name if name in names]
        takers = [layer for name, layer in by_name.items() if name not in names and names.intersection(_givers(layer))]
        if takers and all(type(taker) is layers.Conv2D and taker.groups == 1 for taker in takers):
            sources = [member for member in members if isinstance(member, layers.BatchNormalization)]
            yield Stream(sources, members, takers)


def _givers(layer: layers.Layer) -> list[str]:
    return [tensor._keras_history.operation.name for tensor in layer._inbound_nodes[0].input_tensors]
