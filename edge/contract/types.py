"""The values that pass between the parts of okng."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from edge.contract.recipe import NamedRegion, Recipe

Pixels = NDArray[np.uint8]
"""An image: (height, width) grey or (height, width, 3) in BGR order, uint8."""

MapUnits = NDArray[np.int8]
"""The network's output as it leaves the interpreter: (rows, columns, classes), int8."""


Label = Literal["ok", "ng"]
"""What a known part is."""


def plain(text: str) -> str:
    """`text` as UTF-8 can hold it: file names may carry bytes that are none."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


class Verdict(StrEnum):
    """What okng says of a part."""

    OK = "ok"
    NG = "ng"
    REVIEW = "review"
    """Unsure: an operator decides."""
    FAULT = "fault"
    """The machine could not judge; never counts as OK."""


class Signal(StrEnum):
    """What the line gets."""

    ACCEPT = "accept"
    REJECT = "reject"


class Decision(StrEnum):
    """What an operator says of an inspection."""

    ACCEPT = "accept"
    REJECT = "reject"


class State(StrEnum):
    """The station's state, in the words of OPC 40100-1."""

    PREOPERATIONAL = "preoperational"
    HALTED = "halted"
    INITIALIZED = "initialized"
    READY = "ready"
    SINGLE_EXECUTION = "single_execution"
    CONTINUOUS_EXECUTION = "continuous_execution"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured image.

    `captured_ns` is wall-clock time (Unix, nanoseconds) for the record; `monotonic_ns` is CLOCK_MONOTONIC of the
    same instant, for order and deadlines. `index` counts the camera's frames from 0. `name` says where a frame of a
    capture came from, relative to it; a live camera's frames have none. `small` is the same image in grey, made smaller
    by a camera that can: it may say that a part has come, never what it is like.
    """

    pixels: Pixels
    index: int
    captured_ns: int
    monotonic_ns: int
    name: str = ""
    small: Pixels | None = None

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
            raise ValueError(f"a frame is uint8, (h, w) or (h, w, 3); got {self.pixels.dtype} {shape}")
        if not self.pixels.size:
            raise ValueError("a frame has at least one pixel")


@dataclass(frozen=True, slots=True)
class LookResult:
    """What one region of one frame of a part was judged as. `frame` counts the part's frames from 0."""

    frame: int
    region: str
    """Its name; empty for the card's."""
    verdict: Verdict
    score: float | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the model says of one part: the verdict and the map it was pooled from.

    `score` is P(NG), 0 to 1. `map_units` are int8; a logit is `(unit - zero_point) * scale` (see the bundle's card).
    `kind` is what the part is named as: one of the ok kinds for OK, for NG and REVIEW one of the ng kinds; None where
    the bundle tells no kinds apart. For FAULT all three are None and `reason` says why.

    A recipe may have a part looked at several times: then `looks` has the result of each, and the rest is that of the
    decisive one: `frame` says in which of the part's frames, counted from 0, and `region` where in it the map lies.
    """

    verdict: Verdict
    score: float | None
    map_units: MapUnits | None
    reason: str = ""
    timings_ms: dict[str, float] = field(default_factory=dict)
    kind: str | None = None
    region: NamedRegion | None = None
    """None: the card's."""
    frame: int = 0
    looks: tuple[LookResult, ...] = ()
    """Empty where there was one alone."""

    @classmethod
    def fault(cls, reason: str) -> Judgement:
        """The machine could not judge, and this is why."""
        return cls(Verdict.FAULT, None, None, reason)

    @property
    def signal(self) -> Signal:
        """Only a verdict of OK is ever accepted."""
        return Signal.ACCEPT if self.verdict is Verdict.OK else Signal.REJECT


@dataclass(frozen=True, slots=True)
class Inspection:
    """One trigger's one result. `boot_id` and `sequence` together name it: its `id` is `boot_id-sequence`.

    Of several frames of the part, `frame` is the decisive one, and `frames` are all, where they are wanted. `recipe` is
    None where the bundle alone said how.
    `golden` says what the part is known to be: one that was shown to the station, and is rejected in any case.
    """

    boot_id: str
    sequence: int
    part: str
    frame: Frame | None
    judgement: Judgement
    signal: Signal
    triggered_ns: int
    recipe: Recipe | None = None
    golden: Label | None = None
    frames: tuple[Frame, ...] = ()

    @property
    def id(self) -> str:
        """Name of this inspection, as `okng accept` and `okng reject` take it."""
        return self.name(self.boot_id, self.sequence)

    @staticmethod
    def name(boot_id: str, sequence: int) -> str:
        """The id of the inspection with this boot id and sequence number."""
        return f"{boot_id}-{sequence}"
