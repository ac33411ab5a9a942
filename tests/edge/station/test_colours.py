"""Colours of the page: readable (WCAG 2.2, 1.4.3 and 1.4.11), and told apart by the colour-blind too."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.station import words

CSS = (Path(words.__file__).parent / "page.css").read_text(encoding="utf-8")
COLOURS = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", CSS)) | {"dark": "#191600"}
TEXT, SHAPE, APART = 4.5, 3.0, 20.0
"""Least contrast of text and of shapes; least distance of two colours in CIELAB, where 2.3 is just noticeable."""

# Machado, Oliveira and Fernandes 2009: how linear RGB is seen without one kind of cone.
SIGHTS = {
    "usual": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def linear(name: str) -> np.ndarray:
    """RGB of a colour of the page, in light and not in code values."""
    code = np.array([int(COLOURS[name][at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    dark, light = sorted(float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other))
    return (light + 0.05) / (dark + 0.05)


def seen(name: str, sight: str) -> np.ndarray:
    """In CIELAB."""
    light = np.clip(np.array(SIGHTS[sight]) @ linear(name), 0, 1)
    code = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(code.astype(np.float32)[None, None], cv2.COLOR_RGB2LAB)[0, 0]


@pytest.mark.parametrize(
    ("on", "ground", "least"),
    [("text", "ground", TEXT), ("text", "panel", TEXT), ("soft", "ground", TEXT), ("soft", "panel", TEXT),
     ("alert", "panel", TEXT), ("text", "ok", TEXT), ("text", "ng", TEXT), ("dark", "review", TEXT),
     ("text", "fault", TEXT), ("ok-line", "panel", TEXT), ("ng-line", "panel", TEXT), ("review", "panel", TEXT),
     ("fault-line", "panel", TEXT), ("focus", "panel", SHAPE)],
)  # fmt: skip
def test_text_and_shapes_stand_out_from_their_ground(on, ground, least) -> None:
    assert contrast(on, ground) >= least


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("kind", ["", "-line"], ids=["filled", "outlined"])
def test_verdicts_are_told_apart_by_colour_alone_though_they_need_not_be(sight, kind) -> None:
    names = [f"ok{kind}", f"ng{kind}", "review", f"fault{kind}"]
    near = {
        pair: np.linalg.norm(seen(pair[0], sight) - seen(pair[1], sight)) for pair in itertools.combinations(names, 2)
    }
    assert {pair: round(float(far), 1) for pair, far in near.items() if far < APART} == {}
