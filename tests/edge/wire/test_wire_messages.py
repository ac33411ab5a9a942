from __future__ import annotations

import contextlib
import json

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract.cam import Classes, Thresholds
from edge.contract.events import OtherEvent, PauseEvent
from edge.contract.types import Signal, State, Verdict
from edge.errors import WireError
from edge.wire.frames import decode_message, encode_message
from edge.wire.messages import (
    Counters,
    ImageHeader,
    ImageMessage,
    ImageReference,
    MapShape,
    ResultHeader,
    ResultMessage,
    StateHeader,
    StateMessage,
)

WHO = {"station": "one", "boot": "3f9a01c2", "number": 3, "sequence": 2, "captured_ns": 5, "bundle": "b" * 64}
RESULT = ResultHeader(
    **WHO, id="3f9a01c2-2", part="A-7", frame_name="x.png", triggered_ns=4, verdict=Verdict.NG, score=0.9,
    signal=Signal.REJECT, reason="", timings_ms={"invoke": 1.0}, map=MapShape(2, 3, 1, 0.5, -7),
    thresholds=Thresholds(0.3, 0.7), image=ImageReference("a" * 64, "images/x.png"),
)  # fmt: skip
UNITS = np.array([[[-128], [0], [127]], [[1], [2], [3]]], np.int8)
IMAGE = ImageMessage(ImageHeader(**WHO, id="3f9a01c2-2", encoding="jpeg", height=4, width=5), b"\xff\xd8")
STATE = StateMessage(
    StateHeader(**WHO, state=State.READY, reason="", counters=Counters(2, {Verdict.OK: 2}), ended=False)
)


def test_a_result_comes_back_with_its_map() -> None:
    frames = encode_message(ResultMessage(RESULT, UNITS))
    assert (frames[0], frames[2]) == (b"result", b"\x80\x00\x7f\x01\x02\x03")
    message = decode_message(frames)
    assert isinstance(message, ResultMessage)
    assert message.header == RESULT
    np.testing.assert_array_equal(message.map_units, UNITS)


def test_a_kind_and_the_classes_come_back_and_are_not_sent_where_there_are_none() -> None:
    assert not {"kind", "classes"} & json.loads(encode_message(ResultMessage(RESULT, UNITS))[1]).keys()
    header = msgspec.structs.replace(RESULT, kind="dent", classes=Classes(ok=("plain",), ng=("dent", "spot")))
    sent = encode_message(ResultMessage(header, UNITS))
    assert json.loads(sent[1])["classes"] == {"ok": ["plain"], "ng": ["dent", "spot"]}
    assert decode_message(sent).header == header


def test_a_map_that_is_a_view_is_sent_row_by_row() -> None:
    frames = encode_message(ResultMessage(RESULT, UNITS[::-1]))
    assert frames[2] == b"\x01\x02\x03\x80\x00\x7f"


def test_a_result_without_a_map_has_an_empty_frame() -> None:
    header = msgspec.structs.replace(RESULT, map=None, score=None, verdict=Verdict.FAULT)
    frames = encode_message(ResultMessage(header, None))
    assert frames[2] == b""
    assert decode_message(frames).map_units is None


@pytest.mark.parametrize("message", [IMAGE, STATE])
def test_image_and_state_come_back(message) -> None:
    assert decode_message(encode_message(message)) == message


@pytest.mark.parametrize("message", [ResultMessage(RESULT, UNITS), IMAGE, STATE])
def test_every_message_says_who_and_when(message) -> None:
    header = json.loads(encode_message(message)[1])
    assert header.items() >= {"schema": 1, **WHO}.items()


def test_fields_of_a_later_okng_are_ignored_and_a_later_schema_refused() -> None:
    topic, header = encode_message(STATE)
    assert decode_message([topic, json.dumps({**json.loads(header), "mood": "good"}).encode()]) == STATE
    with pytest.raises(WireError, match="update okng"):
        decode_message([topic, json.dumps({**json.loads(header), "schema": 2}).encode()])


@pytest.mark.parametrize(("kind", "read"), [("pause", PauseEvent), ("tea_break", OtherEvent), ("", OtherEvent)])
def test_an_event_of_a_later_okng_is_one_that_is_not_known(kind, read) -> None:
    content = {"kind": kind, "paused": True, "operator": "ann", "reason": "tea", "bundle": ""}
    header = {"schema": 1, "station": "one", "boot": "3f9a01c2", "number": 1, "sequence": 0, "captured_ns": None,
              "bundle": "", "happened_ns": 5, "event": content}  # fmt: skip
    event = decode_message([b"event", json.dumps(header).encode()]).header.event
    assert type(event) is read
    assert kind in str(event)
    with pytest.raises(WireError, match=r"not a \w*EventHeader"):
        decode_message([b"event", json.dumps(header | {"event": {"paused": True}}).encode()])


@pytest.mark.parametrize(
    "frames",
    [
        [], [b""], [b"cats", b"{}"], [b"result"], [b"state", b"{}", b""], [b"state", b"{}"], [b"state", b"\xff"],
        [b"state", b'{"schema": 1, "station": "\xff"}'], [b"state", b'{"schema":' + b"[" * 100_000],
        [b"image", b"[]", b""], [b"state", b'{"schema": 0}'],
    ],
)  # fmt: skip
def test_what_is_no_message_is_one_line_of_error(frames) -> None:
    with pytest.raises(WireError) as caught:
        decode_message(frames)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"12345", b"1234567"])
def test_a_map_of_another_size_is_refused(data) -> None:
    with pytest.raises(WireError, match="map of"):
        decode_message([*encode_message(ResultMessage(RESULT, UNITS))[:2], data])
    without = encode_message(ResultMessage(msgspec.structs.replace(RESULT, map=None), None))
    with pytest.raises(WireError, match="map of 1 bytes"):
        decode_message([*without[:2], b"x"])


@settings(max_examples=500, deadline=None)
@given(st.lists(st.one_of(st.sampled_from([b"result", b"image", b"state"]), st.binary(max_size=60)), max_size=4))
def test_no_frames_break_the_reader(frames) -> None:
    with contextlib.suppress(WireError):
        decode_message(frames)
