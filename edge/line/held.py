"""Parts on their way to the gate, and those of them that the line holds until an operator has decided."""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.types import Verdict


@dataclass(slots=True, eq=False)
class Part:
    """A part that was triggered. Times are CLOCK_MONOTONIC in nanoseconds."""

    deadline_ns: int
    due_ns: int | None
    """When it is at the gate; None: its verdict is all that it waits for."""
    accept: bool = False
    late: bool = False
    """Its deadline has passed without a verdict."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A part that waits for a decision until then."""

    part: Part
    verdict: Verdict
    until_ns: int


class HeldParts:
    """By sequence. Whoever takes one is the only one who does. One thread at a time."""

    def __init__(self) -> None:
        self._held: dict[int, Held] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def left_s(self, now_ns: int) -> dict[int, float]:
        """Seconds that each may still wait."""
        return {sequence: max(0.0, (held.until_ns - now_ns) / 1e9) for sequence, held in self._held.items()}

    def put(self, sequence: int, part: Part, verdict: Verdict, until_ns: int) -> None:
        """It is held from now on."""
        self._held[sequence] = Held(part, verdict, until_ns)

    def take(self, sequence: int) -> Held | None:
        """Somebody decided; None where it is not held (any more)."""
        return self._held.pop(sequence, None)

    def take_all(self) -> list[tuple[int, Held]]:
        """No more time for any."""
        gone, self._held = list(self._held.items()), {}
        return gone

    def take_over_due(self, now_ns: int) -> list[tuple[int, Held]]:
        """Those whose time is over."""
        return self._take([sequence for sequence, held in self._held.items() if held.until_ns <= now_ns])

    def take_part(self, part: Part) -> list[tuple[int, Held]]:
        """That one, if it is held: it is at its gate."""
        return self._take([sequence for sequence, held in self._held.items() if held.part is part])

    def _take(self, sequences: list[int]) -> list[tuple[int, Held]]:
        return [(sequence, self._held.pop(sequence)) for sequence in sequences]
