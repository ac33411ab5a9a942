"""The line thread before a camera that fails. A judge stands in that says OK of whatever reaches it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from edge.camera import Patience, camera_from_uri, watch_camera
from edge.contract.types import Inspection, Judgement, State, Verdict
from edge.daemon.inspector import Inspector
from edge.daemon.life import Life
from edge.errors import CameraLost
from edge.inspection.pipeline import Pipeline
from edge.inspection.triggers import Trigger, Triggers
from edge.line import NoSignal

WAIT_S = 30.0


class Agreeable:
    def judge(self, frame):
        return Judgement(Verdict.OK, 0.0, None)


@dataclass
class Line:
    """The line thread at work; `raised` is what it ended with."""

    life: Life
    triggers: Triggers
    results: queue.Queue[Inspection]
    inspector: Inspector
    raised: list[BaseException]

    def until(self, verdict: Verdict, reason: str = "") -> Inspection:
        """Passes over results up to the first of this verdict, with these words in its reason."""
        while True:
            found = self.results.get(timeout=WAIT_S)
            if found.judgement.verdict is verdict and reason in found.judgement.reason:
                return found

    def end(self) -> BaseException:
        """Waits until the line has ended by itself; gives the reason."""
        for _ in range(6000):
            if self.raised:
                return self.raised[0]
            threading.Event().wait(0.005)
        raise AssertionError("the line goes on")

    def until_state(self, state: State, reason: str = "") -> str:
        """Waits for it, with these words in its reason; gives the whole of that."""
        for _ in range(6000):
            now = self.life.condition()
            if now.state is state and reason in now.reason:
                return now.reason
            threading.Event().wait(0.005)
        raise AssertionError(f"{now}, not {state}")


@pytest.fixture
def line(noise_frames):
    @contextmanager
    def run(options: str, *, free_run: bool = True, reopenings: int = 100_000) -> Iterator[Line]:
        patience = Patience(timeout_s=1.0, reopenings=reopenings, backoff_s=0.001, backoff_max_s=0.001)
        life, triggers, results, raised = Life(), Triggers(), queue.Queue(), []
        camera = watch_camera(camera_from_uri(f"sim://{noise_frames}?rate=20{options}"), patience)
        with camera, NoSignal() as signal:
            inspector = Inspector(
                camera, Pipeline(Agreeable(), signal, "3f9a01c2"), triggers, life, results,
                free_run=free_run, timeout_s=0.1,
            )  # fmt: skip
            inspector.start()

            def work():
                try:
                    inspector.run()
                except CameraLost as error:
                    raised.append(error)

            thread = threading.Thread(target=work)
            thread.start()
            try:
                yield Line(life, triggers, results, inspector, raised)
            finally:
                life.ending.set()
                thread.join(WAIT_S)

    return run


def test_a_camera_that_freezes_and_wakes_is_faults_and_an_error_and_then_work_again(line) -> None:
    with line("&fault=freeze&after=3&lasting=3") as run:
        run.until(Verdict.FAULT, "frozen")
        assert run.until(Verdict.OK).frame is not None
        assert run.until_state(State.CONTINUOUS_EXECUTION) == ""
        told = [run.life.alarms.get(timeout=WAIT_S) for _ in range(2)]
    assert [(each.name, each.raised) for each in told] == [("camera", True), ("camera", False)]
    assert "frozen" in told[0].text


def test_one_that_stays_black_ends_the_line_and_says_why(line) -> None:
    with line("&fault=black&after=1", reopenings=2) as run:
        run.until_state(State.ERROR, "black")
        error = run.end()
    reasons = [each.judgement.reason for each in run.results.queue if each.judgement.verdict is Verdict.FAULT]
    assert error.exit_status == 5
    assert "opened anew 2 times in vain" in str(error)
    assert reasons
    assert all("black" in reason or "no frame" in reason for reason in reasons)


def test_trouble_between_two_triggers_is_seen_and_the_next_trigger_gets_a_fault(line) -> None:
    with line("&fault=freeze&after=3", free_run=False) as run:
        run.until_state(State.ERROR, "frozen")
        trigger = run.triggers.ask("A-1")
        found = run.until(Verdict.FAULT)
        assert (found.sequence, found.part) == (trigger.sequence, "A-1")
        assert found.frame is None


def test_a_station_that_was_stopped_is_not_set_going_by_its_camera(line) -> None:
    with line("&fault=freeze&after=3&lasting=3") as run:
        run.inspector.stop("stopped by command")
        threading.Event().wait(0.1)
        assert run.until_state(State.HALTED) == "stopped by command"


def test_whoever_waits_when_the_camera_is_lost_gets_a_fault(line) -> None:
    with line("&fault=unplug&after=1", free_run=False, reopenings=2) as run:
        asked = 0
        while isinstance(run.triggers.ask("A-1"), Trigger):
            asked += 1
            run.results.get(timeout=WAIT_S)
        run.end()
    assert asked
    assert run.results.empty()
