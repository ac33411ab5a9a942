"""When a bundle that took over has brought faults with it."""

from __future__ import annotations

import numpy as np
import pytest

from edge.contract.types import Frame, Inspection, Judgement, Verdict
from edge.daemon.trial import FRAMES, Trial

FRAME = Frame(np.full((8, 8), 7, np.uint8), 0, 1, 2)
OK, FAULT = Judgement(Verdict.OK, 0.1, None), Judgement.fault("could not be judged")


def show(trial: Trial, judgements, bundle: str = "new", frame=FRAME) -> None:
    for judgement in judgements:
        trial.see(bundle, Inspection("3f9a01c2", 1, "", frame, judgement, judgement.signal, 1))


def test_faults_from_the_first_frame_on_end_it_at_the_third() -> None:
    trial = Trial("new", 0.0)
    show(trial, [FAULT, FAULT])
    assert trial.failed == ""
    show(trial, [FAULT])
    assert trial.failed == "3 of its first 3 frames were faults, 0% before"


@pytest.mark.parametrize(
    ("before", "share", "fails"), [(0.0, 0.03, False), (0.0, 0.1, True), (0.2, 0.25, False), (0.2, 0.5, True)]
)
def test_faults_count_beyond_three_sigma_of_what_was_usual(before, share, fails) -> None:
    trial = Trial("new", before)
    judgements = [OK] * FRAMES
    judgements[:: round(1 / share)] = [FAULT] * len(judgements[:: round(1 / share)])
    show(trial, judgements[1:])
    assert bool(trial.failed) is fails


def test_known_frames_that_it_judges_wrong_end_a_trial_at_once_and_nothing_else() -> None:
    trial = Trial("new", 0.0)
    trial.fail("golden interlock: golden/ng-1.png is judged OK, recorded is NG")
    assert trial.failed == "golden interlock: golden/ng-1.png is judged OK, recorded is NG"
    trial.begin("old", None)
    assert trial.failed == ""
    trial.fail("golden interlock: golden/ng-1.png is judged OK, recorded is NG")
    assert trial.failed == ""


def test_only_frames_that_this_bundle_judged_count() -> None:
    trial = Trial("new", 0.0)
    show(trial, [FAULT] * 10, bundle="old")
    show(trial, [FAULT] * 10, frame=None)
    assert (trial.failed, trial.faults) == ("", 0.0)


def test_a_trial_is_passed_after_a_hundred_frames_and_what_follows_is_no_trial() -> None:
    trial = Trial("new", 0.0)
    show(trial, [OK] * (FRAMES - 1))
    assert not trial.passed
    show(trial, [OK])
    assert trial.passed
    trial.begin("new", None)
    show(trial, [FAULT] * FRAMES)
    assert (trial.failed, trial.passed, trial.faults) == ("", False, 1.0)
