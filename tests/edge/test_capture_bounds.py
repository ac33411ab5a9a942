"""A station that records everything, voted parts and triggers that are not taken too, at the bounds of its disk."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.client import CommandRefused
from edge.contract.bundle import read_bundle
from edge.journal.reader import JournalReader
from edge.wire.requests import Start, Status, Stop, Trigger
from tests.edge.running import WAIT_S, Running, station_file
from tests.edge.test_changeover import recipes

BOUND = 6_000_000
SIDE = 160
"""Of a frame of noise, which PNG cannot make smaller: 77 kB."""


def recording(folder: Path, bundle: Path, journal: str = "journal", keep: str = "") -> Path:
    """The file of a station that votes over three frames of each part and keeps them all."""
    frames, rng = folder.parent / "frames", np.random.default_rng(0)
    frames.mkdir()
    for number in range(12):
        assert cv2.imwrite(str(frames / f"{number}.png"), rng.integers(20, 240, (SIDE, SIDE, 3), np.uint8))
    camera, trigger = f"{frames.as_uri()}?rate=90&loop=true", 'trigger = {kind = "command"}'
    config = station_file(recipes(folder), bundle, camera, 'recipe = "two-of-three"', trigger, journal=journal)
    config.write_text(config.read_text().replace('images = "all"', f'images = "all"{keep}'))
    return config


def ask(daemon: Running, parts: int) -> None:
    """So many parts, and now and then a trigger while the station does not inspect."""
    for number in range(parts):
        if number % 20 == 0:
            daemon.station.request(Stop())
            with suppress(CommandRefused):
                daemon.station.request(Trigger(f"missed-{number}"))
            daemon.station.request(Start())
        daemon.station.request(Trigger(f"part-{number}"))
        daemon.collect(len(daemon.results) + 1)


def within_bound(journal: Path) -> None:
    """Waits until what is too much has gone."""
    deadline = time.monotonic() + WAIT_S
    with JournalReader(journal) as reader:
        while reader.totals()["image_bytes"] > BOUND:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def assert_whole(journal: Path, daemon: Running) -> int:
    """All results have their rows, and each part has all its frames or none; gives the number of those that have."""
    paths: set[str] = set()
    with JournalReader(journal) as reader:
        rows = {row.id: row for row in reader.walk()}
        for row in rows.values():
            if row.image_path and row.image_removed_ns is None:
                others = reader.frames(row)
                assert reader.image(row)
                assert all(reader.frame(each) for each in others)
                assert len(others) == 2, row.id
                paths |= {row.image_path, *(each.path for each in others)}
            else:
                assert reader.frames(row) == []
        missed = sum(1 for _ in reader.untaken())
    assert {message.header.id for message in daemon.results} <= rows.keys()
    assert missed == sum("missed" in line for line in daemon.log.read_text().splitlines())
    assert {path.relative_to(journal).as_posix() for path in (journal / "images").rglob("*.png")} == paths
    return len(paths) // 3


@pytest.mark.slow
def test_at_its_bound_it_goes_on_and_a_capture_can_be_taken_meanwhile(tmp_path, bundle, okng, monkeypatch) -> None:
    config = recording(tmp_path / "d", bundle, keep=f", keep_gb = {BOUND / 1e9}")
    journal = tmp_path / "d" / "journal"
    with Running(config) as daemon:
        ask(daemon, 40)
        within_bound(journal)  # the first have lost their frames before the capture is taken
        command = [sys.executable, "-m", "edge.cli", "journal", "export", tmp_path / "now", "--as", "capture"]
        with subprocess.Popen([*command, "--journal", journal], stderr=subprocess.PIPE, text=True) as export:
            ask(daemon, 60)
            _, said = export.communicate(timeout=WAIT_S)
            assert export.returncode == 0, said
        counts = daemon.station.request(Status())
        assert counts["faults"] == {}
        assert counts["triggers"] == sum(counts["results"].values()) == 100
        within_bound(journal)
        assert daemon.end() == 0, daemon.log.read_text()
    kept = assert_whole(journal, daemon)
    assert 0 < kept < 100
    assert sum(path.stat().st_size for path in (journal / "images").rglob("*.png")) < BOUND
    monkeypatch.setattr("edge.inference.verify.verify_in_child", read_bundle)
    okng("journal", "export", tmp_path / "after", "--as", "capture", "--journal", journal)
    for capture in ("now", "after"):
        done = okng("replay", tmp_path / capture, "--bundle", bundle, "--diff")
        assert done.status == 0, done
        assert "without a kept frame" in done.out, capture
    assert f"105 triggers: {kept} as recorded, 5 missed, {100 - kept} without a kept frame" in done.out
