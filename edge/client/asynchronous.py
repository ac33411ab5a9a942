"""The client for asyncio: `Station`, with `await`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Literal, Self

import zmq
import zmq.asyncio

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


class AsyncStation:
    """As `Station`; belongs to one event loop. One task iterates; any may ask, one after the other."""

    def __init__(
        self,
        results_address: str,
        commands_address: str,
        *,
        topics: Sequence[Topic] = (Topic.RESULT,),
        after: str = "",
        keys: ClientKeys | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """See `Station`."""
        self._addresses = (results_address, commands_address)
        self._timeout_s, self._keys = timeout_s, keys
        self._inbox = Inbox(topics, after)
        self._asking = asyncio.Lock()
        self._context = zmq.asyncio.Context()
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
        """See `Station.recovered`."""
        return self._inbox.recovered

    @property
    def lost(self) -> int:
        """See `Station.lost`."""
        return self._inbox.lost

    async def results(self, silence_s: float | None = None) -> AsyncIterator[ResultMessage]:
        """See `Station.results`."""
        async for message in self.messages(silence_s):
            if isinstance(message, ResultMessage):
                yield message

    async def messages(self, silence_s: float | None = None) -> AsyncIterator[Message]:
        """See `Station.messages`."""
        while True:
            while (message := self._inbox.next()) is not None:
                yield message
            if not await self._go_on(silence_s):
                raise silence("nothing", self._addresses[0], silence_s or 0.0)

    async def wait_joined(self, timeout_s: float | None = None) -> StateMessage:
        """See `Station.wait_joined`."""
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        self._inbox.state = None
        while self._inbox.state is None:
            if not await self._go_on(deadline - time.monotonic()):
                raise silence("no state", self._addresses[0], limit_s)
        return self._inbox.state

    async def status(self) -> StatusAnswer:
        """See `Station.status`."""
        return read_answer(await self.request(Status()), StatusAnswer)

    async def start(self) -> StateAnswer:
        """See `Station.start`."""
        return read_answer(await self.request(Start()), StateAnswer)

    async def stop(self) -> StateAnswer:
        """See `Station.stop`."""
        return read_answer(await self.request(Stop()), StateAnswer)

    async def trigger(self, part: str = "") -> str:
        """See `Station.trigger`."""
        return read_answer(await self.request(Trigger(part)), TriggerAnswer).inspection

    async def load(self, bundle: str) -> LoadAnswer:
        """See `Station.load`."""
        return read_answer(await self.request(Load(bundle), timeout_s=LOAD_TIMEOUT_S), LoadAnswer)

    async def rollback(self) -> LoadAnswer:
        """See `Station.rollback`."""
        return read_answer(await self.request(Rollback(), timeout_s=LOAD_TIMEOUT_S), LoadAnswer)

    async def changeover(self, recipe: str) -> ChangeoverAnswer:
        """See `Station.changeover`."""
        return read_answer(await self.request(Changeover(recipe), timeout_s=LOAD_TIMEOUT_S), ChangeoverAnswer)

    async def interlock(self) -> InterlockAnswer:
        """See `Station.interlock`."""
        return read_answer(await self.request(Interlock(), timeout_s=GOLDEN_TIMEOUT_S), InterlockAnswer)

    async def golden(self, label: Label) -> GoldenAnswer:
        """See `Station.golden`."""
        return read_answer(await self.request(Golden(label), timeout_s=GOLDEN_TIMEOUT_S), GoldenAnswer)

    async def decide(
        self, inspection: str, decision: Decision, operator: str, reason: str = "",
        *, code: str = "", replaces: str | None = None,
    ) -> DecideAnswer:  # fmt: skip
        """See `Station.decide`."""
        asked = Decide(inspection, decision, operator, reason, code, replaces)
        return read_answer(await self.request(asked), DecideAnswer)

    async def undo(self, decision: str, operator: str) -> UndoAnswer:
        """See `Station.undo`."""
        return read_answer(await self.request(Undo(decision, operator)), UndoAnswer)

    async def waiting(self, after: str = "", *, limit: int = 50, maps: bool = True) -> WaitingAnswer:
        """See `Station.waiting`."""
        return read_answer(await self.request(Waiting(after, limit, maps)), WaitingAnswer)

    async def decisions(self, inspection: str) -> DecisionsAnswer:
        """See `Station.decisions`."""
        return read_answer(await self.request(Decisions(inspection)), DecisionsAnswer)

    async def protect(self, inspection: str, operator: str, *, on: bool = True) -> ProtectAnswer:
        """See `Station.protect`."""
        return read_answer(await self.request(Protect(inspection, operator, on)), ProtectAnswer)

    async def pause(self, operator: str, reason: str = "") -> StateAnswer:
        """See `Station.pause`."""
        return read_answer(await self.request(Pause(operator, reason)), StateAnswer)

    async def resume(self, operator: str) -> StateAnswer:
        """See `Station.resume`."""
        return read_answer(await self.request(Resume(operator)), StateAnswer)

    async def threshold(self, thresholds: Thresholds, operator: str, reason: str = "") -> ThresholdAnswer:
        """See `Station.threshold`."""
        asked = SetThresholds(thresholds, operator, reason)
        return read_answer(await self.request(asked, timeout_s=GOLDEN_TIMEOUT_S), ThresholdAnswer)

    async def history(self, asked: History) -> HistoryAnswer:
        """See `Station.history`."""
        return read_answer(await self.request(asked, timeout_s=QUERY_TIMEOUT_S), HistoryAnswer)

    async def find(self, inspection: str) -> FindAnswer:
        """See `Station.find`."""
        return read_answer(await self.request(Find(inspection), timeout_s=QUERY_TIMEOUT_S), FindAnswer)

    async def image(self, inspection: str, size: Literal["thumbnail", "full"] = "full") -> ImageAnswer:
        """See `Station.image`."""
        return read_answer(await self.request(FetchImage(inspection, size), timeout_s=QUERY_TIMEOUT_S), ImageAnswer)

    async def recipes(self) -> RecipesAnswer:
        """See `Station.recipes`."""
        return read_answer(await self.request(Recipes()), RecipesAnswer)

    async def frame(self) -> FrameAnswer:
        """See `Station.frame`."""
        return read_answer(await self.request(FetchFrame(), timeout_s=QUERY_TIMEOUT_S), FrameAnswer)

    async def survey(self, asked: TakeSurvey) -> Survey:
        """See `Station.survey`."""
        return read_answer(await self.request(asked, timeout_s=QUERY_TIMEOUT_S), Survey)

    async def request(
        self, command: Command, *, request_id: str | None = None, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """See `Station.request`."""
        name = request_id or new_id()
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        async with self._asking:
            reply = await self._ask(name, encode_request(name, command), limit_s)
            if reply is None:
                self._renew()
                raise silence("no answer", self._addresses[1], limit_s)
        return outcome(reply)

    def close(self) -> None:
        """May be called twice."""
        self._results.close()
        self._commands.close()
        self._context.term()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _go_on(self, timeout_s: float | None) -> bool:
        """One step towards the next message; False when nothing came in time."""
        if gap := self._inbox.gap:
            self._inbox.fill(await self._recover(gap))
            return True
        if not await self._results.poll(milliseconds(timeout_s)):
            return False
        self._inbox.put(decode_message(await self._results.recv_multipart()))
        return True

    async def _recover(self, gap: Replay) -> ReplayAnswer | None:
        limit_s = max(RECOVERY_TIMEOUT_S, self._timeout_s)
        try:
            return read_answer(await self.request(gap, timeout_s=limit_s), ReplayAnswer)
        except CommandRefused as error:
            if error.code == ErrorCode.UNKNOWN_INSPECTION:
                return None
            if error.code != ErrorCode.BUSY:
                raise
        await asyncio.sleep(BUSY_PAUSE_S)
        return await self._recover(gap)

    def _renew(self) -> None:
        self._commands.close()
        self._commands = self._context.socket(zmq.DEALER)
        command(self._commands, self._addresses[1], self._keys)

    async def _ask(self, name: str, data: bytes, limit_s: float) -> Reply | None:
        deadline = time.monotonic() + limit_s
        if not await self._commands.poll(milliseconds(limit_s), zmq.POLLOUT):  # type: ignore[call-arg]
            return None
        await self._commands.send(data)
        while await self._commands.poll(milliseconds(deadline - time.monotonic())):
            reply = decode_reply((await self._commands.recv_multipart())[-1])
            if reply.request_id in {name, ""}:
                return reply
        return None
