"""The client's two sockets, and what answers mean: what `Station` and `AsyncStation` have in common."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import zmq

from edge.errors import WireError
from edge.wire.keys import ClientKeys
from edge.wire.messages import Topic
from edge.wire.requests import Reply
from edge.wire.sockets import connect

HIGH_WATER = 10_000
LARGEST_MESSAGE = 64 * 1024 * 1024
TIMEOUT_S = 2.0
LOAD_TIMEOUT_S = 75.0
"""For `load`: a bundle has a minute to prove itself."""
GOLDEN_TIMEOUT_S = 75.0
"""For `golden` and `interlock`: a part may have many frames, and a camera a minute for each."""
QUERY_TIMEOUT_S = 30.0
"""For what asks the journal: much of it may be read."""
BUSY_PAUSE_S = 0.2
"""Before what was missed is asked for again."""
RECOVERY_TIMEOUT_S = 30.0
"""For what was missed: the station's disk may be busy."""


class CommandRefused(WireError):
    """The station answered no; `code` is one of `edge.wire.requests.ErrorCode`, or a newer one."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


def listen(socket: zmq.Socket[Any], address: str, topics: Iterable[Topic], keys: ClientKeys | None) -> None:
    """Makes a SUB socket a listener to these topics and the state. Raises WireError, as `connect` does."""
    _bound(socket)
    # The state last: once a state comes, the other subscriptions hold too.
    for topic in sorted({*topics, Topic.STATE}, key=lambda each: each is Topic.STATE):
        socket.setsockopt(zmq.SUBSCRIBE, topic.value.encode())
    connect(socket, address, keys)


def command(socket: zmq.Socket[Any], address: str, keys: ClientKeys | None) -> None:
    """Makes a DEALER socket one that asks. Raises WireError, as `connect` does."""
    _bound(socket)
    connect(socket, address, keys)


def _bound(socket: zmq.Socket[Any]) -> None:
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, HIGH_WATER)
    socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)


def new_id() -> str:
    """A request id that nobody has had."""
    return uuid.uuid4().hex


def outcome(reply: Reply) -> dict[str, Any]:
    """An answer's result. Raises CommandRefused when it is no."""
    if reply.error is not None:
        raise CommandRefused(reply.error.code, reply.error.message)
    return reply.result or {}


def milliseconds(timeout_s: float | None) -> int | None:
    """As zmq's poll takes it; None is for ever."""
    return None if timeout_s is None else max(0, round(timeout_s * 1000))


def silence(what: str, address: str, limit_s: float) -> WireError:
    """Nothing came from there in time."""
    return WireError(f"{what} from {address} within {limit_s:g} s; is okng running?")
