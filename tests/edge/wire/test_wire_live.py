from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import zmq

from edge.client import CommandRefused, Station
from edge.contract.cam import Thresholds
from edge.contract.types import Decision, State, Verdict
from edge.errors import WireError
from edge.wire.commands import CommandServer
from edge.wire.messages import Counters, ImageReference, Topic
from edge.wire.publisher import Publisher
from edge.wire.requests import LARGEST_FRAME, Decide, ErrorCode, Request, Status, Trigger, decode_reply, encode_request
from edge.wire.sockets import connect

BOOT, BUNDLE = "3f9a01c2", "b" * 64
WAIT_S = 20.0


@pytest.fixture
def publisher(context, any_address) -> Iterator[Publisher]:
    with Publisher(context, any_address(), station="one", boot=BOOT) as made:
        yield made


@contextmanager
def _serving(context, address: str, answer: Callable[[CommandServer, Request], None]) -> Iterator[str]:
    """A server in a thread of its own; gives its address."""
    bound, done, addresses = threading.Event(), threading.Event(), []

    def serve() -> None:
        with CommandServer(context, address) as server:
            addresses.append(server.address)
            bound.set()
            while not done.is_set():
                if request := server.poll(20):
                    answer(server, request)

    thread = threading.Thread(target=serve)
    thread.start()
    assert bound.wait(WAIT_S)
    try:
        yield addresses[0]
    finally:
        done.set()
        thread.join()


def _joined(station: Station, publisher: Publisher) -> None:
    """Publisher and station in one thread: the heartbeat is sent until it arrives."""
    for _ in range(1000):
        publisher.state(State.READY, bundle=BUNDLE, counters=Counters())
        try:
            station.wait_joined(0.02)
        except WireError:
            continue
        return
    raise AssertionError("never joined")


def _say_yes(server: CommandServer, request: Request) -> None:
    server.reply(request, {})


def _nowhere(tmp_path) -> str:
    return f"ipc://{tmp_path}/nobody"


def test_results_and_images_arrive_as_they_were_sent(
    publisher, context, tmp_path, make_inspection, fault, output
) -> None:
    topics = (Topic.RESULT, Topic.IMAGE)
    with Station(publisher.address, _nowhere(tmp_path), topics=topics, context=context) as station:
        _joined(station, publisher)
        inspection, thresholds = make_inspection(1, frame_name="stra\udcdfe.png"), Thresholds(0.3, 0.7)
        image = ImageReference("a" * 64, "images/1.png")
        publisher.result(inspection, bundle=BUNDLE, output=output, thresholds=thresholds, image=image)
        publisher.image(inspection, b"\xff\xd8jpeg", bundle=BUNDLE)
        publisher.result(fault, bundle=BUNDLE, output=output, thresholds=None)
        arriving = station.messages(WAIT_S)
        first, second, third = next(arriving), next(arriving), next(arriving)
    header = first.header
    assert (header.station, header.boot, header.number, header.sequence) == ("one", BOOT, 1, 1)
    assert (header.id, header.part, header.frame_name) == (inspection.id, "A-7", "stra\\udcdfe.png")
    assert (header.captured_ns, header.triggered_ns, header.bundle) == (1001, 900, BUNDLE)
    assert (header.verdict, header.score, header.reason) == (Verdict.REVIEW, 0.5, "unsure")
    assert (header.thresholds, header.image, header.timings_ms) == (thresholds, image, {"invoke": 1.25})
    assert (header.map.scale, header.map.zero_point) == (0.5, -7)
    np.testing.assert_array_equal(first.map_units, inspection.judgement.map_units)
    assert (second.data, second.header.number, second.header.height, second.header.width) == (b"\xff\xd8jpeg", 1, 4, 5)
    assert (third.header.number, third.header.verdict, third.map_units) == (2, Verdict.FAULT, None)
    assert third.header.captured_ns is None


def test_a_state_says_what_was_sent_before_it(publisher, context, tmp_path, make_inspection, output) -> None:
    with Station(publisher.address, _nowhere(tmp_path), topics=(Topic.STATE,), context=context) as station:
        _joined(station, publisher)
        counters = Counters(7, {Verdict.OK: 6, Verdict.FAULT: 1})
        publisher.result(make_inspection(7), bundle=BUNDLE, output=output, thresholds=None)
        publisher.state(State.ERROR, bundle="", counters=counters, reason="no disk", ended=True)
        headers = []
        while not headers or headers[-1].state is not State.ERROR:
            headers.append(station.receive(WAIT_S).header)
    assert [header.number for header in headers] == list(range(headers[0].number, headers[0].number + len(headers)))
    last = headers[-1]
    assert (headers[0].sequence, last.sequence, last.captured_ns) == (0, 7, 1007)
    assert (last.state, last.reason, last.counters, last.ended) == (State.ERROR, "no disk", counters, True)


