"""The commanded side: valid requests go to the daemon, all others get their answer here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import zmq

from edge.contract.lifetime import Closing
from edge.errors import WireError
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

    Each request gets exactly one answer, at any later time; to a peer that is gone it is dropped.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str) -> None:
        """Raises WireError when `address` is not allowed, in use or cannot be made (see `sockets.bind`)."""
        self._socket = context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_FRAME)
        self._socket.setsockopt(zmq.RCVHWM, WAITING_REQUESTS)
        self._socket.setsockopt(zmq.LINGER, LINGER_MS)
        try:
            self.address = bind(self._socket, address)
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
            asked = decode_request(self._socket.recv_multipart(zmq.NOBLOCK))
        except zmq.Again:
            return None
        except zmq.ZMQError as error:
            raise WireError(f"{self.address}: cannot take commands: {error.strerror}") from error
        if isinstance(asked, Refusal):
            self._send(refusal_frames(asked))
            return None
        return asked

    def reply(self, request: Request, result: Mapping[str, Any]) -> None:
        """Answers that it was done. `result` is what JSON holds, or structs and dataclasses of that."""
        self._send(answer_frames(request, result))

    def refuse(self, request: Request, code: ErrorCode, message: str) -> None:
        """Answers that it was not done, and why."""
        self._send(refusal_frames(Refusal(request.route, request.request_id, code, message)))

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
