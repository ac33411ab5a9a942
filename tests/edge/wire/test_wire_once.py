"""A command is carried out once, however often it comes, and no client has more carried out than its share."""

from __future__ import annotations

import pytest
import zmq

from edge.contract.types import Decision
from edge.wire import once
from edge.wire.commands import CommandServer
from edge.wire.once import Rates
from edge.wire.requests import (
    Command,
    Decide,
    ErrorCode,
    Request,
    Start,
    Status,
    Stop,
    Trigger,
    decode_reply,
    encode_request,
)
from edge.wire.sockets import connect

WAIT_MS = 20_000


class Peers:
    """A server, and clients that ask it by name, all in one thread."""

    def __init__(self, context, address: str) -> None:
        self.server = CommandServer(context, address)
        self.context, self.sockets = context, {}

    def ask(self, who: str, request_id: str, command: Command) -> Request | None:
        """What the server is to carry out of it."""
        if who not in self.sockets:
            self.sockets[who] = self.context.socket(zmq.DEALER)
            connect(self.sockets[who], self.server.address)
        self.sockets[who].send(encode_request(request_id, command))
        return self.server.poll(WAIT_MS)

    def answer(self, who: str):
        """What the client got."""
        assert self.sockets[who].poll(WAIT_MS)
        return decode_reply(self.sockets[who].recv())

    def silent(self, who: str) -> bool:
        return not self.sockets[who].poll(50)


@pytest.fixture
def peers(context, any_address):
    made = Peers(context, any_address())
    yield made
    made.server.close()


COMMANDS = [Start(), Stop(), Trigger("A"), Decide("3f9a01c2-1", Decision.ACCEPT, "ann")]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_comes_again_is_answered_again_and_not_carried_out(peers, command) -> None:
    asked = peers.ask("ann", "r1", command)
    peers.server.reply(asked, {"number": 1})
    first = peers.answer("ann")
    for who in ("ann", "ann", "ann later"):
        assert peers.ask(who, "r1", command) is None
        assert peers.answer(who) == first
    assert peers.ask("ann", "r2", command).command == command


def test_one_that_comes_again_before_it_is_done_is_answered_once_it_is(peers) -> None:
    asked = peers.ask("ann", "r1", Start())
    assert peers.ask("ann later", "r1", Start()) is None
    for _ in range(once.REPETITIONS - 2):
        assert peers.ask("bob", "r1", Start()) is None
    assert peers.silent("ann later")
    assert peers.ask("carl", "r1", Start()) is None
    assert peers.answer("carl").error.code == "busy"
    peers.server.reply(asked, {"number": 1})
    for who in ["ann", "ann later", *["bob"] * (once.REPETITIONS - 2)]:
        assert peers.answer(who).result == {"number": 1}
    for who in ("ann", "bob", "carl"):
        assert peers.silent(who)


def test_an_id_is_for_one_command(peers) -> None:
    peers.server.reply(peers.ask("ann", "r1", Trigger("A")), {})
    assert peers.answer("ann").ok
    assert peers.ask("ann", "r1", Trigger("B")) is None
    refused = peers.answer("ann")
    assert (refused.error.code, "already used" in refused.error.message) == ("refused", True)


def test_what_was_refused_may_be_asked_again(peers) -> None:
    for _ in range(2):
        asked = peers.ask("ann", "r1", Start())
        peers.server.refuse(asked, ErrorCode.WRONG_STATE, "not now")
        assert peers.answer("ann").error.code == "wrong_state"
    peers.server.reply(peers.ask("ann", "r1", Start()), {})
    assert peers.answer("ann").ok


def test_a_question_is_answered_as_it_is_each_time(peers) -> None:
    for number in range(3):
        peers.server.reply(peers.ask("ann", "r1", Status()), {"number": number})
        assert peers.answer("ann").result == {"number": number}


def test_memory_is_bounded(peers, monkeypatch) -> None:
    monkeypatch.setattr(once, "REMEMBERED", 5)
    for number in range(20):
        peers.server.reply(peers.ask("ann", f"r{number}", Start()), {})
        assert peers.answer("ann").ok
    assert len(peers.server._once._known) == 5
    assert peers.ask("ann", "r19", Start()) is None
    late = peers.ask("ann", "r1", Start())
    assert late.command == Start()


def test_who_asks_too_much_is_told_and_others_are_not_held_up(peers, monkeypatch) -> None:
    monkeypatch.setattr(once, "BURST", 3.0)
    monkeypatch.setattr(once, "RATE", 0.0)
    for number in range(3):
        assert peers.ask("greedy", f"r{number}", Trigger("A"))
    assert peers.ask("greedy", "r4", Trigger("A")) is None
    assert peers.answer("greedy").error.code == "busy"
    assert peers.ask("modest", "r4", Trigger("A"))


def test_what_is_refused_counts_too(peers, monkeypatch) -> None:
    monkeypatch.setattr(once, "BURST", 2.0)
    monkeypatch.setattr(once, "RATE", 0.0)
    peers.ask("noisy", "r1", Trigger("A"))
    for code in ("bad_json", "busy"):
        peers.sockets["noisy"].send(b"{")
        assert peers.server.poll(WAIT_MS) is None
        assert peers.answer("noisy").error.code == code


def test_a_rate_is_had_again_with_time_and_rates_are_bounded(monkeypatch) -> None:
    now = [0.0]
    rates = Rates(lambda: now[0])
    assert sum(rates.allow(b"a") for _ in range(5000)) == once.BURST
    now[0] += 1.0
    assert sum(rates.allow(b"a") for _ in range(5000)) == once.RATE
    now[0] += 1000.0
    assert sum(rates.allow(b"a") for _ in range(5000)) == once.BURST
    for number in range(5000):
        assert rates.allow(b"%d" % number)
    assert len(rates._left) == once.CLIENTS
