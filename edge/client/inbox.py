"""What arrives, put in order: each result once, and what is missing is asked for. Pure: no sockets, no waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from edge.errors import WireError
from edge.wire.answers import ReplayAnswer, Replayed
from edge.wire.frames import map_from_bytes
from edge.wire.messages import (
    DecisionMessage,
    EventMessage,
    ImageMessage,
    MapMessage,
    Message,
    OverlayMessage,
    ResultMessage,
    StateMessage,
    StatisticsMessage,
    Topic,
)
from edge.wire.requests import Replay, parse_after


class Inbox:
    """`put` what was received; take what is `next`; while there is a `gap`, ask for it and `fill` in the answer.

    Results are followed from the first state or result on, or from `after`, the id of the last one that is known:
    then over restarts of the station too. A state shows that results are missing also where no result follows.
    """

    def __init__(self, topics: Iterable[Topic], after: str = "") -> None:
        """Raises WireError when `after` is no inspection's id."""
        self._topics = frozenset(topics)
        self._follows = bool(self._topics & {Topic.RESULT, Topic.VERDICT})
        self._ready: deque[Message] = deque()
        self._held: ResultMessage | StateMessage | None = None
        self._boot, self._sequence = parse_after(after) if after else ("", 0)
        self._past: set[str] = set()
        self.recovered = 0
        """Results that were missed, and came from the journal."""
        self.lost = 0
        """Results that were missed and that the journal does not have any more, as far as they can be counted."""
        self.state: StateMessage | None = None
        """The last one that came."""

    def next(self) -> Message | None:
        """The next message of the topics chosen; None when there is none, or a gap before it."""
        return self._ready.popleft() if self._ready else None

    @property
    def gap(self) -> Replay | None:
        """What to ask the station for before anything else can go on; None when nothing is missing."""
        return Replay(f"{self._boot}-{self._sequence}", maps=Topic.RESULT in self._topics) if self._held else None

    def put(self, message: Message) -> None:
        """A message as it was received, while there is no gap."""
        if isinstance(message, StateMessage):
            self.state = message
        if self._follows and isinstance(message, ResultMessage | StateMessage):
            self._held = message
            self._settle()
        else:
            self._deliver(message)

    def fill(self, answer: ReplayAnswer | None) -> None:
        """The station's answer to `gap`; None: its journal has never had that boot.

        Where the answer does not have all, there is another `gap`. Raises WireError when it leads nowhere.
        """
        if answer and answer.more and not answer.results:
            raise WireError("the station says that there are more results, and sends none")
        assert self._held is not None
        if answer:
            self._take_again(answer, self._held.header.boot)
        elif self._held.header.boot != self._boot:
            self._enter(self._held.header.boot)
            return
        if (answer is None or not answer.more) and self._held.header.boot not in self._past:
            self._give_up(self._held)
        self._settle()

    def _settle(self) -> None:
        """Delivers what is held, or drops it when it is known already; holds it while there is a gap before it."""
        held = self._held
        if held is None:
            return
        if not self._boot:
            self._boot, self._sequence = held.header.boot, _before(held)
        if held.header.boot not in self._past:
            if held.header.boot != self._boot or _before(held) > self._sequence:
                return
            if isinstance(held, StateMessage):
                self._deliver(held)
            elif held.header.sequence > self._sequence:
                self._sequence = held.header.sequence
                self._deliver(held)
        self._held = None

    def _take_again(self, answer: ReplayAnswer, held: str) -> None:
        """`held` is the boot of what is held: it may be older than what the answer has, or than all of it."""
        for each in answer.results:
            self._take_result(each)
        if self._boot not in answer.boots:
            raise WireError(f"the station names its boots, and {self._boot} is not among them")
        self._past.update(answer.boots[: answer.boots.index(self._boot)])
        if held not in answer.boots:
            self._past.add(held)

    def _take_result(self, each: Replayed) -> None:
        header = each.header
        if header.boot in self._past:
            return
        if header.boot != self._boot:
            self._enter(header.boot)
        if header.sequence > self._sequence:
            self.lost += header.sequence - self._sequence - 1
            self._sequence = header.sequence
            self.recovered += 1
            units = None if each.map is None else map_from_bytes(header, each.map)
            self._deliver(ResultMessage(header, units))

    def _enter(self, boot: str) -> None:
        self._past.add(self._boot)
        self._boot, self._sequence = boot, 0

    def _give_up(self, held: ResultMessage | StateMessage) -> None:
        """The journal has nothing more of what is missing before `held`."""
        if held.header.boot != self._boot:
            self._enter(held.header.boot)
        self.lost += max(0, _before(held) - self._sequence)
        self._sequence = max(self._sequence, _before(held))

    def _deliver(self, message: Message) -> None:
        if _topics(message) & self._topics:
            self._ready.append(message)


def _before(message: ResultMessage | StateMessage) -> int:
    """The sequence of the last result that the station sent before this message."""
    header = message.header
    return header.sequence if isinstance(message, StateMessage) else header.sequence - 1


def _topics(message: Message) -> set[Topic]:
    """Under which it comes."""
    match message:
        case ResultMessage():
            return {Topic.RESULT, Topic.VERDICT}
        case MapMessage():
            return {Topic.MAP}
        case OverlayMessage():
            return {Topic.OVERLAY}
        case ImageMessage():
            return {Topic.IMAGE}
        case StateMessage():
            return {Topic.STATE}
        case StatisticsMessage():
            return {Topic.STATISTICS}
        case EventMessage():
            return {Topic.EVENT}
        case DecisionMessage():
            return {Topic.DECISION}
