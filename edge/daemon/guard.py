"""What known frames and known parts forbid: the line is ready only while they are judged right."""

from __future__ import annotations

from collections.abc import Sequence

from edge.contract.events import InterlockEvent, Occasion
from edge.contract.types import Judgement, Label
from edge.daemon.interlock import Interlock, misjudged
from edge.daemon.schedule import Schedule
from edge.inspection.pipeline import PartJudge


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
        self._refused = ""

    @property
    def reason(self) -> str:
        """Why nothing may be inspected, in plain words; empty where all is well."""
        return self._refused or self._frames or next(iter([*self._parts.values()]), "")

    def use(self, interlock: Interlock) -> None:
        """Another bundle or recipe has taken over, and these are its known frames; what was wrong before is over."""
        self._interlock, self._parts, self._refused = interlock, {}, ""

    def keep(self, interlock: Interlock, event: InterlockEvent) -> None:
        """The same bundle and recipe with other thresholds: its frames were judged, known parts need not be again."""
        self._interlock, self._frames = interlock, event.reason
        self._schedule.done()

    def due(self) -> bool:
        """Whether it is time to judge them again."""
        return self._schedule.due()

    def check(self, judge: PartJudge, occasion: Occasion) -> InterlockEvent:
        """Judges the known frames. On command it also says that the line may go on after a changeover was refused."""
        assert self._interlock is not None
        event = self._interlock.check(judge, occasion)
        if occasion == "command":
            self._refused = ""
        self.judged(event)
        return event

    def refuse(self, event: InterlockEvent) -> None:
        """A changeover was refused, for this: parts of another product may be on their way."""
        self._refused = f"the changeover to {event.recipe} failed, {event.reason}"

    def judged(self, event: InterlockEvent) -> None:
        """The frames of what is in use were judged; the known parts are to be shown again."""
        self._schedule.done()
        for label in self._labels:
            self._parts[label] = f"golden interlock: put a known {label} part before the camera: okng golden {label}"
        self._frames = event.reason

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
