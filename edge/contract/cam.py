"""The verdict is the map: pooling a logit map to a score, and showing the map over the frame.

A network may have a map for each kind of ok and ng part. They are made one, of ng against ok (`ng_map`), and from there
on all is as with a single map; what kind it is, is a question of its own, asked within the verdict (`name_kind`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.contract.preprocess import PreprocessSpec
from edge.contract.types import MapUnits, Pixels, Verdict

LONGEST_NAME = 100


class Pooling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a map becomes one logit per class.

    "topk" is the mean of the highest `share` of places; "lse" is log-mean-exp with `sharpness` (Pinheiro and
    Collobert 2015); "gem" is the generalised mean, with `sharpness` as its exponent, of the places' probabilities
    (Radenović et al. 2018), as a logit; "average" is the mean, as in CAM (Zhou et al. 2016); "max" is the highest.
    `temperature` divides what was pooled before it becomes a score (Guo et al. 2017); training knows nothing of it.
    """

    kind: Literal["topk", "lse", "gem", "average", "max"] = "topk"
    share: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.02
    sharpness: Annotated[float, msgspec.Meta(gt=0.0, le=100.0)] = 4.0
    temperature: Annotated[float, msgspec.Meta(gt=0.0, le=100.0)] = 1.0


class Classes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the maps of a network stand for: first the ok kinds, then the ng kinds, one map each.

    Without ok kinds there is one map alone, of ng against ok.
    """

    ok: tuple[str, ...] = ()
    ng: tuple[str, ...] = ("ng",)

    def __post_init__(self) -> None:
        if not self.ng or (len(self.ng) > 1 and not self.ok):
            raise ValueError(f"several maps need an ok kind and an ng kind, not ok {self.ok} and ng {self.ng}")
        for name in self.names:
            if not name or len(name) > LONGEST_NAME or not name.isprintable():
                raise ValueError(f"a kind's name is 1 to {LONGEST_NAME} printable characters, not {name!r}")
        if len({*self.names}) != len(self.names):
            raise ValueError(f"each kind is named once, but here are {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """All kinds, in the order of the maps."""
        return self.ok + self.ng

    @property
    def many(self) -> bool:
        """Whether there are kinds to name."""
        return bool(self.ok)


BINARY = Classes()
"""One map, of ng against ok."""


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scores below `ok_below` are OK, from `ng_from` on NG, and between them REVIEW."""

    ok_below: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
    ng_from: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]

    def __post_init__(self) -> None:
        if self.ok_below > self.ng_from:
            raise ValueError(f"ok_below ({self.ok_below}) must not lie above ng_from ({self.ng_from})")

    def verdict(self, score: float) -> Verdict:
        """OK, NG or REVIEW; a score that is not a number is a FAULT."""
        if not np.isfinite(score):
            return Verdict.FAULT
        if score < self.ok_below:
            return Verdict.OK
        return Verdict.NG if score >= self.ng_from else Verdict.REVIEW


def pool(logits: Any, pooling: Pooling, xp: Any = np) -> Any:
    """Class logits (..., classes) of a map (..., rows, columns, classes).

    `xp` is numpy on the board and keras.ops in training: the same lines run in both.
    """
    *lead, rows, columns, classes = logits.shape
    places = xp.reshape(logits, (*(size or -1 for size in lead), rows * columns, classes))
    if pooling.kind == "average":
        return xp.mean(places, axis=-2)
    if pooling.kind == "topk":
        count = max(1, round(pooling.share * rows * columns))
        return xp.mean(xp.sort(places, axis=-2)[..., -count:, :], axis=-2)
    if pooling.kind == "max":
        return xp.max(places, axis=-2)
    if pooling.kind == "gem":
        log_mean = _log_mean_exp(-pooling.sharpness * xp.logaddexp(-places, 0.0), xp) / pooling.sharpness
        return log_mean - xp.log(-xp.expm1(xp.minimum(log_mean, -1e-7)))
    return _log_mean_exp(pooling.sharpness * places, xp) / pooling.sharpness


def _log_mean_exp(values: Any, xp: Any) -> Any:
    """Over the places, without overflow."""
    peak = xp.max(values, axis=-2, keepdims=True)
    return peak[..., 0, :] + xp.log(xp.mean(xp.exp(values - peak), axis=-2))


