"""Channels brought to equal ranges, so that int8 rounds none of them more coarsely than it must.

Int8 has one scale for all channels of a tensor. Where nothing but sums and convolutions takes what batch normalisations
give (the narrow ends of inverted residuals), a channel may be any number of times larger if the convolutions that take
it weigh it as many times less: the network stays the same function (Nagel et al. 2019, cross-layer equalisation). So
too behind a ReLU6 with one taker, as long as no value grows beyond the 6. And a channel whose values lie to one side of
zero may lie about it, where its takers add what that changes in their sums (Wei et al. 2023, channel-wise shifting).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

from converters.compensate import add_to_sums, can_add
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


@dataclass(frozen=True, slots=True)
class Span:
    """The lowest and the highest value of each channel."""

    low: np.ndarray
    high: np.ndarray

    @property
    def middle(self) -> np.ndarray:
        """Between the two."""
        return (self.low.astype(np.float64) + self.high) / 2

    @property
    def reach(self) -> np.ndarray:
        """The largest without its sign."""
        return np.maximum(-self.low, self.high)

    def joined(self, other: Span) -> Span:
        """Of both."""
        return Span(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def moved(self, by: np.ndarray) -> Span:
        """Each channel by so much."""
        return Span(self.low + by, self.high + by)


def equalise(network: keras.Model, images: np.ndarray) -> int:
    """Changes the weights of `network` in place, its function only by rounding; how many streams it changed.

    `images` are model inputs (n, height, width, channels) uint8 that show what values the channels take on. Streams
    whose takers are rounded for int8 already stay as they are, for these would not be any more.
    """
    streams = [stream for stream in find_streams(network) if not any(map(_must_stay, stream.takers))]
    if not streams:
        return 0
    spans = _spans(network, [member for stream in streams for member in stream.members], images)
    for stream in streams:
        if _can_centre(stream):
            _centre(stream, spans)
        _rescale(stream, np.max([spans[member.name].reach for member in stream.members], axis=0))
    return len(streams)


def _spans(network: keras.Model, members: list[layers.Layer], images: np.ndarray) -> dict[str, Span]:
    probe = keras.Model(network.input, {member.name: member.output for member in members})
    spans: dict[str, Span] = {}
    for start in range(0, len(images), BATCH):
        for name, values in probe.predict_on_batch(centred(images[start : start + BATCH])).items():
            seen = Span(values.min(axis=(0, 1, 2)), values.max(axis=(0, 1, 2)))
            spans[name] = seen.joined(spans.get(name, seen))
    return spans


def _can_centre(stream: Stream) -> bool:
    """Whether its takers never look beyond the edge of the image, where there is zero, and can add to their sums."""
    inside = all(taker.kernel_size == (1, 1) or taker.padding == "valid" for taker in stream.takers)
    return stream.bound is None and inside and all(map(can_add, stream.takers))


def _centre(stream: Stream, spans: dict[str, Span]) -> None:
    """Moves what the sources give, so that the middles of all members lie as near to zero as one can have it.

    A sum moves by as much as its summands together, so there are more members than there are moves to choose.
    """
    parts = _parts(stream)
    shares = np.stack([parts[member.name] for member in stream.members])
    middles = np.stack([spans[member.name].middle for member in stream.members])
    moves = -np.linalg.lstsq(shares, middles, rcond=None)[0]
    for norm, move in zip(stream.sources, moves, strict=True):
        norm.beta.assign(norm.beta + move)
    for member in stream.members:
        spans[member.name] = spans[member.name].moved(parts[member.name] @ moves)
    for taker in stream.takers:
        (giver,) = _givers(taker)
        kernel = ops.convert_to_numpy(taker.kernel.value).astype(np.float64)
        add_to_sums(taker, -np.einsum("hwio,i->o", kernel, parts[giver] @ moves))


def _parts(stream: Stream) -> dict[str, np.ndarray]:
    """By member, how many times each source is in it."""
    parts = dict(zip((source.name for source in stream.sources), np.eye(len(stream.sources)), strict=True))
    for member in stream.members:  # in the order of the graph
        if member.name not in parts:
            parts[member.name] = np.sum([parts[name] for name in _givers(member)], axis=0)
    return parts


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
