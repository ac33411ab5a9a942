"""What the kills are checked with finds what is wrong; and a few of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.kills import POWERCUT, cut, kill, no_cuts
from benchmarks.left import wrong, wrong_bundle
from edge.contract.bundle import read_bundle
from edge.contract.types import Frame, Inspection, Judgement, Verdict
from edge.daemon.bundles import BundleStore
from edge.journal.journal import Journal
from edge.journal.rows import Entry
from edge.shipped import shipped_bundle


@pytest.fixture
def recorded(tmp_path) -> tuple[Path, list[str], list[Path]]:
    """A journal of three inspections, what was published of them, and their images."""
    frame, judgement = Frame(np.zeros((1, 1), np.uint8), 0, 0, 0), Judgement(Verdict.NG, 0.9, None)
    with Journal.open(tmp_path, station="one") as journal:
        entries = [
            Entry(Inspection(journal.boot_id, number, "", frame, judgement, judgement.signal, 1), "b" * 64, b"image")
            for number in (1, 2, 3)
        ]
        done = journal.record(entries)
    return tmp_path, [f"row {each.id} {each.image.sha256}" for each in done], [tmp_path / d.image.path for d in done]


def test_a_whole_journal_is_right(recorded) -> None:
    folder, said, _ = recorded
    assert wrong(folder, said) == []


def test_a_published_result_that_is_lost_is_found(recorded) -> None:
    folder, said, _ = recorded
    assert wrong(folder, [*said, "row 00000000-4 ff"]) == ["00000000-4: was published, and is lost"]


def test_another_image_than_was_published_is_found(recorded) -> None:
    folder, said, _ = recorded
    assert [text.split(": ")[1] for text in wrong(folder, [said[0][:-1] + "!"])] == ["was published with another image"]


def test_images_that_are_missing_changed_or_nobodys_are_found(recorded) -> None:
    folder, said, (first, second, third) = recorded
    first.unlink()
    second.write_bytes(b"imagf")
    third.with_name("000000009.png").write_bytes(b"")
    found = wrong(folder, said)
    assert sorted(text.split(": ")[1] for text in found) == ["another content", "not there"]  # opening sweeps strays
    assert not third.with_name("000000009.png").exists()


def test_the_active_bundle_is_the_last_one_answered_or_one_asked_for_since(tmp_path) -> None:
    bundle = read_bundle(shipped_bundle())
    assert wrong_bundle(tmp_path, [("asked", bundle.digest)]) == []
    assert wrong_bundle(tmp_path, [("active", bundle.digest)]) == ["no bundle is active"]
    store = BundleStore(tmp_path)
    store.keep(bundle)
    store.begin(bundle.digest, bundle.digest)
    for said in ([("active", bundle.digest)], [("active", "other"), ("asked", bundle.digest)]):
        assert wrong_bundle(tmp_path, said) == []
    assert "was answered" in wrong_bundle(tmp_path, [("active", "other")])[0]
    model = store.path(bundle.digest) / "model.tflite"
    model.write_bytes(model.read_bytes()[:-1])
    assert "model.tflite" in wrong_bundle(tmp_path, [("active", bundle.digest)])[0]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_at_full_speed_lose_nothing(tmp_path) -> None:
    found = kill(tmp_path, 5)
    assert found["wrong"] == []
    assert found["results"] > 0


@pytest.mark.system
@pytest.mark.timeout(600)
@pytest.mark.skipif(bool(no_cuts(POWERCUT)), reason=no_cuts(POWERCUT) or "none")
def test_power_cuts_at_full_speed_lose_nothing(tmp_path) -> None:
    found = cut(tmp_path, 5, POWERCUT)
    assert (found["cuts"], found["wrong"]) == (5, [])
    assert found["results"] > 0
