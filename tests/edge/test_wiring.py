"""A whole line in this process, as a station file wires it: triggers, a simulated camera, the line thread, the gate."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from edge.camera import Patience, camera_from_uri, watch_camera
from edge.contract.types import Inspection, Judgement, Signal, Verdict
from edge.daemon.config import StationConfig
from edge.daemon.inspector import Inspector
from edge.daemon.life import Life
from edge.daemon.wiring import (
    belt_encoder,
    code_reader,
    line_signal,
    part_ids,
    part_presence,
    station_health,
    trigger_source,
    trigger_times,
)
from edge.inspection.pipeline import Pipeline
from edge.inspection.triggers import WAITING, Triggers
from edge.line import Encoder, LineSignal, Output, TriggerSource
from tests.edge.line.contract import wait_until

WAIT_S = 30.0
SENSOR = 22
PINS = dict(zip(Output, (17, 27, 5, 6, 13, 19), strict=True))
WIRES = ", ".join(f"{output}_pin = {pin}" for output, pin in PINS.items())
BY_SENSOR = f'kind = "gpio", gpio = {{pin = {SENSOR}, debounce_ms = 1, factory = "mock"}}'


class Judges:
    """Says of each frame what it is told to, and waits before that where it is told to."""

    def __init__(self) -> None:
        self.verdict = Verdict.OK
        self.free = threading.Event()
        self.free.set()
        self.frames: list[Any] = []

    def judge(self, frame):
        self.frames.append(frame)
        self.free.wait(WAIT_S)
        return Judgement(self.verdict, 0.0, None)


class Line:
    def __init__(self, config: StationConfig, stack: ExitStack) -> None:
        self.life, self.judges = Life(), Judges()
        self.results: queue.Queue[Inspection] = queue.Queue()
        patience = Patience(timeout_s=config.camera.timeout_s, reopenings=100_000, backoff_s=0.001, backoff_max_s=0.001)
        self.camera = stack.enter_context(watch_camera(camera_from_uri(config.camera.uri), patience))
        health = station_health(config, self.life, self.camera)
        self.encoder: Encoder | None = belt_encoder(config.encoder)
        if self.encoder:
            stack.enter_context(self.encoder)
        self.signal: LineSignal = stack.enter_context(line_signal(config, health, encoder=self.encoder))
        self.source: TriggerSource | None = trigger_source(config.trigger)
        if self.source:
            stack.enter_context(self.source)
        self.inspector = Inspector(
            self.camera, Pipeline(self.judges, self.signal, "3f9a01c2"),
            Triggers(self.signal, trigger_times(config), part_ids(config.parts, 41), self.encoder),
            self.life, self.results,
            free_run=config.trigger.kind == "free", timeout_s=config.camera.timeout_s,
            presence=part_presence(config.trigger), codes=code_reader(config.parts),
        )  # fmt: skip
        if self.source:
            self.source.listen(self.inspector.trigger)
        self.inspector.start()
        self.life.progress("line")
        thread = threading.Thread(target=self.inspector.run)
        thread.start()
        stack.callback(thread.join, WAIT_S)
        stack.callback(self.judges.free.set)
        stack.callback(self.life.ending.set)

    def sense(self) -> None:
        """A part passes before the sensor."""
        pin = self.source._factory.pin(SENSOR)
        pin.drive_high()
        time.sleep(0.005)
        pin.drive_low()
        time.sleep(0.005)

    def level(self, output: Output) -> bool:
        return bool(self.signal._outputs._factory.pin(PINS[output]).state)

    def rises(self, output: Output) -> int:
        """How often it went high."""
        return sum(bool(state.state) for state in self.signal._outputs._factory.pin(PINS[output]).states)


@pytest.fixture
def run(noise_frames):
    @contextmanager
    def start(
        trigger: str, signal: str = "", camera: str = "rate=30", parts: str = "", more: str = ""
    ) -> Iterator[Line]:
        uri = camera if "://" in camera else f"sim://{noise_frames}?{camera}"
        config = msgspec.toml.decode(
            f"""
            station = "one"
            bundle = "none"
            camera = {{uri = "{uri}", timeout_s = 0.3}}
            journal = {{folder = "none"}}
            trigger = {{{trigger}}}
            signal = {{kind = "gpio", {WIRES}, factory = "mock", pulse_ms = 5{signal}}}
            parts = {{{parts}}}
            {more}
            """,
            type=StationConfig,
        )
        with ExitStack() as stack:
            yield Line(config, stack)

    return start


@pytest.mark.parametrize(("verdict", "output"), [(Verdict.OK, Output.PASS), (Verdict.NG, Output.REJECT)])
def test_an_edge_is_one_inspection_and_one_pulse_and_its_frame_is_no_older_than_the_edge(run, verdict, output) -> None:
    with run(BY_SENSOR) as line:
        line.judges.verdict = verdict
        wait_until(lambda: line.level(Output.READY))
        for count in range(1, 6):
            line.sense()
            found = line.results.get(timeout=WAIT_S)
            assert (found.sequence, found.judgement.verdict) == (count, verdict)
            assert found.frame.captured_ns >= found.triggered_ns
            wait_until(lambda count=count: line.rises(output) == count)
        assert line.rises(Output.PASS) + line.rises(Output.REJECT) == 5
        assert line.life.condition().triggers == 5
        assert line.results.empty()


def test_a_verdict_in_time_is_given_at_the_gate(run) -> None:
    with run(BY_SENSOR, ", delay_ms = 300") as line:
        line.sense()
        assert line.results.get(timeout=WAIT_S).signal is Signal.ACCEPT
        assert line.rises(Output.PASS) == 0
        wait_until(lambda: line.rises(Output.PASS) == 1)
        assert line.rises(Output.REJECT) == 0


def test_a_judge_that_hangs_is_a_reject_at_the_deadline_and_not_ready_and_then_a_fault(run) -> None:
    with run(f"{BY_SENSOR}, deadline_ms = 50") as line:
        wait_until(lambda: line.level(Output.READY))
        line.judges.free.clear()
        line.sense()
        wait_until(lambda: line.rises(Output.REJECT) == 1)
        wait_until(lambda: line.level(Output.ERROR) and not line.level(Output.READY))
        line.judges.free.set()
        found = line.results.get(timeout=WAIT_S)
        assert (found.judgement.verdict, found.signal) == (Verdict.FAULT, Signal.REJECT)
        assert "after its deadline" in found.judgement.reason
        wait_until(lambda: line.level(Output.READY) and not line.level(Output.ERROR))
        line.sense()
        assert line.results.get(timeout=WAIT_S).signal is Signal.ACCEPT
        assert (line.rises(Output.PASS), line.rises(Output.REJECT)) == (1, 1)


def test_a_trigger_that_waited_beyond_its_deadline_gets_a_fault_without_a_frame(run) -> None:
    with run(f"{BY_SENSOR}, deadline_ms = 50") as line:
        line.judges.free.clear()
        line.sense()
        line.sense()
        time.sleep(0.1)
        line.judges.free.set()
        reasons = [line.results.get(timeout=WAIT_S).judgement.reason for _ in range(2)]
        assert "waited for its frame" in reasons[1]
        assert len(line.judges.frames) == 1
        wait_until(lambda: line.rises(Output.REJECT) == 2)
        assert line.rises(Output.PASS) == 0


@pytest.mark.slow
def test_a_camera_that_fails_takes_ready_away_and_gives_it_back(run) -> None:
    with run(BY_SENSOR, camera="rate=30&fault=black&after=30&lasting=40") as line:
        wait_until(lambda: line.rises(Output.READY) == 2 and not line.level(Output.ERROR))
        assert line.rises(Output.ERROR) >= 1


@pytest.mark.slow
def test_triggers_that_cannot_be_taken_are_counted_and_rejected(run) -> None:
    with run(BY_SENSOR) as line:
        line.inspector.stop("stopped by command")
        wait_until(lambda: not line.level(Output.READY))
        line.sense()
        wait_until(lambda: line.rises(Output.REJECT) == 1)
        assert line.life.condition().untaken == {"missed": 1}
        line.inspector.start()
        line.judges.free.clear()
        line.inspector.trigger()
        wait_until(lambda: line.judges.frames)
        for _ in range(WAITING + 3):
            line.inspector.trigger()
        line.judges.free.set()
        found = [line.results.get(timeout=WAIT_S) for _ in range(WAITING + 1)]
        assert len({each.sequence for each in found}) == WAITING + 1
        now = line.life.condition()
        assert (now.untaken, now.triggers) == ({"missed": 1, "overrun": 3}, WAITING + 1)
        assert line.results.empty()


def test_a_frame_is_exposed_when_its_part_is_before_the_camera(run) -> None:
    with run(f"{BY_SENSOR}, delay_ms = 150, window_ms = 200") as line:
        line.sense()
        found = line.results.get(timeout=WAIT_S)
        assert found.judgement.verdict is Verdict.OK
        assert 150e6 <= found.frame.captured_ns - found.triggered_ns <= 350e6


def test_a_frame_that_comes_when_the_part_has_moved_on_is_not_used(run) -> None:
    with run(f"{BY_SENSOR}, window_ms = 1", camera="rate=5") as line:
        found = []
        while not found or found[-1].judgement.verdict is Verdict.OK:
            line.sense()
            found.append(line.results.get(timeout=WAIT_S))
        assert "after the part had moved on" in found[-1].judgement.reason
        assert found[-1].frame is None


BELT = 'encoder = {kind = "simulated"}'


def test_a_frame_is_taken_when_the_belt_has_brought_its_part_before_the_camera(run) -> None:
    with run(f"{BY_SENSOR}, delay_counts = 100, window_ms = 1000", more=BELT) as line:
        line.sense()
        line.encoder.move(99)
        time.sleep(0.1)  # three frames
        assert not line.judges.frames
        before_ns = time.time_ns()
        line.encoder.move(1)
        found = line.results.get(timeout=WAIT_S)
        assert (found.judgement.verdict, found.frame.captured_ns >= before_ns) == (Verdict.OK, True)
        assert found.triggered_ns < before_ns


def test_parts_between_sensor_and_camera_each_get_their_own_frame(run, monkeypatch) -> None:
    monkeypatch.setattr("edge.line.gate.LATE_NS", 60 * 10**9)  # a busy machine's threads come late
    with run(f"{BY_SENSOR}, delay_counts = 100", ", delay_counts = 200", more=BELT) as line:
        moved_ns = []
        for _ in range(5):
            time.sleep(0.1)  # three frames: a part is judged before it is at the gate
            line.sense()
            moved_ns.append(time.time_ns())
            line.encoder.move(40)
        for _ in range(5):
            time.sleep(0.1)
            moved_ns.append(time.time_ns())
            line.encoder.move(40)
        found = [line.results.get(timeout=WAIT_S) for _ in range(5)]
        assert [each.judgement.verdict for each in found] == [Verdict.OK] * 5
        assert all(each.frame.captured_ns >= moved_ns[index + 2] for index, each in enumerate(found))
        wait_until(lambda: line.rises(Output.PASS) == 5)
        assert line.rises(Output.REJECT) == 0


def test_a_belt_that_stands_still_is_a_fault_at_the_deadline_and_the_next_part_is_judged(run) -> None:
    with run(f"{BY_SENSOR}, delay_counts = 100, deadline_ms = 200", more=BELT) as line:
        line.sense()
        line.encoder.move(50)
        found = line.results.get(timeout=WAIT_S)
        assert (found.judgement.verdict, found.signal) == (Verdict.FAULT, Signal.REJECT)
        assert found.judgement.reason == "the belt did not go 100 counts by the deadline; does it stand still?"
        wait_until(lambda: line.rises(Output.REJECT) == 1)
        wait_until(lambda: line.level(Output.READY))
        line.sense()
        line.encoder.move(100)
        assert line.results.get(timeout=WAIT_S).signal is Signal.ACCEPT
        assert line.results.empty()


@pytest.mark.slow
def test_parts_that_are_not_taken_are_counted_and_rejected_where_the_belt_brings_them(run) -> None:
    with run(f"{BY_SENSOR}, delay_counts = 10", ", delay_counts = 100", more=BELT) as line:
        line.inspector.stop("stopped by command")
        line.sense()
        wait_until(lambda: line.life.condition().untaken == {"missed": 1})
        assert line.rises(Output.REJECT) == 0
        line.encoder.move(100)
        wait_until(lambda: line.rises(Output.REJECT) == 1)
        line.inspector.start()
        for _ in range(WAITING + 3):  # none gets its frame before the belt moves
            line.inspector.trigger()
            line.encoder.move(0)
        wait_until(lambda: line.life.condition().untaken.get("overrun", 0) >= 2)
        line.encoder.move(100)
        for _ in range(line.life.condition().triggers):
            line.results.get(timeout=WAIT_S)
        now = line.life.condition()
        assert now.triggers + sum(now.untaken.values()) == WAITING + 4
        wait_until(lambda: line.results.empty())


def test_a_timed_trigger_inspects_at_its_period(run) -> None:
    with run('kind = "timed", timed = {period_ms = 30}') as line:
        found = [line.results.get(timeout=WAIT_S) for _ in range(4)]
    assert {each.judgement.verdict for each in found} == {Verdict.OK}
    assert found[3].triggered_ns - found[0].triggered_ns >= 80_000_000


@pytest.fixture
def belt(tmp_path):
    """A folder of frames: an empty belt, and two parts that pass, three frames each."""
    rng = np.random.default_rng(0)
    for index in range(30):
        pixels = np.full((120, 160), 80, np.float32)
        if index in (12, 13, 14, 20, 21, 22):
            pixels[30:90, 20 * (index % 4) : 20 * (index % 4) + 60] = 190
        pixels = np.clip(pixels + rng.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)
        assert cv2.imwrite(str(tmp_path / f"{index:02}.png"), pixels)
    return tmp_path


def test_parts_trigger_by_their_presence_and_the_frame_that_shows_them_is_judged(run, belt) -> None:
    with run('kind = "presence", presence = {share = 0.1}', camera=belt.as_uri()) as line:
        wait_until(lambda: line.life.condition().ended)
        found = [line.results.get(timeout=WAIT_S) for _ in range(2)]
        assert [each.frame.name for each in found] == ["12.png", "20.png"]
        assert line.results.empty()
        now = line.life.condition()
        assert (now.triggers, now.reason) == (2, "the source has ended")


@pytest.mark.parametrize("options", ["rate=50", "rate=50&lores=32x24"])
def test_presence_waits_for_the_delay_and_sees_the_next_part_meanwhile(run, belt, options) -> None:
    """On a live camera that shows the belt again and again."""
    trigger = 'kind = "presence", presence = {share = 0.1}, delay_ms = 100'
    with run(trigger, camera=f"sim://{belt}?{options}") as line:
        found = [line.results.get(timeout=WAIT_S) for _ in range(4)]
        assert all(each.frame.captured_ns - each.triggered_ns >= 99e6 for each in found)
        assert {each.judgement.verdict for each in found} == {Verdict.OK}


def test_parts_without_an_id_are_counted_on_from_those_before(run) -> None:
    with run('kind = "command"', parts='ids = "counter"') as line:
        for part in ("", "A-7", ""):
            line.inspector.trigger(part)
        assert [line.results.get(timeout=WAIT_S).part for _ in range(3)] == ["42", "A-7", "43"]


def test_parts_without_an_id_get_that_of_the_code_in_their_image(run, tmp_path) -> None:
    for index, text in enumerate(("A-1", "", "A-3")):
        code = cv2.QRCodeEncoder.create().encode(text) if text else np.full((21, 21), 200, np.uint8)
        scaled = cv2.resize(code, None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST)
        assert cv2.imwrite(
            str(tmp_path / f"{index}.png"), cv2.copyMakeBorder(scaled, *[30] * 4, cv2.BORDER_CONSTANT, value=200)
        )
    with run('kind = "command"', camera=tmp_path.as_uri(), parts='ids = "code"') as line:
        for part in ("", "", "B-9"):
            line.inspector.trigger(part)
        found = [line.results.get(timeout=WAIT_S) for _ in range(3)]
        assert [each.part for each in found] == ["A-1", "", "B-9"]
        assert ["code" in each.judgement.timings_ms for each in found] == [True, True, False]
