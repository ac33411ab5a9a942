"""The golden interlock: what known frames forbid, and how the line thread obeys."""

from __future__ import annotations

import queue
import threading
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest

from edge.camera import camera_from_uri
from edge.contract.bundle import read_bundle
from edge.contract.cam import Thresholds
from edge.contract.events import ChangeoverEvent, InterlockEvent
from edge.contract.recipe import KnownPart, Recipe, RecipeSettings
from edge.contract.types import Inspection, Judgement, Signal, State, Verdict
from edge.daemon.guard import Guard
from edge.daemon.inspector import Inspector
from edge.daemon.interlock import Interlock
from edge.daemon.life import Life
from edge.daemon.orders import InFlightError
from edge.daemon.schedule import Schedule
from edge.inference.judge import Judge
from edge.inspection.pipeline import PartJudge, Pipeline
from edge.inspection.triggers import Triggers
from edge.line import NoSignal

WAIT_S = 30.0


@pytest.fixture(scope="module")
def opened(bundle):
    return read_bundle(bundle)


def check(bundle, recipe: Recipe | None = None) -> InterlockEvent:
    return Interlock(bundle, recipe).check(PartJudge(Judge(bundle), recipe), "command")


def recipe(golden: tuple[KnownPart, ...] = (), **settings) -> Recipe:
    return Recipe("screw", RecipeSettings(**settings), None, golden)


def known(bundle, name: str, label) -> KnownPart:
    return KnownPart(f"{name}.png", label, (bundle / "golden" / f"{name}.png").read_bytes())


def test_the_frames_of_a_good_bundle_are_judged_right(opened) -> None:
    event = check(opened)
    assert (event.passed, event.frames, event.reason) == (True, len(opened.card.golden), "")
    assert (event.recipe, event.bundle, event.occasion) == ("", opened.digest, "command")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"thresholds": Thresholds(1.0, 1.0)}, "golden/ng-1.png is judged OK, recorded is NG"),
        ({"thresholds": Thresholds(0.0, 0.0)}, "golden/ok-1.png is judged NG, recorded is OK"),
        ({"golden_tolerance_units": 0, "golden": "moved"}, "the map of golden/ng-1.png is 3 units off, allowed are 0"),
    ],
)
def test_a_frame_that_is_judged_otherwise_is_named(opened, change, said) -> None:
    if change.get("golden") == "moved":
        first, *rest = opened.card.golden
        units = bytes([(first.map[0] + 3) % 256]) + first.map[1:]
        change = change | {"golden": (msgspec.structs.replace(first, map=units), *rest)}
    event = check(replace(opened, card=msgspec.structs.replace(opened.card, **change)))
    assert not event.passed
    assert said in event.wrong
    assert event.reason.startswith("golden interlock: golden/") or "the map of" in event.reason


def test_a_recipe_may_not_let_known_faults_pass(opened) -> None:
    event = check(opened, recipe(thresholds=Thresholds(1.0, 1.0)))
    assert len(event.wrong) == 4
    assert event.wrong[0] == "golden/ng-1.png is ng, and by the recipe's thresholds it is OK (1.000)"
    assert event.reason.endswith(", and 3 more")
    assert check(opened, recipe(thresholds=Thresholds(0.0, 0.0))).passed  # good parts that are rejected are no danger


def test_a_recipes_own_frames_are_judged_by_all_of_it(opened, bundle) -> None:
    own = (known(bundle, "ok-1", "ok"), known(bundle, "ng-1", "ng"))
    event = check(opened, recipe(own))
    assert (event.passed, event.frames) == (True, len(opened.card.golden) + 2)
    assert check(opened, recipe(own, thresholds=Thresholds(1.0, 1.0))).wrong == (
        "ng-1.png is ng, and judged OK (1.000)",
    )
    assert check(opened, recipe(own, thresholds=Thresholds(0.0, 0.0))).wrong[0].startswith("ok-1.png is ok, and judged")
    swapped = (replace(own[0], label="ng"), replace(own[1], label="ok"))
    assert len(check(opened, recipe(swapped)).wrong) == 2
    broken = KnownPart("x.png", "ok", b"no picture")
    assert "x.png cannot be judged: DataError" in check(opened, recipe((broken,))).wrong[0]


