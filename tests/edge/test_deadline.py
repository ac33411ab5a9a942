"""A judge that hangs: exactly one of two threads concludes the inspection, and nothing is accepted late."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from edge.contract.bundle import read_bundle
from edge.contract.recipe import NamedRegion, Recipe, RecipeSettings, Voting
from edge.contract.types import Frame, Judgement, Signal, Verdict
from edge.daemon.deadline import Overdue, TimedPipeline
from edge.daemon.life import Life
from edge.inference.judge import Judge
from edge.line import Gate as LineGate
from edge.line import Health, Output, SimulatedOutputs, Timing
from tests.edge.test_pipeline import Gate

WAIT_S = 30.0
FRAME, OTHER = (Frame(np.full((8, 8), 7, np.uint8), index, 1, 2) for index in (0, 1))


class Slow:
    """Says OK of whatever it gets, once it is let go."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def judge(self, frame):
        self.begun.set()
        assert self.go_on.wait(WAIT_S)
        return Judgement(Verdict.OK, 0.1, None)


def test_a_frame_that_hangs_is_rejected_by_the_watch_and_what_its_thread_says_later_is_lost() -> None:
    slow, life, given_up, raised = Slow(), Life(), [], []
    with Gate() as gate:
        pipeline = TimedPipeline(slow, gate, "3f9a01c2", limit_s=0.05)

        def work() -> None:
            with pytest.raises(Overdue) as caught:
                pipeline.inspect(17, "A-7", FRAME, 99, (OTHER,))
            raised.append(caught.value)

        line = threading.Thread(target=work)
        line.start()
        pipeline.watch(life, given_up.append)
        (inspection,) = given_up
        slow.go_on.set()
        line.join(WAIT_S)
        assert gate.told == [Signal.REJECT]
        after = pipeline.fault(18, "A-8", "the station is stopping", 100)
    assert raised
    assert (inspection.id, inspection.part, inspection.triggered_ns) == ("3f9a01c2-17", "A-7", 99)
    assert (inspection.judgement.verdict, inspection.signal) == (Verdict.FAULT, Signal.REJECT)
    assert inspection.judgement.reason == "not judged within 0.05 s: it hangs"
    assert inspection.frame is FRAME
    assert inspection.frames == (FRAME, OTHER), "all of the part, for the record"
    assert after.signal is Signal.REJECT


def test_a_frame_that_is_judged_in_time_is_as_without_a_watch() -> None:
    slow, life, given_up = Slow(), Life(), []
    slow.go_on.set()
    with Gate() as gate:
        pipeline = TimedPipeline(slow, gate, "3f9a01c2", limit_s=WAIT_S)
        watch = threading.Thread(target=pipeline.watch, args=(life, given_up.append))
        watch.start()
        inspections = [pipeline.inspect(number, "", FRAME, 99) for number in range(1, 50)]
        life.ending.set()
        watch.join(WAIT_S)
        assert gate.told == [Signal.ACCEPT] * 49
    assert {each.judgement.verdict for each in inspections} == {Verdict.OK}
    assert given_up == []


def test_a_part_whose_judge_hangs_is_rejected_at_the_gates_deadline_and_given_up_later() -> None:
    slow, life, given_up, outputs = Slow(), Life(), [], SimulatedOutputs()
    health = Health(ready=True, error=False, alive=True)
    with LineGate(outputs, Timing(), lambda: health) as gate:
        pipeline = TimedPipeline(slow, gate, "3f9a01c2", limit_s=0.3)
        now_ns = time.monotonic_ns()
        gate.expect(17, now_ns, now_ns + 20_000_000)

        def work() -> None:
            with pytest.raises(Overdue):
                pipeline.inspect(17, "A-7", FRAME, 99)

        line = threading.Thread(target=work)
        line.start()
        with outputs.changed:
            assert outputs.changed.wait_for(lambda: outputs.levels[Output.REJECT], WAIT_S)
        assert given_up == []
        pipeline.watch(life, given_up.append)
        slow.go_on.set()
        line.join(WAIT_S)
    assert not any(level for _, output, level in outputs.changes if output is Output.PASS)
    assert [level for _, output, level in outputs.changes if output is Output.REJECT].count(True) == 1
    (inspection,) = given_up
    assert (inspection.judgement.verdict, inspection.signal) == (Verdict.FAULT, Signal.REJECT)
    assert [told.verdict for told in outputs.told] == [Verdict.FAULT]


def test_the_limit_is_for_each_look_at_a_part_and_not_for_all_of_them(bundle) -> None:
    class Looks(TimedPipeline):
        begun = 0

        def _model_begins(self) -> None:
            Looks.begun += 1
            super()._model_begins()

    left, right = (NamedRegion(name=name, left=x, width=0.5) for name, x in (("left", 0.0), ("right", 0.5)))
    recipe = Recipe("screw", RecipeSettings(regions=(left, right), voting=Voting(frames=3)))
    judge = Judge(read_bundle(bundle))
    with Gate() as gate:
        Looks(judge, gate, "3f9a01c2", WAIT_S, recipe).inspect(1, "", FRAME, 99, (FRAME, FRAME))
    assert Looks.begun == 6
