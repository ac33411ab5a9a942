"""What known frames and known parts forbid: the line is ready only while they are judged right."""

from __future__ import annotations

from collections.abc import Sequence

from edge.contract.events import InterlockEvent, Occasion
from edge.contract.types import Judgement, Label
from edge.interlock import Interlock, misjudged
from edge.pipeline import PartJudge
from edge.schedule import Schedule


class Guard:
    """Holds the line while there is a `reason`. Belongs to the line thread; any may read `reason`."""

    def __init__(
        self, interlock: Interlock | None = None, schedule: Schedule | None = None, parts: Sequence[Label] = ()
    ) -> None:
        """`parts`: a known part of each label is to be shown too, after each time the frames were judged.

        Without an interlock nothing is guarded.
        """
        self._interlock, self._schedule, self._labels = interlock, schedule or Schedule(), parts
        self._frames = "the golden frames have not been judged yet" if interlock else ""
        self._parts: dict[Label, str] = {}

    @property
    def reason(self) -> str:
        """Why nothing may be inspected, in plain words; empty where all is well."""
        return self._frames or next(iter([*self._parts.values()]), "")

    def use(self, interlock: Interlock) -> None:
        """From here on these are the known frames; which known parts were judged wrong before is over."""
        self._interlock, self._parts = interlock, {}

    def due(self) -> bool:
        """Whether it is time to judge them again."""
        return self._schedule.due()

    def check(self, judge: PartJudge, occasion: Occasion) -> InterlockEvent:
        """Judges the known frames."""
        assert self._interlock is not None
        event = self._interlock.check(judge, occasion)
        self.hold(event.reason)
        return event

    def hold(self, reason: str) -> None:
        """The frames were judged, with this against the line, if any; the known parts are to be shown again."""
        self._schedule.done()
        for label in self._labels:
            self._parts[label] = f"golden interlock: put a known {label} part before the camera: okng golden {label}"
        self._frames = reason

    def shown(self, judge: PartJudge, label: Label, judgement: Judgement) -> InterlockEvent:
        """A known part was judged; one that was judged wrong is to be shown again."""
        wrong = misjudged(f"the known {label} part", label, judgement)
        if wrong:
            self._parts[label] = f"golden interlock: {wrong}"
        else:
            self._parts.pop(label, None)
        return InterlockEvent(
            occasion="part", recipe=judge.recipe.name if judge.recipe else "", bundle=judge.bundle.digest, frames=1,
            wrong=(wrong,) if wrong else (),
        )  # fmt: skip
