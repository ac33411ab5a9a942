"""The client that blocks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import zmq

from edge.client.inbox import Inbox
from edge.client.links import (
    BUSY_PAUSE_S,
    GOLDEN_TIMEOUT_S,
    LOAD_TIMEOUT_S,
    QUERY_TIMEOUT_S,
    RECOVERY_TIMEOUT_S,
    TIMEOUT_S,
    CommandRefused,
    command,
    listen,
    milliseconds,
    new_id,
    outcome,
    silence,
)
from edge.contract.cam import Thresholds
from edge.contract.lifetime import Closing
from edge.contract.survey import Survey
from edge.contract.types import Decision, Label
from edge.wire.answers import (
    ChangeoverAnswer,
    DecideAnswer,
    DecisionsAnswer,
    GoldenAnswer,
    InterlockAnswer,
    LoadAnswer,
    ProtectAnswer,
    ReplayAnswer,
    StateAnswer,
    StatusAnswer,
    ThresholdAnswer,
    TriggerAnswer,
    UndoAnswer,
    WaitingAnswer,
    read_answer,
)
from edge.wire.frames import decode_message
from edge.wire.keys import ClientKeys
from edge.wire.messages import Message, ResultMessage, StateMessage, Topic
from edge.wire.present import FetchFrame, FrameAnswer, Recipes, RecipesAnswer
from edge.wire.queries import (
    FetchImage,
    Find,
    FindAnswer,
    History,
    HistoryAnswer,
    ImageAnswer,
    TakeSurvey,
)
from edge.wire.requests import (
    Changeover,
    Command,
    Decide,
    Decisions,
    ErrorCode,
    Golden,
    Interlock,
    Load,
    Pause,
    Protect,
    Replay,
    Reply,
    Resume,
    Rollback,
    SetThresholds,
    Start,
    Status,
    Stop,
    Trigger,
    Undo,
    Waiting,
    decode_reply,
    encode_request,
)


class Station(Closing):
    """Listens from its making on to the topics chosen, and asks. Belongs to one thread.

    Each result comes once and in order: what was missed is fetched from the station's journal (`lost` counts what that
    does not have any more). Images and statistics that were missed are gone. With `Topic.VERDICT` in the place of
    `Topic.RESULT`, results come without their maps.
    """

    def __init__(
        self,
        results_address: str,
        commands_address: str,
        *,
        topics: Sequence[Topic] = (Topic.RESULT,),
        after: str = "",
        keys: ClientKeys | None = None,
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`after`: the id of the last result that is known; all later ones come, also those of later boots.
        `keys`: where the station wants them, which it does beyond its own machine.

        Raises WireError when an address is not allowed; that nobody is there shows in the first wait.
        """
        self._addresses = (results_address, commands_address)
        self._timeout_s, self._keys = timeout_s, keys
        self._inbox = Inbox(topics, after)
        self._owns_context = context is None
        self._context: zmq.Context[zmq.Socket[bytes]] = context or zmq.Context()
        self._results = self._context.socket(zmq.SUB)
        self._commands = self._context.socket(zmq.DEALER)
        try:
            listen(self._results, results_address, topics, keys)
            command(self._commands, commands_address, keys)
        except BaseException:
            self.close()
            raise

    @property
    def recovered(self) -> int:
        """Results that were missed, and came from the journal."""
        return self._inbox.recovered

    @property
    def lost(self) -> int:
        """Results that were missed, and that the journal does not have any more."""
        return self._inbox.lost

    def results(self, silence_s: float | None = None) -> Iterator[ResultMessage]:
        """Each result, for ever; see `messages`."""
        return (message for message in self.messages(silence_s) if isinstance(message, ResultMessage))

    def messages(self, silence_s: float | None = None) -> Iterator[Message]:
        """Messages of the topics chosen, as they come, for ever.

        Raises WireError when the station sent nothing at all, not even its state, for `silence_s` (None: any
        time is fine); when what came is no message or of a newer schema; when what was missed cannot be fetched.
        """
        while True:
            while (message := self._inbox.next()) is not None:
                yield message
            if not self._go_on(silence_s):
                raise silence("nothing", self._addresses[0], silence_s or 0.0)

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """The next message of the topics chosen; None when none comes in time (`timeout_s` None: ever)."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (message := self._inbox.next()) is None:
            if not self._go_on(None if deadline is None else deadline - time.monotonic()):
                return None
        return message

    def wait_joined(self, timeout_s: float | None = None) -> StateMessage:
        """Waits for the next state: from the first one on nothing is missed. What comes before it is kept.

        Raises WireError when none comes in time (`timeout_s` None: the one given to the station).
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        self._inbox.state = None
        while self._inbox.state is None:
            if not self._go_on(deadline - time.monotonic()):
                raise silence("no state", self._addresses[0], limit_s)
        return self._inbox.state

    def status(self) -> StatusAnswer:
        """How the station is. This and all commands below raise as `request` does."""
        return read_answer(self.request(Status()), StatusAnswer)

    def start(self) -> StateAnswer:
        """Inspect what the line triggers."""
        return read_answer(self.request(Start()), StateAnswer)

    def stop(self) -> StateAnswer:
        """Inspect no more."""
        return read_answer(self.request(Stop()), StateAnswer)

    def trigger(self, part: str = "") -> str:
        """Inspect the part in front of the camera once; gives the id under which the result will follow."""
        return read_answer(self.request(Trigger(part)), TriggerAnswer).inspection

    def load(self, bundle: str) -> LoadAnswer:
        """Judge with another bundle, a folder on the station's disk, once it has proved itself, in up to a minute."""
        return read_answer(self.request(Load(bundle), timeout_s=LOAD_TIMEOUT_S), LoadAnswer)

    def rollback(self) -> LoadAnswer:
        """Judge with the bundle before this one again."""
        return read_answer(self.request(Rollback(), timeout_s=LOAD_TIMEOUT_S), LoadAnswer)

    def changeover(self, recipe: str) -> ChangeoverAnswer:
        """Inspect another product, by a recipe of the station, in up to a minute."""
        return read_answer(self.request(Changeover(recipe), timeout_s=LOAD_TIMEOUT_S), ChangeoverAnswer)

    def interlock(self) -> InterlockAnswer:
        """Judge the known frames now."""
        return read_answer(self.request(Interlock(), timeout_s=GOLDEN_TIMEOUT_S), InterlockAnswer)

    def golden(self, label: Label) -> GoldenAnswer:
        """Inspect the known part in front of the camera, which is rejected in any case."""
        return read_answer(self.request(Golden(label), timeout_s=GOLDEN_TIMEOUT_S), GoldenAnswer)

    def decide(
        self, inspection: str, decision: Decision, operator: str, reason: str = "",
        *, code: str = "", replaces: str | None = None,
    ) -> DecideAnswer:  # fmt: skip
        """An operator's decision on an inspection; see `edge.wire.requests.Decide`."""
        asked = Decide(inspection, decision, operator, reason, code, replaces)
        return read_answer(self.request(asked), DecideAnswer)

    def undo(self, decision: str, operator: str) -> UndoAnswer:
        """Takes back the decision that was made under this request id, as long as it stands."""
        return read_answer(self.request(Undo(decision, operator)), UndoAnswer)

    def waiting(self, after: str = "", *, limit: int = 50, maps: bool = True) -> WaitingAnswer:
        """A page of the REVIEW parts that nobody has decided, oldest first, those after an id."""
        return read_answer(self.request(Waiting(after, limit, maps)), WaitingAnswer)

    def decisions(self, inspection: str) -> DecisionsAnswer:
        """All that was decided on one inspection, oldest first."""
        return read_answer(self.request(Decisions(inspection)), DecisionsAnswer)

    def protect(self, inspection: str, operator: str, *, on: bool = True) -> ProtectAnswer:
        """Keeps an inspection and its image whatever the bounds of the journal are, or no longer so."""
        return read_answer(self.request(Protect(inspection, operator, on)), ProtectAnswer)

    def pause(self, operator: str, reason: str = "") -> StateAnswer:
        """Inspect no more until `resume`, over restarts too."""
        return read_answer(self.request(Pause(operator, reason)), StateAnswer)

    def resume(self, operator: str) -> StateAnswer:
        """Go on after a pause."""
        return read_answer(self.request(Resume(operator)), StateAnswer)

    def threshold(self, thresholds: Thresholds, operator: str, reason: str = "") -> ThresholdAnswer:
        """Other thresholds for the recipe in use, once its known frames are judged right by them."""
        asked = SetThresholds(thresholds, operator, reason)
        return read_answer(self.request(asked, timeout_s=GOLDEN_TIMEOUT_S), ThresholdAnswer)

    def history(self, asked: History) -> HistoryAnswer:
        """Inspections of the journal, newest first, a page of them."""
        return read_answer(self.request(asked, timeout_s=QUERY_TIMEOUT_S), HistoryAnswer)

    def find(self, inspection: str) -> FindAnswer:
        """One inspection of the journal, with its map."""
        return read_answer(self.request(Find(inspection), timeout_s=QUERY_TIMEOUT_S), FindAnswer)

    def image(self, inspection: str, size: Literal["thumbnail", "full"] = "full") -> ImageAnswer:
        """The frame of an inspection; refused where the journal has none."""
        return read_answer(self.request(FetchImage(inspection, size), timeout_s=QUERY_TIMEOUT_S), ImageAnswer)

    def recipes(self) -> RecipesAnswer:
        """The recipes that there are to change over to, and the one in use."""
        return read_answer(self.request(Recipes()), RecipesAnswer)

    def frame(self) -> FrameAnswer:
        """The newest frame that the camera gave, with a part inspected in it or not; refused before the first."""
        return read_answer(self.request(FetchFrame(), timeout_s=QUERY_TIMEOUT_S), FrameAnswer)

    def survey(self, asked: TakeSurvey) -> Survey:
        """What the inspections of a span say together."""
        return read_answer(self.request(asked, timeout_s=QUERY_TIMEOUT_S), Survey)

    def request(
        self, command: Command, *, request_id: str | None = None, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Asks once, and gives the answer's `result`. It never asks again by itself.

        Raises CommandRefused when the answer is no, and WireError when none comes in time: then it may have been
        done or not, and may be asked again with the same `request_id`.
        """
        name = request_id or new_id()
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        reply = self._ask(name, encode_request(name, command), limit_s)
        if reply is None:
            self._renew()
            raise silence("no answer", self._addresses[1], limit_s)
        return outcome(reply)

    def close(self) -> None:
        """May be called twice."""
        self._results.close()
        self._commands.close()
        if self._owns_context:
            self._context.term()

    def _go_on(self, timeout_s: float | None) -> bool:
        """One step towards the next message; False when nothing came in time."""
        if gap := self._inbox.gap:
            self._inbox.fill(self._recover(gap))
            return True
        if not self._results.poll(milliseconds(timeout_s)):
            return False
        self._inbox.put(decode_message(self._results.recv_multipart()))
        return True

    def _recover(self, gap: Replay) -> ReplayAnswer | None:
        try:
            return read_answer(self.request(gap, timeout_s=max(RECOVERY_TIMEOUT_S, self._timeout_s)), ReplayAnswer)
        except CommandRefused as error:
            if error.code == ErrorCode.UNKNOWN_INSPECTION:
                return None
            if error.code != ErrorCode.BUSY:
                raise
        time.sleep(BUSY_PAUSE_S)
        return self._recover(gap)

    def _renew(self) -> None:
        """A fresh socket: an unsent request of the old one is dropped with it, and so is a late answer."""
        self._commands.close()
        self._commands = self._context.socket(zmq.DEALER)
        command(self._commands, self._addresses[1], self._keys)

    def _ask(self, name: str, data: bytes, limit_s: float) -> Reply | None:
        deadline = time.monotonic() + limit_s
        if not self._commands.poll(milliseconds(limit_s), zmq.POLLOUT):
            return None  # a station that does not know our key leaves us without any connection
        self._commands.send(data)
        while self._commands.poll(milliseconds(deadline - time.monotonic())):
            reply = decode_reply(self._commands.recv_multipart()[-1])
            if reply.request_id in {name, ""}:
                return reply
        return None
