"""What nobody should send, to the real daemon: it answers no, does nothing, and does not grow.

The slow test sends as many messages as the environment variable OKNG_FUZZ says: OKNG_FUZZ=1000000.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
import zmq

from edge.contract.cam import Thresholds
from edge.contract.types import Decision, Verdict
from edge.wire.present import FetchFrame, Recipes
from edge.wire.queries import FetchImage, Find, History, TakeSurvey
from edge.wire.requests import (
    COMMANDS,
    LARGEST_REQUEST,
    Changeover,
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
    decode_reply,
    encode_request,
)
from edge.wire.sockets import connect
from tests.edge.running import ON_START, WAIT_S, Running, station_file

SEEDS = [
    encode_request("r1", command)
    for command in (
        Status(), Start(), Stop(), Trigger("A-7"), Decide("3f9a01c2-17", Decision.ACCEPT, "ann", "dust"),
        History(part="A", verdicts=(Verdict.NG,)), Find("3f9a01c2-17"),
        FetchImage("3f9a01c2-17"), TakeSurvey(thresholds=Thresholds(0.2, 0.7)),
        Load("/srv/bundle"), Replay("3f9a01c2-17"), Undo("r0", "ann"), Pause("ann", "lamp"), Resume("ann"),
        SetThresholds(Thresholds(0.2, 0.7), "eve"), Protect("3f9a01c2-17", "ann"),
        Waiting("3f9a01c2-17"), Decisions("3f9a01c2-17"), Decide("3f9a01c2-17", Decision.REJECT, "ann", "", "dent", ""),
        Rollback(), Changeover("screw"), Interlock(), Golden("ng"), Recipes(), FetchFrame(),
    )
]  # fmt: skip
WINDOW = 50
"""Messages that wait for their answers; a station holds 64 of a client."""
GROWTH_KB = 32 * 1024
"""Of resident memory, for allocators; over a million messages a leak of 100 bytes each would be three times that."""


class Fuzz:
    """Messages that are no valid commands, whatever they look like."""

    def __init__(self, seed: int) -> None:
        self._pick = random.Random(seed)

    def next(self) -> list[bytes]:
        """The frames of one message."""
        while True:
            frames = self._pick.choice([self._noise, self._damaged, self._wrong, self._nested, self._frames])()
            if not any(would_change(frame) for frame in frames):
                return frames

    def _noise(self) -> list[bytes]:
        return [self._pick.randbytes(self._pick.randrange(200))]

    def _damaged(self) -> list[bytes]:
        data = bytearray(self._pick.choice(SEEDS))
        for _ in range(self._pick.randrange(1, 4)):
            at = self._pick.randrange(len(data))
            data[at : at + self._pick.randrange(3)] = self._pick.choice(
                [self._pick.randbytes(2), b'"', b"{", b"}", b",", b""]
            )
        return [bytes(data)]

    def _wrong(self) -> list[bytes]:
        """Valid JSON, a valid outline, and something of it wrong."""
        request = json.loads(self._pick.choice(SEEDS))
        value = self._pick.choice(
            [None, -1, 10**30, 1e308, "", "x" * 300, "a\nb", "\ud800", [], {}, {"name": "stop"}, True]
        )
        where = self._pick.choice([request, request["command"]])
        where[self._pick.choice([*where, "more"])] = value
        return [json.dumps(request).encode()]

    def _nested(self) -> list[bytes]:
        depth = self._pick.randrange(1, LARGEST_REQUEST // 5)
        return [
            self._pick.choice([b"[" * depth, b'{"a":' * depth, b'{"command":' + b"[" * depth + b"]" * depth + b"}"])
        ]

    def _frames(self) -> list[bytes]:
        return [self._pick.choice([*SEEDS, b"", b"x"]) for _ in range(self._pick.randrange(2, 6))]


def would_change(data: bytes) -> bool:
    """Whether the station would rightly do it: it is in the state for these alone, and has no recipe, bundle or
    inspection that the others name.

    Judged apart from the code under test, and rather too often.
    """
    try:
        request = json.loads(data)
        return request["schema"] == 1 and request["command"]["name"] in {"start", "stop", "interlock", "golden"}
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def resident_kb(pid: int) -> int:
    """Of a process."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])


def test_damage_begins_with_each_command_there_is() -> None:
    assert {json.loads(seed)["command"]["name"] for seed in SEEDS} == COMMANDS


@pytest.mark.parametrize(
    "count",
    [
        2000,
        pytest.param(int(os.environ.get("OKNG_FUZZ", "20000")), marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
    ],
)
def test_no_message_crashes_changes_or_grows_the_station(tmp_path, bundle, capture, context, count) -> None:
    fuzz = Fuzz(seed=count)
    config = station_file(tmp_path / "station", bundle, capture.as_uri(), ON_START)
    with Running(config) as daemon, context.socket(zmq.DEALER) as peer:
        connect(peer, f"ipc://{daemon.folder}/c")
        before = daemon.station.status()
        size, answered = 0, 0
        for start in range(0, count, WINDOW):
            for _ in range(WINDOW):
                peer.send_multipart(fuzz.next())
            for _ in range(WINDOW):
                assert peer.poll(WAIT_S * 1000), f"{answered} answers; {daemon.log.read_text()[-2000:]}"
                decode_reply(peer.recv_multipart()[-1])
                answered += 1
            if start <= count / 10:
                size = resident_kb(daemon.process.pid)
        assert not peer.poll(0)
        after = daemon.station.status()
        assert (after.state, after.triggers, after.results) == (before.state, 0, {})
        assert (after.boot, after.bundle, after.faults) == (before.boot, before.bundle, before.faults)
        assert daemon.rows() == []
        assert resident_kb(daemon.process.pid) < size + GROWTH_KB
        assert daemon.end() == 0, daemon.log.read_text()