def ng_map(logits: Any, classes: Classes, xp: Any = np) -> Any:
    """The one map (..., rows, columns, 1) of ng against ok, of maps (..., rows, columns, classes).

    At each place the logit of P(NG) as a softmax over the classes would give it; a single map is returned as it is.
    It is what becomes the score, and what is shown. `xp` as for `pool`.
    """
    if not classes.many:
        return logits
    ok = len(classes.ok)
    return _log_sum_exp(logits[..., ok:], xp) - _log_sum_exp(logits[..., :ok], xp)


def kind_logits(logits: Any, pooling: Pooling, classes: Classes, xp: Any = np) -> Any:
    """Logits (..., classes) of the kinds of maps (..., rows, columns, classes): each map against ok, then pooled.

    Those of the ng kinds can be compared with each other, and those of the ok kinds; P(NG) is the score's to say. There
    must be several maps: see `Classes.many`.
    """
    return pool(logits - _log_sum_exp(logits[..., : len(classes.ok)], xp), pooling, xp)


def name_kind(logits: NDArray[np.floating], pooling: Pooling, classes: Classes, verdict: Verdict) -> str | None:
    """The likeliest kind of one part: among the ok kinds where the verdict is OK, else among the ng kinds.

    None where there is a single map, or the verdict is FAULT. `logits` is (rows, columns, classes).
    """
    if not classes.many or verdict is Verdict.FAULT:
        return None
    found, ok = kind_logits(logits, pooling, classes), len(classes.ok)
    if verdict is Verdict.OK:
        return classes.ok[int(np.argmax(found[:ok]))]
    return classes.ng[int(np.argmax(found[ok:]))]


def _log_sum_exp(maps: Any, xp: Any) -> Any:
    """Over the classes, without overflow: (..., 1)."""
    peak = xp.max(maps, axis=-1, keepdims=True)
    return peak + xp.log(xp.sum(xp.exp(maps - peak), axis=-1, keepdims=True))


def dequantise(units: MapUnits, scale: float, zero_point: int) -> NDArray[np.float32]:
    """Logits of the same shape."""
    return (units.astype(np.float32) - zero_point) * np.float32(scale)


def probability(logits: Any) -> Any:
    """The logistic function, of a number or of each in an array."""
    with np.errstate(over="ignore"):  # far below zero exp is infinite, and the probability rightly 0
        return 1.0 / (1.0 + np.exp(-logits))


def ng_probability(pooled: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """P(NG), 0 to 1, of pooled class logits (..., 1): scores of the shape left of the classes.

    It is meant for ok and ng parts that are equally frequent, as they are in the batches that train.
    """
    return probability(pooled[..., 0].astype(np.float64) / temperature)


def score(logits: NDArray[np.float32], pooling: Pooling) -> float:
    """P(NG), 0 to 1, of one map (rows, columns, 1), as from `ng_map`: as `ng_probability`, for one number."""
    return float(probability(pool(logits, pooling).item() / pooling.temperature))


def heatmap(logits: NDArray[np.float32], spec: PreprocessSpec, height: int, width: int) -> NDArray[np.float32]:
    """One map (rows, columns, 1), as from `ng_map`, laid over a frame of this size: (height, width) float32.

    P(NG) at each place; zero outside the inspected region.
    """
    x, y, w, h = spec.region.pixels(height, width)
    heat = probability(logits[..., 0].astype(np.float32))
    over = np.zeros((height, width), np.float32)
    over[y : y + h, x : x + w] = cv2.resize(heat, (w, h), interpolation=cv2.INTER_LINEAR)
    return over


def peak(logits: NDArray[np.float32], spec: PreprocessSpec, height: int, width: int) -> tuple[int, int]:
    """(x, y) in the frame, in pixels, of the middle of the map's highest cell."""
    rows, columns = logits.shape[:2]
    row, column = divmod(int(np.argmax(logits[..., 0])), columns)
    x, y, w, h = spec.region.pixels(height, width)
    return x + int((column + 0.5) * w / columns), y + int((row + 0.5) * h / rows)


def overlay(pixels: Pixels, heat: NDArray[np.float32], opacity: float = 0.5) -> Pixels:
    """The frame in BGR with the heat map over it, more opaque where it is hotter; `heat` as from `heatmap`."""
    frame = pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    colours = cv2.applyColorMap(np.rint(heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    weight = (opacity * heat)[..., None]
    return np.rint(frame * (1 - weight) + colours * weight).astype(np.uint8)
