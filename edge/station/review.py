"""The queue of REVIEW parts, and what operators say of them: pure. Each is decided once, whatever is clicked twice."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from enum import StrEnum

from edge.contract.types import Decision, Verdict
from edge.station.live import Part
from edge.wire.messages import ImageMessage, ResultMessage

LONGEST_QUEUE = 200
REMEMBERED = 1000
HISTORY = 20


class Progress(StrEnum):
    """Where a choice is."""

    SENDING = "sending"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True)
class Choice:
    """What an operator chose for one inspection. `request_id` is the wire's: repeated, it is carried out once."""

    inspection: str
    part: str
    decision: Decision
    operator: str
    request_id: str
    progress: Progress = Progress.SENDING
    why: str = ""
    """Why the station refused it."""


class Review:
    """Parts that wait, oldest first, and the last choices, newest first. One for all who look at the page."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Part] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._choices: dict[str, Choice] = {}
        self._order: deque[str] = deque(maxlen=HISTORY)
        self.dropped = 0
        """Parts that waited too long for the page to hold them; the journal has them."""

    @property
    def waiting(self) -> list[Part]:
        """Parts that nobody has decided yet, oldest first."""
        return list(self._waiting.values())

    @property
    def choices(self) -> list[Choice]:
        """The last choices, newest first."""
        return [self._choices[each] for each in reversed(self._order)]

    def put(self, result: ResultMessage, image: ImageMessage | None = None) -> None:
        """A result; one of another verdict, or one that was here before, changes nothing."""
        name = result.header.id
        if result.header.verdict is not Verdict.REVIEW or name in self._known:
            return
        self._waiting[name] = Part(result, image)
        self._known[name] = None
        while len(self._waiting) > LONGEST_QUEUE:
            self._waiting.popitem(last=False)
            self.dropped += 1
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def attach(self, image: ImageMessage) -> None:
        """The frame of a part that may be waiting."""
        if part := self._waiting.get(image.header.id):
            self._waiting[image.header.id] = Part(part.result, image)

    def choose(self, inspection: str, decision: Decision, operator: str, request_id: str) -> Choice | None:
        """The choice to send; None where there is nothing to choose any more: somebody, or a first click, did."""
        part = self._waiting.pop(inspection, None)
        if part is None:
            return None
        header = part.result.header
        self._order = deque((each for each in self._order if each != inspection), HISTORY)
        self._order.append(inspection)
        choice = Choice(inspection, header.part, decision, operator, request_id)
        return self._keep(choice)

    def change(self, inspection: str, decision: Decision, operator: str, request_id: str) -> Choice | None:
        """Another choice for a part that was decided, which then counts; None where that changes nothing."""
        old = self._choices.get(inspection)
        if old is None or old.progress is Progress.SENDING or inspection not in self._order:
            return None
        if old.progress is Progress.DONE and old.decision is decision:
            return None
        return self._keep(Choice(inspection, old.part, decision, operator, request_id))

    def done(self, choice: Choice) -> None:
        """It is on the station's disk."""
        self._keep(replace(choice, progress=Progress.DONE))

    def refused(self, choice: Choice, why: str) -> None:
        """The station said no."""
        self._keep(replace(choice, progress=Progress.REFUSED, why=why))

    def _keep(self, choice: Choice) -> Choice:
        self._choices[choice.inspection] = choice
        for gone in self._choices.keys() - {*self._order, choice.inspection}:
            del self._choices[gone]
        return choice
