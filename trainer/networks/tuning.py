"""Which weights of a network learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from edge.errors import UsageError

Way = Literal["frozen-cached", "frozen", "fine-tune"]


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a network goes on from the weights it starts with.

    "frozen-cached": only the head learns, from features computed once, so without augmentation; "frozen": only the
    head learns, every image anew; "fine-tune": everything from `layer` on, or all of it where that is None.
    """

    way: Way = "fine-tune"
    layer: str | None = None

    def __str__(self) -> str:
        return f"{self.way}:{self.layer}" if self.layer else self.way

    @property
    def head_only(self) -> bool:
        """Whether only the CAM head learns."""
        return self.way != "fine-tune"


def read_tuning(text: str) -> Tuning:
    """What the command line says: a way, or "fine-tune:LAYER". Raises UsageError."""
    way, colon, layer = text.partition(":")
    if way not in get_args(Way) or (colon and (way != "fine-tune" or not layer)):
        raise UsageError(f"--tuning {text}: is none of frozen-cached, frozen, fine-tune, fine-tune:LAYER")
    return Tuning(cast(Way, way), layer or None)
