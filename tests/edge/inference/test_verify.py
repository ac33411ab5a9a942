from __future__ import annotations

import random
import shutil
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge.contract.bundle import CARD, MODEL, read_bundle
from edge.contract.card import Card, encode_card
from edge.errors import BundleError
from edge.inference import verify as module
from edge.inference.verify import start_verify, verify, verify_in_child


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        verify_in_child(folder)
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    return message


def edit_card(folder: Path, change) -> None:
    card = read_bundle(folder).card
    (folder / CARD).write_bytes(encode_card(msgspec.structs.replace(card, **change(card))))


@pytest.fixture
def broken_runtime(tmp_path, monkeypatch):
    """A runtime in place of the real one, made of the lines given."""

    def install(line: str) -> None:
        package = tmp_path / "runtime" / "ai_edge_litert"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        code = f"import os, time\nclass Interpreter:\n def __init__(*_, **__): {line}\n"
        (package / "interpreter.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(package.parent), prepend=":")

    return install


def test_a_good_bundle_proves_itself(bundle) -> None:
    proof, card = verify_in_child(bundle), read_bundle(bundle).card
    assert proof.digest == read_bundle(bundle).digest
    assert proof.golden == len(card.golden) > 0
    assert 0 <= proof.worst_units <= card.golden_tolerance_units
    assert proof.invokes == proof.golden
    assert 0 < proof.invoke_ms <= proof.invoke_p95_ms
    assert proof.runtime in {"LiteRT", "tflite-runtime"}


def test_as_many_invokes_are_timed_as_were_asked_for(bundle) -> None:
    proof = verify(bundle, 20)
    assert proof.invokes == proof.golden + 20
    assert 0 < proof.invoke_ms <= proof.invoke_p95_ms


def test_where_it_was_started_does_not_matter(bundle, tmp_path, monkeypatch) -> None:
    for name in ("edge", "numpy", "json", "signal"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('mine')")
    monkeypatch.chdir(tmp_path)
    verify_in_child(bundle)


def test_a_damaged_file_is_refused_with_its_name(bundle_copy) -> None:
    (bundle_copy / "provenance.csv").write_bytes(b"")
    assert "provenance.csv: not the file" in refusal(bundle_copy)


def test_another_golden_frame_is_refused_though_digests_hold(bundle_copy, seal) -> None:
    golden = bundle_copy / read_bundle(bundle_copy).card.golden[0].file
    pixels = cv2.imread(str(golden), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(golden), np.random.default_rng(0).integers(0, 256, pixels.shape, np.uint8))
    seal(bundle_copy)
    assert f"golden frame golden/{golden.name} is judged" in refusal(bundle_copy)


@pytest.mark.parametrize("data", [b"", b"no image", None], ids=["empty", "text", "blank"])
def test_a_golden_frame_that_is_no_frame_is_refused(bundle_copy, seal, data) -> None:
    golden = bundle_copy / read_bundle(bundle_copy).card.golden[-1].file
    golden.write_bytes(cv2.imencode(".png", np.zeros((64, 64), np.uint8))[1].tobytes() if data is None else data)
    seal(bundle_copy)
    with pytest.raises(BundleError, match=f"{bundle_copy}.*{golden.name}"):
        verify(bundle_copy)


@pytest.mark.parametrize("size", [0, 16, 100_000])
def test_a_model_of_garbage_is_refused_and_this_process_lives(bundle_copy, seal, size) -> None:
    (bundle_copy / MODEL).write_bytes(random.Random(size).randbytes(size))
    seal(bundle_copy)
    assert "refuses the model" in refusal(bundle_copy)


def changed_golden(card: Card, **changes) -> dict:
    return {"golden": (*card.golden[:-1], msgspec.structs.replace(card.golden[-1], **changes))}


def shifted(units: bytes, by: int) -> bytes:
    return np.clip(np.frombuffer(units, np.int8).astype(int) + by, -128, 127).astype(np.int8).tobytes()


def away(card: Card) -> int:
    """More units than are allowed, to the side where there is room."""
    sign = -1 if np.frombuffer(card.golden[-1].map, np.int8).mean() > 0 else 1
    return sign * (card.golden_tolerance_units + 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: {"output": msgspec.structs.replace(card.output, scale=card.output.scale * 1.01)},
        lambda card: {"golden": ()},
        lambda card: changed_golden(card, map=shifted(card.golden[-1].map, away(card))),
        lambda card: changed_golden(card, map=card.golden[-1].map[:-1]),
        lambda card: changed_golden(card, map=b""),
        lambda card: changed_golden(card, verdict="ng" if card.golden[-1].verdict != "ng" else "ok"),
        lambda card: changed_golden(card, score=card.golden[-1].score + 0.1),
        lambda card: {"pooling": msgspec.structs.replace(card.pooling, kind="average")},
        lambda card: {"thresholds": msgspec.structs.replace(card.thresholds, ok_below=0.0, ng_from=0.0)},
    ],
    ids=["scale", "no golden", "map", "short map", "no map", "verdict", "score", "pooling", "thresholds"],
)
def test_a_changed_card_is_refused_though_digests_hold(bundle_copy, seal, change) -> None:
    edit_card(bundle_copy, change)
    seal(bundle_copy)
    with pytest.raises(BundleError, match=str(bundle_copy)):
        verify(bundle_copy)


def test_a_bundle_that_tells_kinds_apart_proves_itself_with_the_kinds(kinds_bundle, tmp_path, seal) -> None:
    golden = read_bundle(kinds_bundle).card.golden
    assert {frame.kind for frame in golden} == {"bright", "dull"}
    assert verify(kinds_bundle).golden == len(golden)
    changed = Path(shutil.copytree(kinds_bundle, tmp_path / "changed"))
    edit_card(changed, lambda card: changed_golden(card, kind="plain"))
    seal(changed)
    with pytest.raises(BundleError, match="is of kind dull, not plain"):
        verify(changed)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("os.abort()", "crashed the runtime (signal 6)"),
        ("os.kill(os.getpid(), 11)", "crashed the runtime (signal 11)"),
        ("os._exit(7)", "could not be verified: no reason given"),
        ("raise KeyError('inside')", "could not be verified: KeyError: 'inside'"),
    ],
)
def test_a_child_that_dies_is_a_refusal(bundle, broken_runtime, line, reason) -> None:
    broken_runtime(line)
    assert reason in refusal(bundle)


def test_a_child_that_hangs_is_ended(bundle, broken_runtime, monkeypatch) -> None:
    broken_runtime("time.sleep(1000)")
    monkeypatch.setattr(module, "CHILD_TIMEOUT_S", 1.0)
    child = start_verify(bundle)
    with pytest.raises(BundleError, match="did not prove itself within 1 s"):
        module.finish_verify(bundle, child)
    assert child.returncode == -9
