"""Why operators decide as they do: codes that a station file lists, so that decisions can be counted by reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    from edge.contract.types import Decision

ReasonCode = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,40}\Z")]
"""Shown to people with spaces for its hyphens."""
_Codes = Annotated[tuple[ReasonCode, ...], msgspec.Meta(max_length=12)]


class Reasons(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The codes to choose from; a screen shows each list in its order, the first ones within easiest reach."""

    accept: _Codes = ("dust", "reflection", "within-tolerance", "false-alarm")
    reject: _Codes = ("scratch", "dent", "stain", "crack", "missing", "other")

    def __post_init__(self) -> None:
        for name in ("accept", "reject"):
            codes = getattr(self, name)
            if twice := {code for code in codes if codes.count(code) > 1}:
                raise ValueError(f"{name}: each code stands there once, but {min(twice)!r} is there twice")

    def of(self, decision: Decision) -> tuple[str, ...]:
        """Those for this decision."""
        return self.accept if decision == "accept" else self.reject
