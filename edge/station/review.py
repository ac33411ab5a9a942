"""What operators say of parts, here and elsewhere: pure. Each decision is sent once, whatever is clicked twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from edge.contract.reasons import Reasons
from edge.contract.types import Decision
from edge.station.live import Part
from edge.station.queue import KEPT, Queue
from edge.wire.messages import DecidedFact, DecisionHeader, ImageMessage, ResultMessage

HISTORY = 20


class Progress(StrEnum):
    """Where a choice is."""

    SENDING = "sending"
    DONE = "done"
    REFUSED = "refused"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True)
class Choice:
    """What an operator chose for one inspection. `request_id` is the wire's: repeated, it is carried out once.

    `replaces` is the request id of the decision that stood then, empty for none.
    """

    inspection: str
    part: str
    decision: Decision
    operator: str
    request_id: str
    code: str = ""
    replaces: str = ""
    progress: Progress = Progress.SENDING
    why: str = ""
    """Why the station refused it."""


@dataclass(frozen=True)
class Withdrawal:
    """An operator takes a choice back."""

    choice: Choice
    operator: str
    request_id: str


@dataclass(frozen=True)
class Case:
    """A part to decide on, as one sees it. `said` stands on it; `until` is when the line waits no longer, monotonic."""

    part: Part
    said: DecidedFact | None = None
    until: float | None = None

    @property
    def id(self) -> str:
        """Of the inspection."""
        return self.part.result.header.id

    @property
    def seen(self) -> str:
        """What a decision on it replaces."""
        return self.said.request_id if self.said else ""


class Review:
    """The queue, the last parts, and the last choices. One for all who look at the page."""

    def __init__(self) -> None:
        self._queue = Queue()
        self._said: OrderedDict[str, DecidedFact] = OrderedDict()
        self._choices: OrderedDict[str, Choice] = OrderedDict()
        """By request id."""
        self._numbers = ("", 0)
        self.held: dict[str, float] = {}
        """Parts at the line, by inspection: until when it waits, monotonic."""
        self.reasons = Reasons()
        self.stale = True
        """The journal is to be asked what waits: `begin`, then `fill`."""

    @property
    def total(self) -> int:
        """How many parts wait."""
        return self._queue.total

    @property
    def waiting(self) -> list[Case]:
        """Parts that nobody has decided on: first those that the line holds, then the oldest."""
        cases = [self._case(part) for part in self._queue.parts]
        return sorted(cases, key=lambda each: each.until if each.until is not None else float("inf"))

    def recent(self, count: int) -> list[Case]:
        """The last parts, newest first, whatever their verdict."""
        return [self._case(part) for part in self._queue.recent(count)]

    def find(self, inspection: str) -> Case | None:
        """One of them; None where it is not known here."""
        part = self._queue.known(inspection)
        return self._case(part) if part else None

    @property
    def choices(self) -> list[Choice]:
        """The last choices, newest first, also of others."""
        return list(reversed(self._choices.values()))

    def stands(self, choice: Choice) -> bool:
        """Whether that choice is what counts on its part."""
        said = self._said.get(choice.inspection)
        return said is not None and said.request_id == choice.request_id

    def put(self, result: ResultMessage, image: ImageMessage | None = None) -> None:
        """A result; one that was here before changes nothing."""
        self._queue.put(Part(result, image))

    def attach(self, image: ImageMessage) -> None:
        """The frame of a part that is known."""
        if part := self._queue.known(image.header.id):
            self._queue.attach(Part(part.result, image))

    def bring(self, part: Part, said: DecidedFact | None) -> None:
        """A part of the journal, however old, and what stands on it."""
        self._queue.bring(part)
        if said is None:
            self._said.pop(part.result.header.id, None)
        else:
            self._said[said.inspection_id] = said

    def begin(self) -> None:
        """The station is being asked."""
        self.stale = False
        self._queue.begin()

    def fill(self, results: Iterable[ResultMessage], *, total: int, more: bool) -> None:
        """What waits in the journal, oldest first, as far as it was asked."""
        self._queue.fill([Part(each, None) for each in results], total=total, more=more)
        for choice in self._choices.values():
            if choice.progress is Progress.SENDING:
                self._queue.take(choice.inspection)

    def changed(self, header: DecisionHeader) -> None:
        """What the station says has been decided or taken back, by whomever."""
        boot, number = self._numbers
        if number and (header.boot, header.number) != (boot, number + 1):
            self.stale = True
        self._numbers = header.boot, header.number
        if header.undone and (undone := self._choices.get(header.undone)):
            self._keep(replace(undone, progress=Progress.UNDONE, why=""))
        self._stand(header.inspection, header.said)
        if header.said and not header.undone and header.said.request_id not in self._choices:
            self._keep(self._choice_of(header.said))

    def choose(
        self, inspection: str, decision: Decision, operator: str, request_id: str, *, code: str = "", seen: str = ""
    ) -> Choice | None:
        """The choice to send; None where another one stands than was `seen`, the same does, or one is being sent."""
        case = self.find(inspection)
        if case is None or case.seen != seen or self._busy(inspection):
            return None
        if case.said and (case.said.decision, case.said.code) == (decision, code):
            return None
        if code and code not in self.reasons.of(decision):
            return None
        self._queue.take(inspection)
        self.held.pop(inspection, None)
        return self._keep(Choice(inspection, case.part.result.header.part, decision, operator, request_id, code, seen))

    def undo(self, request_id: str, operator: str, undo_id: str) -> Withdrawal | None:
        """The withdrawal to send; None where that choice does not stand, or is being taken back."""
        choice = self._choices.get(request_id)
        if choice is None or choice.progress is not Progress.DONE or not self.stands(choice):
            return None
        return Withdrawal(self._keep(replace(choice, progress=Progress.UNDOING)), operator, undo_id)

    def done(self, choice: Choice, said: DecidedFact) -> None:
        """It is on the station's disk."""
        if self._progress(choice) is Progress.SENDING:
            self._keep(replace(choice, progress=Progress.DONE))
            self._stand(choice.inspection, said)

    def undone(self, withdrawal: Withdrawal, said: DecidedFact | None) -> None:
        """It was taken back, and this stands."""
        if self._progress(withdrawal.choice) is Progress.UNDOING:
            self._keep(replace(withdrawal.choice, progress=Progress.UNDONE))
            self._stand(withdrawal.choice.inspection, said)

    def refused(self, choice: Choice, why: str) -> None:
        """The station said no: a part on which nothing stands waits again."""
        if self._progress(choice) is Progress.SENDING:
            self._keep(replace(choice, progress=Progress.REFUSED, why=why))
            self._stand(choice.inspection, self._said.get(choice.inspection))
        else:
            self._keep(replace(choice, progress=Progress.DONE, why=why))

    def _case(self, part: Part) -> Case:
        name = part.result.header.id
        return Case(part, self._said.get(name), self.held.get(name))

    def _stand(self, inspection: str, said: DecidedFact | None) -> None:
        if said is None:
            self._said.pop(inspection, None)
            self.stale |= not self._queue.put_back(inspection)
            return
        self._said[inspection] = said
        self.held.pop(inspection, None)
        self._queue.take(inspection)
        self.stale |= self._queue.short
        while len(self._said) > KEPT:
            self._said.popitem(last=False)

    def _busy(self, inspection: str) -> bool:
        under_way = (Progress.SENDING, Progress.UNDOING)
        return any(each.inspection == inspection and each.progress in under_way for each in self._choices.values())

    def _progress(self, choice: Choice) -> Progress | None:
        found = self._choices.get(choice.request_id)
        return found.progress if found else None

    def _choice_of(self, said: DecidedFact) -> Choice:
        part = self._queue.known(said.inspection_id)
        name = part.result.header.part if part else ""
        return Choice(
            said.inspection_id, name, said.decision, said.operator, said.request_id, said.code, progress=Progress.DONE
        )

    def _keep(self, choice: Choice) -> Choice:
        self._choices[choice.request_id] = choice
        while len(self._choices) > HISTORY:
            self._choices.popitem(last=False)
        return choice
