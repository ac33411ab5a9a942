"""Sound surfaces of no product in particular, drawn at random: what pretraining looks for faults on.

A surface is a sum of textures (noise of a random spectrum and direction, gratings and weaves, grains), of marks that
a sound part may well have (bars, holes, letters, edges), of uneven light and of camera noise; sometimes the part has
an outline on a background. All fields are (size, size) float32 with standard deviation about 1.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.contract.preprocess import CENTRE, UNITS_PER_SIGMA

Field = NDArray[np.float32]
Random = np.random.Generator

_LETTERS = list("ABCDEFGHKLMNPRSTUX0123456789")


def draw_surface(size: int, rng: Random) -> NDArray[np.uint8]:
    """A model input (size, size, 1), standardised as `preprocess` does it."""
    field = _textures(size, rng)
    if rng.random() < 0.3:
        field += _marks(size, rng) * _uniform(rng, 0.3, 1.5)
    if rng.random() < 0.8:
        field += smooth(size, int(rng.integers(2, 5)), rng) * _uniform(rng, 0.1, 1.5)
    if rng.random() < 0.5:
        field += rng.normal(0, rng.uniform(0.02, 0.25), field.shape).astype(np.float32)
    if rng.random() < 0.4:
        field = _on_background(field, rng)
    units = np.rint(_standard(field) * UNITS_PER_SIGMA + CENTRE)
    return np.clip(units, 0, 255).astype(np.uint8)[..., None]


def smooth(size: int, cells: int, rng: Random) -> Field:
    """A random field without detail finer than `size / cells` pixels: light, or slow changes of tone."""
    coarse = rng.normal(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)


def _textures(size: int, rng: Random) -> Field:
    field = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        draw = (_noise, _noise, _noise, _noise, _noise, _noise, _grating, _grains)[rng.integers(8)]
        field += draw(size, rng) * _uniform(rng, 0.2, 1.0)
    if rng.random() < 0.15:
        field = np.exp(field * _uniform(rng, 0.2, 0.6))  # a few bright specks on a dark ground
    return _standard(field) * _uniform(rng, 0.3, 1.0)


def _noise(size: int, rng: Random) -> Field:
    """Noise with amplitude falling as a power of frequency, at times along one direction, at times in one band."""
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    along = rng.uniform(0, np.pi) if rng.random() < 0.6 else np.pi / 2 * rng.integers(2)
    stretch = np.exp(rng.uniform(0, np.log(30))) if rng.random() < 0.6 else 1.0
    u, v = fx * np.cos(along) + fy * np.sin(along), fy * np.cos(along) - fx * np.sin(along)
    radius = np.sqrt(u**2 + (v * stretch) ** 2) + 1 / size
    amplitude = radius ** -rng.uniform(0, 2.2)
    if rng.random() < 0.3:
        middle = np.exp(rng.uniform(np.log(0.02), np.log(0.3)))
        amplitude *= np.exp(-(((radius - middle) / (middle * rng.uniform(0.1, 0.6))) ** 2))
    phases = np.exp(2j * np.pi * rng.random(radius.shape))
    return _standard(np.fft.irfft2(amplitude * phases, s=(size, size)))


def _grating(size: int, rng: Random) -> Field:
    """Regular lines, slightly bent; crossed by a second set they are a weave or a mesh."""
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    angle = np.pi / 2 * rng.integers(2) if rng.random() < 0.5 else rng.uniform(0, np.pi)
    period, hardness = np.exp(rng.uniform(np.log(4), np.log(60))), 1 + rng.uniform(0, 3)
    bend = smooth(size, 4, rng) * _uniform(rng, 0, 4)
    lines = np.tanh(hardness * np.sin(2 * np.pi * (columns * np.cos(angle) + rows * np.sin(angle) + bend) / period))
    if rng.random() < 0.4:
        across = (rows * np.cos(angle) - columns * np.sin(angle)) / (period * rng.choice([0.5, 1, 1, 2]))
        second = np.tanh(hardness * np.sin(2 * np.pi * across))
        lines = lines * second if rng.random() < 0.5 else np.maximum(lines, second)
    return _standard(lines)


def _grains(size: int, rng: Random) -> Field:
    """Cells about random points: of a tone each, or darker towards their borders."""
    seeds = np.full((size, size), 255, np.uint8)
    x, y = rng.integers(0, size, (2, int(rng.integers(20, 400))))
    seeds[y, x] = 0
    away, cell = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    tones = rng.normal(0, 1, int(cell.max()) + 1)
    return _standard(tones[cell] if rng.random() < 0.5 else away)


def _marks(size: int, rng: Random) -> Field:
    field = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        (_disc, _bar, _letters, _row_of_holes, _edges)[rng.integers(5)](field, float(rng.normal(0, 1.5)), rng)
    return np.asarray(cv2.GaussianBlur(field, (0, 0), rng.uniform(0.5, 2)), np.float32)


def _disc(field: Field, tone: float, rng: Random) -> None:
    cv2.circle(field, _place(field, rng), int(rng.uniform(8, 60)), tone, _thickness(rng), cv2.LINE_AA)


def _bar(field: Field, tone: float, rng: Random) -> None:
    (x, y), (w, h) = _place(field, rng), rng.integers(10, 120, 2)
    cv2.rectangle(field, (x - int(w), y - int(h)), (x + int(w), y + int(h)), tone, _thickness(rng))


def _letters(field: Field, tone: float, rng: Random) -> None:
    text = "".join(rng.choice(_LETTERS, int(rng.integers(2, 6))))
    (x, y), scale, thickness = _place(field, rng), rng.uniform(0.6, 2.5), int(rng.integers(2, 5))
    cv2.putText(field, text, (x // 2, y), int(rng.integers(5)), scale, tone, thickness, cv2.LINE_AA)


def _row_of_holes(field: Field, tone: float, rng: Random) -> None:
    (x, y), pitch = _place(field, rng), int(rng.integers(12, 50))
    radius = max(2, int(pitch * rng.uniform(0.1, 0.35)))
    for centre in range(x % pitch, field.shape[1], pitch):
        cv2.circle(field, (centre, y), radius, tone, -1, cv2.LINE_AA)


def _edges(field: Field, tone: float, rng: Random) -> None:
    view, width = (field if rng.random() < 0.5 else field.T), int(rng.integers(2, 40))
    view[:, -width:] += tone
    if rng.random() < 0.5:
        view[:, :width] += tone


def _on_background(field: Field, rng: Random) -> Field:
    """The part ends within the frame: a box or an ellipse on something else."""
    size = len(field)
    inside = np.zeros((size, size), np.uint8)
    centre, sides = (size / 2 + rng.normal(0, size / 22, 2)).tolist(), (rng.uniform(0.5, 1.0, 2) * size).tolist()
    if rng.random() < 0.5:
        cv2.ellipse(inside, (centre, sides, rng.uniform(0, 180)), 255, -1)
    else:
        cv2.fillPoly(inside, [cv2.boxPoints((centre, sides, rng.normal(0, 6))).astype(np.int32)], 255)
    share = cv2.GaussianBlur(inside, (0, 0), rng.uniform(0.5, 1.5)).astype(np.float32) / 255
    background = np.float32(rng.normal(0, 2)) + _noise(size, rng) * _uniform(rng, 0, 0.3)
    return np.asarray(field * share + background * (1 - share), np.float32)


def _place(field: Field, rng: Random) -> tuple[int, int]:
    x, y = rng.integers(0, field.shape[::-1])
    return int(x), int(y)


def _thickness(rng: Random) -> int:
    return -1 if rng.random() < 0.5 else int(rng.integers(2, 8))


def _uniform(rng: Random, low: float, high: float) -> np.float32:
    return np.float32(rng.uniform(low, high))


def _standard(field: NDArray) -> Field:
    return ((field - field.mean()) / (field.std() + 1e-6)).astype(np.float32)
