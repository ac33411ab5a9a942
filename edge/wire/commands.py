"""The commanded side: valid requests go to the daemon, all others get their answer here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import zmq

from edge.contract.lifetime import Closing
from edge.errors import WireError
from edge.wire.addresses import is_tcp
from edge.wire.guard import Guard, user_of
from edge.wire.once import RATE, REPETITIONS, Known, Once, Rates
from edge.wire.requests import (
    LARGEST_FRAME,
    ErrorCode,
    Refusal,
    Request,
    answer_frames,
    decode_request,
    refusal_frames,
)
from edge.wire.sockets import bind

WAITING_REQUESTS = 64
"""Per peer, so that one cannot fill the memory."""
LINGER_MS = 200


class CommandServer(Closing):
    """A ROUTER socket. Belongs to one thread, from its making on: `poll`, carry out, then `reply` or `refuse`.

    Each request gets exactly one answer, at any later time; to a peer that is gone it is dropped. One that comes again
    under its id is answered again, and not given out again.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str, guard: Guard | None = None) -> None:
        """Raises WireError when `address` is not allowed, in use or cannot be made (see `sockets.bind`)."""
        self._guard = guard if is_tcp(address) else None
        self._once, self._rates = Once(), Rates()
        self._socket = context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_FRAME)
        self._socket.setsockopt(zmq.RCVHWM, WAITING_REQUESTS)
        self._socket.setsockopt(zmq.LINGER, LINGER_MS)
        try:
            self.address = bind(self._socket, address, guard)
        except BaseException:
            self._socket.close()
            raise

    def poll(self, timeout_ms: int) -> Request | None:
        """The next valid request; None when none came in time, or when one came that was refused here.

        Raises WireError when the socket is gone.
        """
        try:
            if not self._socket.poll(timeout_ms):
                return None
            frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return None
        except zmq.ZMQError as error:
            raise WireError(f"{self.address}: cannot take commands: {error.strerror}") from error
        asked = self._admit(frames)
        if isinstance(asked, Refusal):
            self._send(refusal_frames(asked))
            return None
        return asked

    def _admit(self, frames: Sequence[zmq.Frame]) -> Request | Refusal | None:
        """What is to be carried out, or refused; None when it was carried out before, or is just now."""
        asked, user = decode_request([frame.bytes for frame in frames]), user_of(frames) if self._guard else ""
        if not self._rates.allow(user.encode() or asked.route[0]):
            return Refusal(asked.route, asked.request_id, ErrorCode.BUSY, f"more than {RATE:.0f} requests a second")
        if isinstance(asked, Refusal):
            return asked
        if self._guard:
            asked = replace(asked, user=user)
            if why := self._guard.refusal(user, asked.command):
                return Refusal(asked.route, asked.request_id, ErrorCode.FORBIDDEN, why)
        if known := self._once.known(asked):
            return self._again(asked, known)
        return asked

    def _again(self, asked: Request, known: Known) -> Refusal | None:
        if known.command != asked.command:
            why = f"request {asked.request_id!r} was already used, for another command; send it with a new id"
            return Refusal(asked.route, asked.request_id, ErrorCode.REFUSED, why)
        if known.answer is not None:
            self._send([*asked.route, known.answer])
        elif len(known.routes) < REPETITIONS:
            known.routes.append(asked.route)
        else:
            return Refusal(asked.route, asked.request_id, ErrorCode.BUSY, "asked often enough; the answer will come")
        return None

    def reply(self, request: Request, result: Mapping[str, Any]) -> None:
        """Answers that it was done. `result` is what JSON holds, or structs and dataclasses of that."""
        answer = answer_frames(request, result)[-1]
        for route in self._once.done(request, answer):
            self._send([*route, answer])

    def refuse(self, request: Request, code: ErrorCode, message: str) -> None:
        """Answers that it was not done, and why."""
        for route in self._once.refused(request):
            self._send(refusal_frames(Refusal(route, request.request_id, code, message)))

    def close(self) -> None:
        """May be called twice."""
        self._socket.close()

    def _send(self, frames: Sequence[bytes]) -> None:
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            return  # the peer takes no answers; that is its loss
        except zmq.ZMQError as error:
            raise WireError(f"{self.address}: cannot answer: {error.strerror}") from error