def test_a_runtime_that_fails_is_a_reason_and_no_crash(opened, monkeypatch) -> None:
    judge = Judge(opened)
    monkeypatch.setattr(judge, "judge", lambda *_: 1 / 0)
    event = Interlock(opened).check(PartJudge(judge), "schedule")
    assert len(event.wrong) == event.frames == len(opened.card.golden)
    assert "cannot be judged: ZeroDivisionError" in event.reason


class Says:
    """An interlock that says what it is told to."""

    def __init__(self, *wrong: str) -> None:
        self.wrong = wrong

    def check(self, judge, occasion) -> InterlockEvent:
        name = judge.recipe.name if judge.recipe else ""
        return InterlockEvent(occasion=occasion, recipe=name, bundle="b", frames=2, wrong=self.wrong)


class Agreeable:
    bundle = SimpleNamespace(digest="b")
    verdict = Verdict.OK

    def judge(self, frame, look=None):
        return Judgement(self.verdict, 0.5, None)


class Due(Schedule):
    def __init__(self) -> None:
        super().__init__()
        self.now = False

    def done(self) -> None:
        super().done()
        self.now = False

    def due(self) -> bool:
        return self.now


class Line:
    """A line thread that is triggered by command."""

    def __init__(self, noise_frames, interlock, parts=()) -> None:
        self.life, self.triggers, self.schedule, self.interlock = Life(), Triggers(), Due(), interlock
        self.results: queue.Queue[object] = queue.Queue()
        self.camera, self.judge = camera_from_uri(f"{noise_frames.as_uri()}?loop=true"), Agreeable()
        self.inspector = Inspector(
            self.camera, Pipeline(self.judge, NoSignal(), "3f9a01c2"), self.triggers, self.life, self.results,
            free_run=False, timeout_s=5, guard=Guard(interlock, self.schedule, parts),
        )  # fmt: skip
        self.thread = threading.Thread(target=self.inspector.run, daemon=True)

    def __enter__(self):
        self.camera.open()
        self.inspector._pipeline._signal.open()
        return self

    def __exit__(self, *_):
        self.life.ending.set()
        if self.thread.is_alive():
            self.thread.join(WAIT_S)
        self.camera.close()

    def next(self):
        return self.results.get(timeout=WAIT_S)

    @property
    def state(self):
        now = self.life.condition()
        return now.state, now.reason


def test_nothing_is_ready_before_the_known_frames_were_judged_right(noise_frames) -> None:
    with Line(noise_frames, Says("golden/ng-1.png is judged OK, recorded is NG")) as line:
        line.inspector.start()
        assert line.state == (State.ERROR, "the golden frames have not been judged yet")
        line.thread.start()
        assert not line.inspector.order(lambda: line.inspector.check("start")).result(WAIT_S).passed
        reason = "golden interlock: golden/ng-1.png is judged OK, recorded is NG"
        assert line.state == (State.ERROR, reason)
        assert isinstance(line.next(), InterlockEvent)
        line.triggers.ask("A-1")
        refused = line.next()
        assert (refused.judgement.verdict, refused.judgement.reason) == (Verdict.FAULT, reason)
        line.interlock.wrong = ()
        assert line.inspector.order(lambda: line.inspector.check("command")).result(WAIT_S).passed
        assert line.state == (State.READY, "")
        assert line.next().passed
        line.triggers.ask("A-2")
        assert line.next().judgement.verdict is Verdict.OK


