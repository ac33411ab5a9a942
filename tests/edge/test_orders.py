"""The real daemon: pauses, thresholds, protection, and decisions with their history, queue and line."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.client import CommandRefused, Station
from edge.contract.cam import Thresholds
from edge.contract.events import InterlockEvent, PauseEvent, ProtectEvent, ThresholdsEvent
from edge.contract.overlay import heat_of
from edge.contract.types import Decision, Signal, State, Verdict
from edge.journal.reader import JournalReader
from edge.wire.messages import DecisionMessage, EventMessage, MapMessage, OverlayMessage, Topic
from edge.wire.requests import Decide
from tests.edge.running import BY_COMMAND, WAIT_S, Running, station_file

UNSURE = "thresholds = {ok_below = 0.0, ng_from = 1.0}\n"
"""All that can be judged is REVIEW."""


def unsure_station(folder: Path, bundle: Path, camera: str, *extra: str, recipe: str = UNSURE) -> Path:
    config = station_file(folder, bundle, camera, BY_COMMAND, 'recipe = "unsure"', *extra)
    (folder / "recipes").mkdir(exist_ok=True)
    (folder / "recipes" / "unsure.toml").write_text(recipe)
    return config


def inspect(daemon: Running, part: str = "A-1") -> str:
    """The id of a part whose result has come."""
    asked = daemon.station.trigger(part)
    while daemon.collect(len(daemon.results) + 1)[-1].header.id != asked:
        pass
    return asked


def listener(daemon: Running) -> Station:
    found = Station(
        f"ipc://{daemon.folder}/r", f"ipc://{daemon.folder}/c", topics=(Topic.DECISION, Topic.EVENT), timeout_s=WAIT_S
    )
    found.wait_joined()
    return found


def refused(code: str):
    return pytest.raises(CommandRefused, match=rf"\({code}\)$")


@pytest.fixture(scope="module")
def station(tmp_path_factory, bundle, capture):
    folder = tmp_path_factory.mktemp("orders") / "d"
    with Running(unsure_station(folder, bundle, f"{capture.as_uri()}?loop=true")) as daemon:
        yield daemon
        assert daemon.end() == 0, daemon.log.read_text()


def test_map_and_overlay_come_to_those_who_subscribe_to_them_and_nothing_else(station) -> None:
    with Station(
        f"ipc://{station.folder}/r", f"ipc://{station.folder}/c", topics=(Topic.MAP, Topic.OVERLAY), timeout_s=WAIT_S
    ) as maps:
        maps.wait_joined()
        name = inspect(station)
        first, second = maps.receive(WAIT_S), maps.receive(WAIT_S)
        assert maps.receive(0.2) is None
    result = station.results[-1]
    assert isinstance(first, MapMessage)
    assert (first.header.id, first.header.number, first.header.map) == (name, 1, result.header.map)
    assert np.array_equal(first.map_units, result.map_units)
    assert isinstance(second, OverlayMessage)
    assert (second.header.id, second.header.region) == (name, first.header.region)
    drawn = cv2.imdecode(np.frombuffer(second.data, np.uint8), cv2.IMREAD_UNCHANGED)
    heat = heat_of(result.map_units, result.header.map.scale, result.header.map.zero_point)
    assert drawn.shape == (320, 320, 4)
    row, column = np.unravel_index(drawn[..., 3].argmax(), (320, 320))
    there = heat[row * heat.shape[0] // 320, column * heat.shape[1] // 320]
    assert there == heat.max()
    assert abs(int(drawn[row, column, 3]) - 255 * float(there)) < 5
    station.station.decide(name, Decision.ACCEPT, "ann")


def test_decisions_are_added_taken_back_and_published_and_the_queue_follows(station) -> None:
    first, second = inspect(station), inspect(station, "A-2")
    ask = station.station
    page = ask.waiting(limit=1)
    assert [each.header.id for each in page.results] == [first]
    shown = station.results[-2]
    assert (page.results[0].header, page.results[0].map) == (shown.header, shown.map_units.tobytes())
    assert (page.more, page.total) == (True, 2)
    assert [each.header.id for each in ask.waiting(first).results] == [second]
    with listener(station) as others:
        made = ask.decide(first, Decision.ACCEPT, "ann", "only dust", code="dust", replaces="")
        assert (made.code, made.signal) == ("dust", None)
        with refused("decided"):
            ask.decide(first, Decision.REJECT, "ben", replaces="")
        over = ask.decide(first, Decision.REJECT, "ben", code="scratch", replaces=made.request_id)
        with refused("decided"):
            ask.undo(made.request_id, "ann")
        assert ask.undo(over.request_id, "ben").said.request_id == made.request_id
        assert [each.header.id for each in ask.waiting().results] == [second]
        undone = ask.undo(made.request_id, "eve")
        assert undone.said is None
        assert [each.header.id for each in ask.waiting().results] == [first, second]
        messages = [others.receive(WAIT_S) for _ in range(4)]
    heard = [message.header for message in messages if isinstance(message, DecisionMessage)]
    assert [each.number for each in heard] == list(range(heard[0].number, heard[0].number + 4))
    assert [(each.inspection, each.operator, each.undone) for each in heard] == [
        (first, "ann", ""), (first, "ben", ""), (first, "ben", over.request_id), (first, "eve", made.request_id),
    ]  # fmt: skip
    assert [each.said and (each.said.decision, each.said.operator) for each in heard] == [
        ("accept", "ann"), ("reject", "ben"), ("accept", "ann"), None,
    ]  # fmt: skip
    history = ask.decisions(first).decisions
    assert [(each.decision, each.operator, each.withdrawn_by) for each in history] == [
        ("accept", "ann", "eve"), ("reject", "ben", "ben"),
    ]  # fmt: skip
    with JournalReader(station.folder / "journal") as reader:
        assert reader.find(first).decision is None
        assert reader.totals()["waiting"] == 2
    ask.decide(first, Decision.ACCEPT, "ann")
    ask.decide(second, Decision.REJECT, "ann")
    assert ask.waiting().total == 0


def test_a_repeated_request_decides_and_takes_back_once(station) -> None:
    name, ask = inspect(station), station.station
    asked = Decide(name, Decision.ACCEPT, "ann", "", "dust", "")
    first = ask.request(asked, request_id="decided-once")
    assert ask.request(asked, request_id="decided-once") == first
    assert len(ask.decisions(name).decisions) == 1
    with refused("refused"):
        ask.request(Decide(name, Decision.REJECT, "ann"), request_id="decided-once")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (lambda ask, name: ask.decide(name, Decision.ACCEPT, "ann", code="scratch"), "refused"),  # a reason to reject
        (lambda ask, name: ask.decide("00000000-1", Decision.ACCEPT, "ann"), "unknown_inspection"),
        (lambda ask, name: ask.decide(name, Decision.ACCEPT, "ann", replaces="other"), "decided"),
        (lambda ask, name: ask.undo("no-such-request", "ann"), "refused"),
        (lambda ask, name: ask.protect("00000000-1", "ann"), "unknown_inspection"),
        (lambda ask, name: ask.decisions("00000000-1"), "unknown_inspection"),
        (lambda ask, name: ask.waiting("00000000-1"), "unknown_inspection"),
        (lambda ask, name: ask.resume("ann"), "wrong_state"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(station, command, code) -> None:
    name = station.rows()[0].id
    before = (station.station.decisions(name), station.station.status().state)
    with refused(code):
        command(station.station, name)
    assert (station.station.decisions(name), station.station.status().state) == before


def test_any_earlier_verdict_is_overridden(station, okng) -> None:
    ask = station.station
    ask.threshold(Thresholds(0.0, 0.0), "eve")
    name = inspect(station)
    assert station.results[-1].header.verdict is Verdict.NG
    done = okng("accept", name, "--config", station.config, "--operator", "ann", "--code", "dust")
    assert done.status == 0, done.err
    assert ask.decisions(name).decisions[0].code == "dust"
    done = okng("undo", name, "--config", station.config, "--operator", "ann")
    assert (done.status, done.out) == (0, f"{name}: not decided any more\n")
    ask.threshold(Thresholds(0.0, 1.0), "eve")


def test_an_inspection_is_protected_and_released(station, okng) -> None:
    name = inspect(station)
    with listener(station) as others:
        assert okng("protect", name, "--config", station.config, "--operator", "ann").status == 0
        assert others.receive(WAIT_S).header.event.protected
        assert station.rows()[-1].protected_ns is not None
        assert okng("protect", name, "--off", "--config", station.config).status == 0
        assert not others.receive(WAIT_S).header.event.protected
    assert station.rows()[-1].protected_ns is None
    with JournalReader(station.folder / "journal") as reader:
        found = [noted.event for noted in reader.events("protect")]
    assert [(each.inspection, each.protected) for each in found if isinstance(each, ProtectEvent)] == [
        (name, True), (name, False),
    ]  # fmt: skip


def test_thresholds_that_let_known_faults_pass_are_refused_and_good_ones_are_published(station, okng) -> None:
    ask = station.station
    with listener(station) as others:
        with pytest.raises(CommandRefused, match=r"all stays as it was: golden interlock: golden/ng-.*\(bad_recipe\)"):
            ask.threshold(Thresholds(1.0, 1.0), "eve")
        assert ask.status().thresholds == Thresholds(0.0, 1.0)
        assert ask.status().state is State.READY
        done = okng("threshold", 0.1, 0.9, "--config", station.config, "--operator", "eve", "--reason", "trial")
        assert (done.status, done.out) == (0, "unsure: OK below 0.1, NG from 0.9\n")
        events = [others.receive(WAIT_S).header.event for _ in range(3)]
    assert [(each.passed, each.occasion) for each in events[:2] if isinstance(each, InterlockEvent)] == [
        (False, "thresholds"), (True, "thresholds"),
    ]  # fmt: skip
    assert isinstance(events[2], ThresholdsEvent)
    assert (events[2].before, events[2].thresholds) == (Thresholds(0.0, 1.0), Thresholds(0.1, 0.9))
    assert (events[2].operator, events[2].reason) == ("eve", "trial")
    assert inspect(station)
    assert station.results[-1].header.thresholds == Thresholds(0.1, 0.9)
    assert okng("threshold", 0.9, 0.1, "--config", station.config).status == 2


@pytest.mark.slow
def test_thresholds_and_a_pause_outlive_a_kill(tmp_path, bundle, capture, okng) -> None:
    config = unsure_station(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true")
    with Running(config) as daemon:
        daemon.station.threshold(Thresholds(0.2, 0.8), "eve")
        name = inspect(daemon)
        with listener(daemon) as others:
            assert daemon.station.pause("ann", "new lamp").state is State.HALTED
            message = others.receive(WAIT_S)
        assert isinstance(message, EventMessage)
        assert isinstance(message.header.event, PauseEvent)
        with refused("wrong_state"):
            daemon.station.pause("ben")
        with pytest.raises(CommandRefused, match="paused by ann: new lamp; send resume first"):
            daemon.station.start()
        with refused("wrong_state"):
            daemon.station.trigger("A-9")
    with Running(config) as daemon:
        status = daemon.station.status()
        assert (status.state, status.reason) == (State.HALTED, "paused by ann: new lamp")
        assert status.thresholds == Thresholds(0.2, 0.8)
        assert okng("resume", "--config", config, "--operator", "ben").status == 0
        assert daemon.station.status().state is State.READY
        assert [each.header.id for each in daemon.station.waiting().results] in ([name], [])
        (config.parent / "recipes" / "unsure.toml").write_text("thresholds = {ok_below = 0.0, ng_from = 0.9}")
        assert daemon.end() == 0, daemon.log.read_text()
    with Running(config) as daemon:
        status = daemon.station.status()
        assert (status.state, status.thresholds) == (State.READY, Thresholds(0.0, 0.9))
        assert daemon.end() == 0, daemon.log.read_text()


@pytest.mark.slow
def test_a_held_part_gets_its_signal_from_the_first_decision_alone(tmp_path, bundle, capture) -> None:
    recipe = UNSURE + "hold_s = 600\n"
    config = unsure_station(tmp_path / "d", bundle, f"{capture.as_uri()}?loop=true", recipe=recipe)
    with Running(config) as daemon:
        name, ask = inspect(daemon), daemon.station
        (held,) = ask.status().held
        assert held.inspection == name
        made = ask.decide(name, Decision.ACCEPT, "ann")
        assert made.signal is Signal.ACCEPT
        assert ask.status().held == []
        assert ask.decide(name, Decision.REJECT, "ben").signal is None
        first, _ = ask.decisions(name).decisions
        assert first.signal is Signal.ACCEPT
        abandoned = inspect(daemon, "A-2")
        inspect(daemon, "A-3")
        assert ask.decide(abandoned, Decision.ACCEPT, "ann").signal is None  # rejected when the next part came
        assert daemon.end() == 0, daemon.log.read_text()
