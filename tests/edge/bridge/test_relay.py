"""What a bridge does when its peer or its station fails at the worst moment; both are scripted here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import pytest

from edge.bridge import relay
from edge.bridge.position import Position
from edge.bridge.relay import PAUSE_S, PeerAway, Relay
from edge.errors import WireError
from edge.wire.messages import Message
from tests.edge.bridge.messages import result, state


class Ended(Exception):
    """The test has seen enough."""


class Scripted:
    """A station that says this, or raises it."""

    lost = 0

    def __init__(self, said: Iterable[Message | Exception | None]) -> None:
        self._said = iter(said)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def receive(self, timeout_s: float) -> Message | None:
        said = next(self._said, Ended())
        if isinstance(said, Exception):
            raise said
        return said


class Recorder:
    """A peer that takes all, but for the first `refuses` messages."""

    def __init__(self, refuses: int = 0) -> None:
        self.refuses, self.taken, self.got, self.silences = refuses, "", [], 0

    def __enter__(self) -> Self:
        self.taken = ""
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def take(self, message: Message) -> None:
        if self.refuses:
            self.refuses -= 1
            raise PeerAway("not now")
        name = getattr(message.header, "id", "state")
        self.got.append(name)
        self.taken = self.taken if name == "state" else name

    def silent(self) -> None:
        self.silences += 1


@pytest.fixture
def pauses(monkeypatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(relay.time, "sleep", found.append)
    monkeypatch.setattr(relay.random, "uniform", lambda low, high: high)
    return found


def follow(file, peer: Recorder, *boots: Iterable[Message | Exception | None]) -> list[str]:
    """Runs until the last script ends; gives after which result the station was asked each time."""
    asked: list[str] = []
    scripts = iter(boots)

    def open_station(after: str) -> Scripted:
        asked.append(after)
        return Scripted(next(scripts))

    with pytest.raises(Ended):
        Relay(open_station, Position(file)).run(lambda: peer)  # type: ignore[arg-type,return-value]
    return asked


def test_a_first_result_that_the_peer_refuses_is_asked_for_again(tmp_path, pauses) -> None:
    peer = Recorder(refuses=1)
    asked = follow(tmp_path / "p", peer, [result(5), state()], [result(5), state(sequence=5)])
    assert asked == ["", "3f9a01c2-4"]
    assert peer.got == ["3f9a01c2-5", "state"]
    assert Position(tmp_path / "p").after == "3f9a01c2-5"


def test_a_new_bridge_begins_where_the_first_state_is(tmp_path, pauses) -> None:
    peer = Recorder(refuses=1)
    assert follow(tmp_path / "p", peer, [state(sequence=9)], []) == ["", "3f9a01c2-9"]


def test_a_station_that_cannot_be_followed_is_asked_again_after_what_was_sent(tmp_path, pauses) -> None:
    peer = Recorder()
    asked = follow(tmp_path / "p", peer, [state(), result(1), result(2), WireError("no answer")], [result(3)])
    assert asked == ["", "3f9a01c2-2"]
    assert peer.got == ["state", "3f9a01c2-1", "3f9a01c2-2", "3f9a01c2-3"]
    assert (peer.silences, pauses) == (1, [PAUSE_S])


def test_pauses_grow_until_the_peer_takes_a_result(tmp_path, pauses) -> None:
    class Fussy(Recorder):
        def take(self, message: Message) -> None:
            super().take(message)
            if self.got[-1] == "3f9a01c2-2":
                raise PeerAway("no more")

    script = [result(1), result(2)]
    follow(tmp_path / "p", Fussy(refuses=7), *[script] * 8, [])
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 1]


def test_silence_is_told_once_the_station_has_said_nothing_for_long(tmp_path, pauses, monkeypatch) -> None:
    now = iter(range(0, 100, 2))
    monkeypatch.setattr(relay.time, "monotonic", lambda: next(now))
    peer = Recorder()
    monkeypatch.setattr(Position, "move", lambda self, after: None)
    follow(tmp_path / "p", peer, [state(), None, None, None])
    assert peer.silences == 1
