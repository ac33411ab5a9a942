"""Who gets in over tcp where a station has keys: CURVE, with an allow-list asked at each handshake and each command."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import zmq

from edge.contract.lifetime import Closing
from edge.wire.allowed import AllowList, Role
from edge.wire.keys import ClientKeys, WireKey
from edge.wire.present import Recipes
from edge.wire.queries import FetchImage, Find, History, TakeSurvey
from edge.wire.requests import (
    Changeover,
    Command,
    Decide,
    Decisions,
    Golden,
    Interlock,
    Pause,
    Protect,
    Replay,
    Resume,
    Start,
    Status,
    Stop,
    Trigger,
    Undo,
    Waiting,
)

log = logging.getLogger(__name__)

DOMAIN = b"okng"
NEEDED: dict[type[Command], Role] = {
    Status: Role.VIEWER,
    Replay: Role.VIEWER,
    History: Role.VIEWER,
    Find: Role.VIEWER,
    FetchImage: Role.VIEWER,
    TakeSurvey: Role.VIEWER,
    Waiting: Role.VIEWER,
    Decisions: Role.VIEWER,
    Recipes: Role.VIEWER,
    Start: Role.OPERATOR,
    Stop: Role.OPERATOR,
    Pause: Role.OPERATOR,
    Resume: Role.OPERATOR,
    Trigger: Role.OPERATOR,
    Decide: Role.OPERATOR,
    Undo: Role.OPERATOR,
    Protect: Role.OPERATOR,
    Changeover: Role.OPERATOR,
    Interlock: Role.OPERATOR,
    Golden: Role.OPERATOR,
}
"""The role that a command needs; what is not here needs an engineer."""


def needed(command: Command) -> Role:
    """The role that it takes."""
    return NEEDED.get(type(command), Role.ENGINEER)


class Guard(Closing):
    """Answers ZeroMQ's questions about who connects (ZAP, rfc.zeromq.org, 27), in a thread of its own.

    One for each context, made before the sockets that it protects, and closed after them.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], own: WireKey, allowed: AllowList) -> None:
        from zmq.auth.thread import ThreadAuthenticator  # asyncio comes with it

        self._own, self.allowed = own, allowed
        self._authenticator = ThreadAuthenticator(context, log=logging.getLogger("zmq.auth"))
        self._authenticator.configure_curve_callback(DOMAIN.decode(), self)
        self._authenticator.start()

    def protect(self, socket: zmq.Socket[bytes]) -> None:
        """Before it is bound. From then on only CURVE gets in, and nobody while nobody answers."""
        socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self._own.secret.encode())

    def callback(self, domain: str, key: bytes) -> bool:
        """What ZAP asks: may that key connect?"""
        known = domain == DOMAIN.decode() and self.allowed.role(key.decode()) is not None
        if not known:
            log.warning("a client with the key %s is not allowed to connect", key.decode())
        return known

    def refusal(self, user: str, command: Command) -> str:
        """Why the client with that public key may not have this done now; empty when it may."""
        role, wanted = self.allowed.role(user), needed(command)
        if role is None:
            return "this key is not allowed any more"
        return "" if role.covers(wanted) else f"this needs the role {wanted}, and this key has {role}"

    def close(self) -> None:
        """May be called twice."""
        self._authenticator.stop()


def user_of(frames: Sequence[zmq.Frame]) -> str:
    """The public key of the client that sent these frames, as ZAP knew it at the handshake; empty without CURVE."""
    try:
        return str(frames[-1].get("User-Id"))
    except zmq.ZMQError:
        return ""


def introduce(socket: zmq.Socket[bytes], keys: ClientKeys) -> None:
    """The client's side, before it connects."""
    socket.setsockopt(zmq.CURVE_SERVERKEY, keys.station.encode())
    socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.own.public.encode())
    socket.setsockopt(zmq.CURVE_SECRETKEY, keys.own.secret.encode())
