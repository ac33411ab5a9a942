"""Models on a delegate: a real one, built from tests/doubles/delegate.c, that works or fails as it is told."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from edge.contract.bundle import COMPILED, MODEL, read_bundle
from edge.contract.images import read_image
from edge.contract.runtime import Delegate, Runtime
from edge.contract.types import Frame
from edge.errors import BundleError, DelegateError
from edge.inference import fallback
from edge.inference.fallback import FallbackJudge, Proving
from edge.inference.judge import Judge


def never() -> bool:
    return False


def on(library, **options: object) -> Runtime:
    return Runtime(1, Delegate(str(library), {name: str(value) for name, value in options.items()}))


@pytest.fixture(scope="module")
def opened(bundle):
    return read_bundle(bundle)


@pytest.fixture(scope="module")
def frame(opened) -> Frame:
    return Frame(read_image(opened.path / opened.card.golden[0].file), 0, 1, 2)


def prove(opened, runtime: Runtime) -> FallbackJudge:
    return Proving(opened.path, runtime).finish(opened, never)


def test_a_delegate_computes_its_part_and_the_map_is_the_cpus(opened, frame, twin) -> None:
    judge = FallbackJudge(opened, on(twin))
    assert judge.degraded == ""
    assert np.array_equal(judge.judge(frame).map_units, Judge(opened).judge(frame).map_units)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("create", "finds no device"), ("prepare", "refuses the model"), ("kernel", "the twin's kernel refuses")],
)
def test_a_delegate_that_does_not_load_is_not_used_and_the_cpu_judges(opened, frame, twin, fault, reason) -> None:
    judge = FallbackJudge(opened, on(twin, fault=fault))
    assert reason in judge.degraded
    assert judge.judge(frame).verdict == opened.card.golden[0].verdict


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "reason"),
    [("invoke", "has lost its device"), ("crash", "crashed the runtime"), ("wrong", "golden frame")],
)
def test_a_delegate_that_does_not_prove_itself_is_not_used_and_the_cpu_judges(
    opened, frame, twin, fault, reason
) -> None:
    judge = prove(opened, on(twin, fault=fault))
    assert reason in judge.degraded
    assert judge.judge(frame).verdict == opened.card.golden[0].verdict


@pytest.mark.slow
def test_one_that_hangs_in_its_proof_is_ended(opened, frame, twin, monkeypatch) -> None:
    monkeypatch.setattr(fallback, "PROOF_S", 1.0)
    judge = prove(opened, on(twin, fault="hang"))
    assert "did not prove itself within 1 s" in judge.degraded
    assert judge.judge(frame).verdict == opened.card.golden[0].verdict


def test_one_that_fails_at_work_leaves_the_cpu_to_judge_that_very_frame_and_all_after_it(
    opened, frame, twin, tmp_path
) -> None:
    broken = tmp_path / "broken"
    judge = FallbackJudge(opened, on(twin, fault="invoke", file=broken))
    expected = judge.judge(frame)
    broken.touch()
    assert np.array_equal(judge.judge(frame).map_units, expected.map_units)
    assert judge.degraded == f"{twin} fails: the twin has lost its deviceNode number 15 (twin) failed to invoke."
    broken.unlink()
    judge.let_go()
    assert np.array_equal(judge.judge(frame).map_units, expected.map_units)
    assert judge.degraded


def test_without_a_model_for_the_cpu_the_delegate_alone_judges_and_its_failure_is_told(
    opened, frame, twin, tmp_path
) -> None:
    broken = tmp_path / "broken"
    judge = FallbackJudge(opened, on(twin, fault="invoke", file=broken), on_cpu=False)
    assert judge.judge(frame).verdict == opened.card.golden[0].verdict
    broken.touch()
    for _ in range(2):
        with pytest.raises(DelegateError, match="has lost its device"):
            judge.judge(frame)
    with pytest.raises(BundleError, match="does not run on the CPU, and on its delegate"):
        FallbackJudge(opened, on(twin, fault="create"), on_cpu=False)


@pytest.mark.slow
def test_a_model_that_only_the_delegate_knows_is_proven_there(bundle_copy, twin, seal) -> None:
    """And one that no device takes is refused, with both reasons."""
    (bundle_copy / MODEL).rename(bundle_copy / COMPILED)
    (bundle_copy / MODEL).write_bytes(b"no model for a CPU")
    seal(bundle_copy)
    opened = read_bundle(bundle_copy)
    edge_tpu = Runtime(1, Delegate(str(twin), {}, compiled=True))
    assert prove(opened, edge_tpu).degraded == ""
    with pytest.raises(BundleError, match=r"refuses the model.*and on its delegate.*finds no device"):
        prove(opened, Runtime(1, Delegate(str(twin), {"fault": "create"}, compiled=True)))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "cannot be loaded"),
        (lambda path: path.write_bytes(b"no library"), "cannot be loaded"),
        (
            lambda path: subprocess.run([shutil.which("cc"), "-shared", "-o", path, "-xc", "/dev/null"]),
            "is no delegate",
        ),
    ],
    ids=["absent", "text", "another library"],
)
def test_what_is_no_delegate_is_refused_in_one_line_with_its_path(opened, twin, tmp_path, make, reason, capfd) -> None:
    path = tmp_path / "other.so"
    make(path)
    capfd.readouterr()
    with pytest.raises(DelegateError, match=f"{path}: {reason}") as caught:
        Judge(opened, on(path))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_options_that_a_delegate_does_not_take_are_told(opened, twin) -> None:
    with pytest.raises(DelegateError, match="knows no such option"):
        Judge(opened, on(twin, colour="red"))
