from __future__ import annotations

import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.contract.types import Decision
from edge.errors import WireError
from edge.wire.requests import (
    LARGEST_REQUEST,
    Decide,
    ErrorCode,
    Refusal,
    Request,
    Start,
    Status,
    Stop,
    Trigger,
    answer_frames,
    decode_reply,
    decode_request,
    encode_request,
    refusal_frames,
)

COMMANDS = [
    Status(), Start(), Stop(), Trigger(), Trigger("A-7 ä"), Decide("3f9a01c2-17", Decision.ACCEPT, "ann", "dust"),
]  # fmt: skip


def _ask(envelope: object) -> Request | Refusal:
    return decode_request([b"peer", json.dumps(envelope).encode()])


def _command(**fields: object) -> Request | Refusal:
    return _ask({"schema": 1, "request_id": "r1", "command": fields})


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_comes_through(command) -> None:
    assert decode_request([b"peer", encode_request("r1", command)]) == Request((b"peer",), "r1", command)


def test_a_req_socket_gets_its_answer_behind_its_delimiter() -> None:
    request = decode_request([b"peer", b"", encode_request("r1", Status())])
    assert isinstance(request, Request)
    frames = answer_frames(request, {"state": "ready"})
    assert frames[:2] == [b"peer", b""]
    reply = decode_reply(frames[2])
    assert (reply.ok, reply.request_id, reply.result, reply.error) == (True, "r1", {"state": "ready"}, None)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "reboot"}, "unknown_command"),
        ({"name": "STATUS"}, "unknown_command"),
        ({"name": 5}, "bad_request"),
        ({}, "bad_request"),
        ({"name": "status", "more": 1}, "bad_request"),
        ({"name": "trigger", "part": 7}, "bad_request"),
        ({"name": "trigger", "part": "x" * 201}, "bad_request"),
        ({"name": "trigger", "part": "a\nb"}, "bad_request"),
        ({"name": "trigger", "part": "a\n"}, "bad_request"),
        ({"name": "decide", "inspection": "3f9a01c2-17", "decision": "accept"}, "bad_request"),
        ({"name": "decide", "inspection": "3f9a01c2-17", "decision": "maybe", "operator": "a"}, "bad_request"),
        ({"name": "decide", "inspection": "3f9a01c2-17", "decision": "accept", "operator": ""}, "bad_request"),
        ({"name": "decide", "inspection": "../x", "decision": "accept", "operator": "a"}, "bad_request"),
        ({"name": "history", "limit": 101}, "bad_request"),
        ({"name": "history", "since_ns": 1 << 63}, "bad_request"),
        ({"name": "history", "verdicts": ["ok"] * 5}, "bad_request"),
        ({"name": "image", "inspection": "../../etc/passwd"}, "bad_request"),
        ({"name": "image", "inspection": "3f9a01c2-17", "size": 4096}, "bad_request"),
        ({"name": "survey", "thresholds": {"ok_below": 0.7, "ng_from": 0.2}}, "bad_request"),
        ({"name": "survey", "thresholds": {"ok_below": 0.7}}, "bad_request"),
        ({"name": "decide", "inspection": "3f9a01c2-17\n", "decision": "accept", "operator": "a"}, "bad_request"),
    ],
)
def test_a_bad_command_is_refused_under_its_request_id(fields, code) -> None:
    refusal = _command(**fields)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.request_id) == (code, "r1")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bad_json"),
        (b"status", "bad_json"),
        (b"[" * 10_000, "bad_json"),
        (b'{"x":' * 3_000, "bad_json"),
        (b'{"schema": 1, "request_id": "r1", "command": {"name": "trigger", "part": "\xff"}}', "bad_json"),
        (b"[]", "bad_request"),
        (b"null", "bad_request"),
        (b'{"schema": 1, "command": {"name": "status"}}', "bad_request"),
        (b'{"schema": 1, "request_id": "", "command": {"name": "status"}}', "bad_request"),
        (b'{"schema": 2, "request_id": "' + b"x" * 65 + b'", "command": {"name": "status"}}', "unsupported_schema"),
        (b" " * (LARGEST_REQUEST + 1), "too_large"),
    ],
)
def test_what_is_no_request_is_refused_without_an_id(data, code) -> None:
    refusal = decode_request([b"peer", data])
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.request_id) == (code, "")


@pytest.mark.parametrize("command", [{"name": "status"}, {"name": "dance"}, {"name": "status", "more": 1}, []])
def test_another_schema_is_named_first(command) -> None:
    refusal = _ask({"schema": 2, "request_id": "r1", "command": command, "more": 1})
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.request_id) == ("unsupported_schema", "r1")


@pytest.mark.parametrize("frames", [[b"peer"], [b"peer", b"a", b"b"], [b"peer", b"", b"a", b"b"]])
def test_other_than_one_frame_is_refused(frames) -> None:
    refusal = decode_request(frames)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.route) == (ErrorCode.BAD_FRAMES, (b"peer",))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"schema": 1, "request_id": "", "ok": true}',
        b'{"schema": 1, "request_id": "", "ok": false, "result": {}}',
        b'{"schema": 1, "request_id": "", "ok": true, "result": {}, "error": {"code": "", "message": ""}}',
        b'{"schema": 2, "request_id": "", "ok": true, "result": {}}',
    ],
)  # fmt: skip
def test_what_is_no_reply_is_refused(data) -> None:
    with pytest.raises(WireError):
        decode_reply(data)


def _check(frames: list[bytes]) -> None:
    asked = decode_request(frames)
    if isinstance(asked, Refusal):
        *route, data = refusal_frames(asked)
        reply = decode_reply(data)
        assert tuple(route) == asked.route
        assert not reply.ok
        assert reply.error
        assert reply.error.code in set(ErrorCode)
    else:
        assert asked.command in [decode_request([b"", encode_request("r", asked.command)]).command]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=4,
)
WORDS = st.sampled_from(
    ["name", "part", "inspection", "decision", "operator", "reason", "status", "trigger", "decide", "accept", "a\n"]
)
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "schema": st.sampled_from([1, 2, 0, -1, 10**30, 1.0, "1", None, True]),
        "request_id": st.sampled_from(["r", "", "x" * 65, 5, "\ud800", None]) | st.text(max_size=4),
        "command": JSON | st.dictionaries(WORDS, JSON | WORDS, max_size=5),
        "more": JSON,
    },
)


@settings(max_examples=1000, deadline=None)
@given(st.binary(max_size=200))
@example(b"[" * LARGEST_REQUEST)
@example(b'{"command":{"name":' + b'{"a":' * 3000)
@example(b'{"request_id":' + b"[" * 10_000)
def test_no_bytes_break_the_command_decoder(data: bytes) -> None:
    _check([b"peer", data])


@settings(max_examples=400, deadline=None)
@given(NEARLY)
def test_no_json_breaks_the_command_decoder(envelope) -> None:
    _check([b"peer", json.dumps(envelope).encode()])


@pytest.mark.parametrize("command", COMMANDS)
def test_no_damage_to_a_good_request_breaks_the_command_decoder(command) -> None:
    pick = random.Random(11)
    good = encode_request("r1", command)
    for _ in range(1000):
        at = pick.randrange(len(good))
        junk = pick.choice([pick.randbytes(2), pick.choice(b'{}[]",:0\\').to_bytes()])
        _check([b"peer", good[:at] + junk + good[at + pick.randrange(4) :]])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=5), min_size=1, max_size=5))
def test_no_frames_break_the_command_decoder(frames) -> None:
    _check(frames)
