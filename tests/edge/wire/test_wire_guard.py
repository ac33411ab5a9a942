"""Behind keys: nobody listens or commands who is not allowed to, by whatever mechanism, and no longer than allowed."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import zmq

from edge.client import ClientKeys, CommandRefused, Station
from edge.contract.cam import Thresholds
from edge.contract.types import Decision, State
from edge.errors import WireError
from edge.wire.allowed import Allowed, AllowList, Role, write_allowed
from edge.wire.commands import CommandServer
from edge.wire.guard import NEEDED, Guard, introduce
from edge.wire.keys import WireKey
from edge.wire.messages import Counters, Topic
from edge.wire.present import FetchFrame, Recipes
from edge.wire.publisher import Publisher
from edge.wire.queries import FetchImage, Find, History, TakeSurvey
from edge.wire.requests import (
    COMMANDS,
    Changeover,
    Command,
    Decide,
    Decisions,
    Golden,
    Interlock,
    Load,
    Pause,
    Protect,
    Replay,
    Resume,
    Rollback,
    SetThresholds,
    Start,
    Status,
    Stop,
    Trigger,
    Undo,
    Waiting,
    encode_request,
)

WAIT_S = 20.0
QUIET_MS = 300
EXAMPLES: dict[str, list[Command]] = {
    "viewer": [
        Status(),
        Replay("3f9a01c2-1"),
        Waiting(),
        Decisions("3f9a01c2-1"),
        History(),
        Find("3f9a01c2-1"),
        FetchImage("3f9a01c2-1"),
        TakeSurvey(),
        Recipes(),
    ],
    "operator": [
        Start(),
        Stop(),
        Trigger("A"),
        Pause("ann"),
        Resume("ann"),
        Decide("3f9a01c2-1", Decision.ACCEPT, "ann"),
        Undo("r1", "ann"),
        Protect("3f9a01c2-1", "ann"),
        Changeover("screw"),
        Interlock(),
        Golden("ng"),
    ],
    "engineer": [Load("/bundle"), Rollback(), SetThresholds(Thresholds(0.2, 0.7), "eve"), FetchFrame()],
}


def pair() -> WireKey:
    public, secret = zmq.curve_keypair()
    return WireKey(public.decode(), secret.decode())


class Behind:
    """A publisher and a command server on tcp, behind keys, in a thread; what was carried out."""

    def __init__(self, folder) -> None:
        self.path, self.own = folder / "allowed", pair()
        self.keys = {role: pair() for role in Role}
        self.allow(*Role)
        self.done: list[Command] = []
        self.ending, self.ready = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        assert self.ready.wait(WAIT_S)

    def allow(self, *roles: Role) -> None:
        write_allowed(self.path, {role: Allowed(role, self.keys[role].public) for role in roles})

    def serve(self) -> None:
        with (
            zmq.Context() as context,
            Guard(context, self.own, AllowList(self.path, self.own.public)) as guard,
            Publisher(context, "tcp://127.0.0.1:*", station="one", boot="3f9a01c2", guard=guard) as publisher,
            CommandServer(context, "tcp://0.0.0.0:*", guard) as server,
        ):
            self.addresses = (publisher.address, server.address.replace("0.0.0.0", "127.0.0.1"))
            self.ready.set()
            while not self.ending.is_set():
                if request := server.poll(10):
                    self.done.append(request.command)
                    server.reply(request, {})
                publisher.keep_out_revoked()
                publisher.newcomers()
                publisher.state(State.READY, bundle="", counters=Counters())

    def client(self, own: WireKey, **options) -> Station:
        keys = ClientKeys(own, options.pop("station", self.own.public))
        return Station(*self.addresses, keys=keys, topics=(Topic.STATE,), timeout_s=WAIT_S, **options)


@pytest.fixture
def behind(tmp_path) -> Iterator[Behind]:
    made = Behind(tmp_path)
    yield made
    made.ending.set()
    made.thread.join()


def test_the_examples_are_all_commands_there_are() -> None:
    named = {each.__struct_config__.tag: Role(role) for role, commands in EXAMPLES.items() for each in commands}
    assert named.keys() == COMMANDS
    for kind, role in NEEDED.items():
        assert named[kind.__struct_config__.tag] == role


@pytest.mark.parametrize("role", [*Role, None])
def test_each_role_may_what_it_may_and_no_more(behind, role) -> None:
    with behind.client(behind.keys[role] if role else behind.own) as station:
        assert station.wait_joined().header.state is State.READY
        for needed, commands in EXAMPLES.items():
            for command in commands:
                if role is None or role.covers(Role(needed)):
                    station.request(command)
                    assert behind.done.pop() == command
                    continue
                with pytest.raises(CommandRefused, match=f"needs the role {needed}, and this key has {role}") as caught:
                    station.request(command)
                assert caught.value.code == "forbidden"
    assert behind.done == []


def null(socket: zmq.Socket, behind: Behind) -> None:
    """No mechanism at all."""


def plain(socket: zmq.Socket, behind: Behind) -> None:
    socket.plain_username, socket.plain_password = b"engineer", b"secret"


def unknown_key(socket: zmq.Socket, behind: Behind) -> None:
    introduce(socket, ClientKeys(pair(), behind.own.public))


def wrong_station(socket: zmq.Socket, behind: Behind) -> None:
    introduce(socket, ClientKeys(behind.keys[Role.ENGINEER], pair().public))


def stolen_public_key(socket: zmq.Socket, behind: Behind) -> None:
    """An allowed public key without its secret."""
    introduce(socket, ClientKeys(WireKey(behind.keys[Role.ENGINEER].public, pair().secret), behind.own.public))


@pytest.mark.parametrize("approach", [null, plain, unknown_key, wrong_station, stolen_public_key])
def test_no_stranger_is_heard_or_hears(behind, context, approach) -> None:
    results, commands = behind.addresses
    with context.socket(zmq.DEALER) as asker, context.socket(zmq.SUB) as listener:
        for socket, address in ((asker, commands), (listener, results)):
            socket.linger = 0
            approach(socket, behind)
            socket.connect(address)
        listener.subscribe(b"")
        for number in range(50):
            for command in (Status(), Trigger(f"A-{number}"), Load("/bundle")):
                asker.send(encode_request(f"r{number}", command))
        assert not asker.poll(QUIET_MS)
        assert not listener.poll(0)
        with behind.client(behind.keys[Role.VIEWER]) as station:  # the station is there, and answers others
            station.wait_joined()
            station.request(Status())
        assert not asker.poll(0)
        assert not listener.poll(0)
    assert behind.done == [Status()]


@pytest.mark.slow
def test_a_revoked_key_is_out_at_once_and_others_stay(behind) -> None:
    with behind.client(behind.keys[Role.OPERATOR]) as revoked, behind.client(behind.keys[Role.VIEWER]) as other:
        revoked.wait_joined()
        other.wait_joined()
        revoked.request(Start())
        behind.allow(Role.VIEWER, Role.ENGINEER)
        with pytest.raises(CommandRefused, match="not allowed any more"):
            revoked.request(Start())
        while revoked.receive(0.5):
            pass
        assert revoked.receive(0.5) is None
        other.wait_joined()
        other.request(Status())
        with behind.client(behind.keys[Role.OPERATOR]) as again:
            with pytest.raises(WireError, match="no state"):
                again.wait_joined(0.5)
            with pytest.raises(WireError, match="no answer"):
                again.request(Start(), timeout_s=0.5)
        behind.allow(*Role)
        with behind.client(behind.keys[Role.OPERATOR]) as again:
            again.wait_joined()
            again.request(Start())
    assert behind.done == [Start(), Status(), Start()]


def test_what_is_published_after_a_revocation_the_revoked_one_does_not_get(context, tmp_path) -> None:
    """With nobody between the two who looks after the publisher."""
    path, own, key = tmp_path / "allowed", pair(), pair()
    write_allowed(path, {"ann": Allowed(Role.VIEWER, key.public)})
    with (
        Guard(context, own, AllowList(path, own.public)) as guard,
        Publisher(context, "tcp://127.0.0.1:*", station="one", boot="3f9a01c2", guard=guard) as publisher,
        context.socket(zmq.SUB) as listener,
    ):
        listener.linger = 0
        introduce(listener, ClientKeys(key, own.public))
        listener.subscribe(b"state")
        listener.connect(publisher.address)
        while not publisher.newcomers():
            pass
        publisher.state(State.READY, bundle="", counters=Counters(), reason="before")
        assert listener.poll(WAIT_S * 1000)
        assert b"before" in listener.recv_multipart()[1]
        write_allowed(path, {})
        publisher.state(State.READY, bundle="", counters=Counters(), reason="after")
        assert not listener.poll(QUIET_MS)


def test_without_keys_nothing_is_open_beyond_the_machine(context, tmp_path) -> None:
    for make in (CommandServer, lambda *at: Publisher(*at, station="one", boot="3f9a01c2")):
        for address in ("tcp://0.0.0.0:*", "tcp://*:5555", "tcp://192.168.1.2:5555"):
            with pytest.raises(WireError, match=r"open to the network.*only with keys"):
                make(context, address)
    with pytest.raises(WireError, match="only with keys"):
        Station("tcp://192.168.1.2:5555", f"ipc://{tmp_path}/c")
