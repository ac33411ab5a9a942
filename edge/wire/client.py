"""The other side: a station as a program on the same machine sees it."""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import zmq

from edge.contract.lifetime import Closing
from edge.errors import WireError
from edge.wire.messages import (
    EventMessage,
    ImageMessage,
    Message,
    ResultMessage,
    StateMessage,
    StatisticsMessage,
    Topic,
    decode_message,
)
from edge.wire.requests import Command, Reply, decode_reply, encode_request
from edge.wire.sockets import connect

HIGH_WATER = 10_000
LARGEST_MESSAGE = 64 * 1024 * 1024
TIMEOUT_S = 2.0
LOAD_TIMEOUT_S = 75.0
"""For `Load`: a bundle has a minute to prove itself."""


class CommandRefused(WireError):
    """The station answered no; `code` is one of `edge.wire.requests.ErrorCode`, or a newer one."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class Station(Closing):
    """Listens from its making on to the topics chosen, and asks. Belongs to one thread.

    Results are lost while the station's process sends and this one is not yet joined, or reads too slowly for
    long: `wait_joined` before the first trigger, and look at the headers' `number`.
    """

    def __init__(
        self,
        results_address: str,
        commands_address: str,
        *,
        topics: Sequence[Topic] = (Topic.RESULT,),
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Raises WireError when an address is not allowed; that nobody is there shows in the first wait."""
        self._addresses = (results_address, commands_address)
        self._topics = frozenset(topics)
        self._timeout_s = timeout_s
        self._waiting: deque[Message] = deque()
        self._owns_context = context is None
        self._context: zmq.Context[zmq.Socket[bytes]] = context or zmq.Context()
        self._results = self._socket(zmq.SUB)
        self._commands = self._socket(zmq.DEALER)
        try:
            # The state last: once a state comes, the other subscriptions hold too.
            for topic in sorted({*self._topics, Topic.STATE}, key=lambda each: each is Topic.STATE):
                self._results.setsockopt(zmq.SUBSCRIBE, topic.value.encode())
            connect(self._results, results_address)
            connect(self._commands, commands_address)
        except BaseException:
            self.close()
            raise

    def wait_joined(self, timeout_s: float | None = None) -> StateMessage:
        """Waits for the first state: from then on nothing is missed. What came before it is kept for `results`.

        Raises WireError when none comes in time (`timeout_s` None: the one given to the station).
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        while (message := self._next(deadline - time.monotonic())) is not None:
            if _topic(message) in self._topics:
                self._waiting.append(message)
            if isinstance(message, StateMessage):
                return message
        raise WireError(f"no state from {self._addresses[0]} within {limit_s:g} s; is okng running?")

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """The next message of the topics chosen; None when none comes in time (`timeout_s` None: ever)."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        if self._waiting:
            return self._waiting.popleft()
        while (message := self._next(None if deadline is None else deadline - time.monotonic())) is not None:
            if _topic(message) in self._topics:
                return message
        return None

    def results(self, silence_s: float | None = None) -> Iterator[Message]:
        """Messages of the topics chosen, as they come, for ever.

        Raises WireError when the station sent nothing at all, not even its state, for `silence_s` (None: any
        time is fine); or when what came is no message or of a newer schema.
        """
        while True:
            if self._waiting:
                yield self._waiting.popleft()
                continue
            message = self._next(silence_s)
            if message is None:
                raise WireError(f"nothing from {self._addresses[0]} for {silence_s:g} s; is okng running?")
            if _topic(message) in self._topics:
                yield message

    def request(
        self, command: Command, *, request_id: str | None = None, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Asks once, and gives the answer's `result`. It never asks again by itself.

        Raises CommandRefused when the answer is no, and WireError when none comes in time: then it may have been
        done or not; a `Decide` may be repeated with the same `request_id`.
        """
        name = request_id or uuid.uuid4().hex
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        reply = self._ask(name, encode_request(name, command), limit_s)
        if reply is None:
            self._renew()
            raise WireError(f"no answer from {self._addresses[1]} within {limit_s:g} s; is okng running?")
        if reply.error is not None:
            raise CommandRefused(reply.error.code, reply.error.message)
        return reply.result or {}

    def close(self) -> None:
        """May be called twice."""
        self._results.close()
        self._commands.close()
        if self._owns_context:
            self._context.term()

    def _socket(self, kind: int) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVHWM, HIGH_WATER)
        socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
        return socket

    def _renew(self) -> None:
        """A fresh socket: an unsent request of the old one is dropped with it, and so is a late answer."""
        self._commands.close()
        self._commands = self._socket(zmq.DEALER)
        connect(self._commands, self._addresses[1])

    def _ask(self, name: str, data: bytes, limit_s: float) -> Reply | None:
        deadline = time.monotonic() + limit_s
        self._commands.send(data)
        while self._commands.poll(_milliseconds(deadline - time.monotonic())):
            reply = decode_reply(self._commands.recv_multipart()[-1])
            if reply.request_id in {name, ""}:
                return reply
        return None

    def _next(self, timeout_s: float | None) -> Message | None:
        if not self._results.poll(_milliseconds(timeout_s)):
            return None
        return decode_message(self._results.recv_multipart())


def _milliseconds(timeout_s: float | None) -> int | None:
    return None if timeout_s is None else max(0, round(timeout_s * 1000))


def _topic(message: Message) -> Topic:
    match message:
        case ResultMessage():
            return Topic.RESULT
        case ImageMessage():
            return Topic.IMAGE
        case StateMessage():
            return Topic.STATE
        case StatisticsMessage():
            return Topic.STATISTICS
        case EventMessage():
            return Topic.EVENT