def test_what_arrives_before_the_first_state_is_not_lost(publisher, context, tmp_path, make_inspection, output) -> None:
    with Station(publisher.address, _nowhere(tmp_path), context=context) as station:
        _joined(station, publisher)
        publisher.result(make_inspection(1), bundle=BUNDLE, output=output, thresholds=None)
        publisher.state(State.READY, bundle=BUNDLE, counters=Counters())
        while station.wait_joined(WAIT_S).header.sequence == 0:
            pass
        assert station.receive(0.0).header.sequence == 1
        assert station.receive(0.01) is None


def test_whoever_subscribes_is_announced_and_may_not_send_much(publisher, context) -> None:
    def announced() -> frozenset[Topic]:
        while not (found := publisher.newcomers()):
            pass
        return found

    assert publisher.newcomers() == frozenset()
    with context.socket(zmq.SUB) as first, context.socket(zmq.SUB) as second, context.socket(zmq.XSUB) as greedy:
        connect(first, publisher.address)
        first.subscribe(b"state")
        assert announced() == {Topic.STATE}
        connect(second, publisher.address)
        second.subscribe(b"st")
        assert announced() == {Topic.STATE, Topic.STATISTICS}
        connect(greedy, publisher.address)
        greedy.send(b"\x01" + b"x" * 100_000)
        greedy.send(b"not a subscription")
        second.subscribe(b"")
        assert announced() == set(Topic)
        publisher.state(State.READY, bundle=BUNDLE, counters=Counters())
        assert first.poll(WAIT_S * 1000)


def test_a_map_needs_the_models_output_and_an_image_a_frame(publisher, make_inspection, fault) -> None:
    with pytest.raises(ValueError, match="output"):
        publisher.result(make_inspection(), bundle=BUNDLE, output=None, thresholds=None)
    with pytest.raises(ValueError, match="no frame"):
        publisher.image(fault, b"", bundle=BUNDLE)


def test_silence_is_an_error_that_says_what_to_look_for(context, tmp_path) -> None:
    address = _nowhere(tmp_path)
    with Station(address, address, context=context, timeout_s=0.02) as station:
        with pytest.raises(WireError, match=r"no state from ipc://.*/nobody within 0.02 s; is okng running\?"):
            station.wait_joined()
        with pytest.raises(WireError, match=r"nothing from .* is okng running\?"):
            next(station.messages(0.02))
        assert station.receive(0.02) is None
        with pytest.raises(WireError, match=r"no answer from .* within 0.02 s; is okng running\?"):
            station.request(Status())


def test_a_station_of_its_own_context_ends_at_once(tmp_path) -> None:
    with Station(_nowhere(tmp_path), _nowhere(tmp_path), timeout_s=0.02) as station, pytest.raises(WireError):
        station.request(Trigger("never"))
    station.close()
    with pytest.raises(WireError, match="allowed"):
        Station("tcp://10.0.0.1:1", _nowhere(tmp_path))


def test_commands_are_answered_and_refused(context, any_address, tmp_path) -> None:
    def answer(server: CommandServer, request: Request) -> None:
        if isinstance(request.command, Decide):
            server.refuse(request, ErrorCode.UNKNOWN_INSPECTION, "no inspection 3f9a01c2-9")
        else:
            server.reply(request, {"asked": request.command, "id": request.request_id})

    with (
        _serving(context, any_address(), answer) as address,
        Station(_nowhere(tmp_path), address, context=context, timeout_s=WAIT_S) as station,
    ):
        asked = station.request(Trigger("A-7"), request_id="mine")
        assert asked == {"asked": {"name": "trigger", "part": "A-7"}, "id": "mine"}
        assert station.request(Status())["asked"] == {"name": "status"}
        with pytest.raises(CommandRefused, match="no inspection") as caught:
            station.request(Decide("3f9a01c2-9", Decision.ACCEPT, "ann"))
        assert caught.value.code == "unknown_inspection"
        assert station.request(Status())["asked"] == {"name": "status"}