def test_when_it_is_time_they_are_judged_between_two_parts(noise_frames) -> None:
    with Line(noise_frames, Says()) as line:
        line.inspector.check("start")
        line.inspector.start()
        assert line.state == (State.READY, "")
        assert line.next().occasion == "start"
        line.thread.start()
        line.interlock.wrong = ("a", "b")
        line.schedule.now = True
        event = line.next()
        assert (event.occasion, event.passed) == ("schedule", False)
        assert line.inspector.blocked == "golden interlock: a, and 1 more"


def test_one_that_is_halted_stays_halted_and_says_why_once_it_is_started(noise_frames) -> None:
    with Line(noise_frames, Says()) as line:
        line.inspector.stop("stopped by command")
        line.interlock.wrong = ("a",)
        line.inspector.check("command")
        assert line.state == (State.HALTED, "stopped by command")
        line.inspector.start()
        assert line.state == (State.ERROR, "golden interlock: a")


def test_a_changeover_waits_for_no_part_and_takes_over_between_two(noise_frames, opened) -> None:
    coming = PartJudge(Judge(opened), recipe())
    with Line(noise_frames, Says()) as line:
        line.inspector.check("start")
        line.inspector.start()
        line.next()
        line.triggers.ask("A-1")
        with pytest.raises(InFlightError):
            line.inspector.change_over(coming, Says(), "")
        assert line.inspector.recipe is None
        line.thread.start()
        assert isinstance(line.next(), Inspection)
        order = line.inspector.order(lambda: line.inspector.change_over(coming, Says("a"), ""))
        assert not order.result(WAIT_S).passed
        assert not line.next().passed
        assert line.inspector.recipe is None
        refused = (State.ERROR, "the changeover to screw failed, golden interlock: a")
        assert line.state == refused
        line.schedule.now = True
        assert line.next().occasion == "schedule"
        assert line.state == refused  # the old recipe's frames are still right, and that is not the question
        assert line.inspector.order(lambda: line.inspector.change_over(coming, Says(), "")).result(WAIT_S).passed
        assert (line.next().passed, line.next()) == (True, opened)
        assert line.next() == ChangeoverEvent("screw", "", opened.digest, "")
        assert line.state == (State.READY, "")
        line.triggers.ask("A-2")
        assert line.next().recipe is coming.recipe


def test_known_parts_are_asked_for_each_time_and_never_accepted(noise_frames) -> None:
    with Line(noise_frames, Says(), parts=("ok", "ng")) as line:
        line.inspector.check("start")
        line.inspector.start()
        asks = "golden interlock: put a known {0} part before the camera: okng golden {0}"
        assert line.state == (State.ERROR, asks.format("ok"))
        line.next()
        inspection, event = line.inspector.show_golden("ok")
        assert (event.passed, event.occasion, event.frames) == (True, "part", 1)
        assert [line.next(), line.next()] == [inspection, event]
        assert (inspection.judgement.verdict, inspection.signal, inspection.golden) == (Verdict.OK, Signal.REJECT, "ok")
        assert line.state == (State.ERROR, asks.format("ng"))
        _, event = line.inspector.show_golden("ng")
        assert event.wrong == ("the known ng part is ng, and judged OK (0.500)",)
        assert line.state == (State.ERROR, "golden interlock: the known ng part is ng, and judged OK (0.500)")
        line.judge.verdict = Verdict.REVIEW
        assert line.inspector.show_golden("ng")[1].passed
        assert line.state == (State.READY, "")
        assert line.life.condition().triggers == 3
        line.inspector.check("schedule")
        assert line.state == (State.ERROR, asks.format("ok"))


def test_a_known_part_without_a_frame_was_not_judged_right(noise_frames) -> None:
    with Line(noise_frames, Says()) as line:
        line.inspector.check("start")
        line.inspector.start()
        line.camera.close()
        inspection, event = line.inspector.show_golden("ok")
        assert (inspection.judgement.verdict, inspection.golden) == (Verdict.FAULT, "ok")
        assert "the known ok part cannot be judged: " in event.reason
        assert line.state[0] is State.ERROR
        line.triggers.ask("A-1")
        with pytest.raises(InFlightError):
            line.inspector.show_golden("ok")