def test_a_late_answer_is_not_taken_for_that_to_the_next_request(context, any_address, tmp_path) -> None:
    held: list[Request] = []

    def answer(server: CommandServer, request: Request) -> None:
        held.append(request)
        if len(held) > 1:
            for each in held:
                server.reply(each, {"id": each.request_id})

    with (
        _serving(context, any_address(), answer) as address,
        Station(_nowhere(tmp_path), address, context=context, timeout_s=WAIT_S) as station,
    ):
        with pytest.raises(WireError, match="no answer"):
            station.request(Status(), request_id="first", timeout_s=0.3)
        while not held:
            pass
        assert station.request(Status(), request_id="second") == {"id": "second"}


def test_a_second_answer_to_one_request_is_not_taken_for_that_to_the_next(context, any_address, tmp_path) -> None:
    def answer(server: CommandServer, request: Request) -> None:
        for _ in range(2):
            server.reply(request, {"id": request.request_id})

    with (
        _serving(context, any_address(), answer) as address,
        Station(_nowhere(tmp_path), address, context=context, timeout_s=WAIT_S) as station,
    ):
        for name in ("first", "second", "third"):
            assert station.request(Status(), request_id=name) == {"id": name}


def test_a_request_that_nobody_took_is_not_sent_when_somebody_comes(context, tmp_path) -> None:
    asked: list[str] = []

    def answer(server: CommandServer, request: Request) -> None:
        asked.append(request.request_id)
        server.reply(request, {})

    address = f"ipc://{tmp_path}/later"
    with Station(_nowhere(tmp_path), address, context=context, timeout_s=WAIT_S) as station:
        with pytest.raises(WireError, match="no answer"):
            station.request(Trigger("A-7"), request_id="first", timeout_s=0.02)
        with _serving(context, address, answer):
            station.request(Status(), request_id="second")
    assert asked == ["second"]


def test_a_req_socket_is_answered_too(context, any_address) -> None:
    with _serving(context, any_address(), _say_yes) as address, context.socket(zmq.REQ) as peer:
        connect(peer, address)
        peer.send(encode_request("r1", Status()))
        assert peer.poll(WAIT_S * 1000)
        assert decode_reply(peer.recv()).ok


def test_whatever_is_sent_gets_one_answer_and_does_nothing(context, any_address) -> None:
    carried_out: list[Request] = []

    def answer(server: CommandServer, request: Request) -> None:
        carried_out.append(request)
        server.reply(request, {})

    pick = random.Random(5)
    bad = [pick.randbytes(pick.randrange(0, 80)) for _ in range(300)]
    bad += [b"[" * LARGEST_FRAME, b'{"a":' * 3_000, b" " * LARGEST_FRAME, json.dumps({"schema": 1}).encode()]
    with _serving(context, any_address(), answer) as address, context.socket(zmq.DEALER) as peer:
        connect(peer, address)
        for data in bad:
            peer.send(data)
        peer.send_multipart([b"two", b"frames"])
        replies = []
        for _ in range(len(bad) + 1):
            assert peer.poll(WAIT_S * 1000)
            replies.append(decode_reply(peer.recv()))
        assert not any(reply.ok for reply in replies)
        assert carried_out == []
        peer.send(encode_request("good", Status()))
        assert peer.poll(WAIT_S * 1000)
        assert decode_reply(peer.recv()).request_id == "good"
    assert len(carried_out) == 1


def test_a_frame_above_the_limit_cuts_that_peer_and_no_other(context, any_address) -> None:
    with (
        _serving(context, any_address(), _say_yes) as address,
        context.socket(zmq.DEALER) as greedy,
        context.socket(zmq.DEALER) as modest,
    ):
        connect(greedy, address)
        connect(modest, address)
        greedy.send(bytes(LARGEST_FRAME + 1))
        assert not greedy.poll(200)
        modest.send(encode_request("r1", Status()))
        assert modest.poll(WAIT_S * 1000)
        assert decode_reply(modest.recv()).ok


def test_a_closed_socket_is_a_wire_error(context, any_address, tmp_path) -> None:
    publisher = Publisher(context, any_address(), station="one", boot=BOOT)
    server = CommandServer(context, any_address())
    for each in (publisher, server):
        each.close()
        each.close()
    with pytest.raises(WireError, match="cannot publish"):
        publisher.state(State.READY, bundle="", counters=Counters())
    with pytest.raises(WireError, match="cannot take commands"):
        server.poll(0)
