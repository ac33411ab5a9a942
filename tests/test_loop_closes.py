"""From a wrong verdict to a better bundle, by the commands of docs/retraining.md.

The supplier of a part begins to print a ring on it. The station's bundle has never seen one, and calls it a fault.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.client import Station
from edge.contract.types import Decision, State, Verdict
from edge.wire.messages import ResultMessage, Topic
from trainer.dataset import Sample, read_samples
from trainer.synthesize import write_dataset

WAIT_S = 120.0
PLAN = "refit = false  # half the time"


def ring(parts: Path, out: Path) -> dict[str, Sample]:
    """The parts with a ring printed on each, at about the same place; by file name, with what they really are."""
    out.mkdir()
    samples = {}
    for number, sample in enumerate(read_samples(parts)):
        pixels = cv2.imread(str(sample.path), cv2.IMREAD_UNCHANGED)
        x, y = 190 + np.random.default_rng(number).integers(-6, 7, 2)
        cv2.circle(pixels, (int(x), int(y)), 11, int(pixels.mean() * 0.35), 4, cv2.LINE_AA)
        assert cv2.imwrite(str(out / sample.path.name), pixels)
        samples[sample.path.name] = sample
    return samples


def labelled(folder: Path, samples: dict[str, Sample]) -> Path:
    with (folder / "manifest.csv").open("w", newline="") as file:
        lines = [(name, sample.label, sample.kind) for name, sample in samples.items()]
        csv.writer(file).writerows([("image", "label", "kind"), *lines])
    return folder


def station_file(folder: Path, bundle: Path, frames: Path, *, shadow: Path | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{frames.name}.toml"
    file.write_text(f"""
        station = "line-3"
        bundle = "{bundle}"
        {f'shadow = "{shadow}"' if shadow else ""}
        trigger = {{start = "command"}}
        camera = {{uri = "{frames.as_uri()}?rate=2"}}
        journal = {{folder = "journal", images = "all"}}
        wire = {{results = "ipc://{folder}/r", commands = "ipc://{folder}/c"}}
    """)
    return file


class Line:
    """A daemon that inspects a folder of frames, and an operator at its wire."""

    def __init__(self, config: Path, frames: int) -> None:
        self.log = config.with_suffix(".log").open("wb")
        command = [sys.executable, "-m", "edge.cli", "run", "--config", str(config)]
        self.process = subprocess.Popen(command, stderr=self.log)
        places = [f"ipc://{config.parent}/{name}" for name in "rc"]
        self.station = Station(places[0], places[1], topics=(Topic.RESULT,), timeout_s=WAIT_S)
        self.station.wait_joined(WAIT_S)
        assert self.station.start().state == State.CONTINUOUS_EXECUTION
        self.results: list[ResultMessage] = []
        while len(self.results) < frames:
            message = self.station.receive(WAIT_S)
            assert isinstance(message, ResultMessage), config.with_suffix(".log").read_text()
            if message.header.frame_name:
                self.results.append(message)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.station.close()
        self.process.terminate()
        self.process.wait(WAIT_S)
        self.log.close()


@pytest.fixture
def command(okng) -> Callable[..., str]:
    """Runs a command that must end well, and gives what it prints."""

    def run(*arguments: Any) -> str:
        done = okng(*arguments)
        assert done.status == 0, f"{arguments}: {done.err}"
        return done.out

    return run


def rate(command: Callable[..., str], bundle: Path, data: Path) -> dict[str, Any]:
    return json.loads(command("evaluate", bundle, data, "--json"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_from_a_wrong_verdict_to_a_better_bundle_at_work(command, tmp_path) -> None:
    photos, runs, bundles = tmp_path / "photos", tmp_path / "runs", tmp_path / "bundles"
    write_dataset(photos, count=300, ng_share=0.4, seed=11)
    (plan := tmp_path / "plan.toml").write_text(PLAN)
    training = ("--network", "house-m", "--size", 128, "--plan", plan)
    command("train", photos, "--out", runs / "first", *training, "--steps", 300)
    command("convert", runs / "first", "--out", bundles / "first", "--no-remedies")

    # The line, with rings since Monday; an operator decides what is wrong or unsure, and looks at some of the rest.
    write_dataset(tmp_path / "drawn", count=80, ng_share=0.3, seed=5)
    truth = ring(tmp_path / "drawn", tmp_path / "monday")
    config = station_file(tmp_path / "station", bundles / "first", tmp_path / "monday")
    overrides = 0
    with Line(config, len(truth)) as line:
        for message in line.results:
            sample = truth[message.header.frame_name]
            said = Decision.REJECT if sample.is_ng else Decision.ACCEPT
            code = sample.kind if sample.is_ng and sample.kind != "spot" else "other" if sample.is_ng else "false-alarm"
            line.station.decide(message.header.id, said, "ann", code=code)
            overrides += (message.header.verdict, said) in {
                (Verdict.NG, Decision.ACCEPT), (Verdict.OK, Decision.REJECT),
            }  # fmt: skip
    assert overrides > 10, "the first bundle was to be wrong about the rings"
    told = json.loads(command("review", "disagreements", "--config", config, "--json", "--top", 1000))
    assert told["counts"]["override"] == overrides
    assert {one["cause"] for one in told["candidates"][:overrides]} == {"override"}
    command("review", "disagreements", "--config", config, "--sheet", tmp_path / "look.png")
    assert (tmp_path / "look.png").stat().st_size > 10_000

    # Decisions become data, beside the photos of before.
    decided, merged = tmp_path / "decided", tmp_path / "photos-2"
    assert f"{sum(not one.is_ng for one in truth.values())} ok" in command(
        "review", "export", decided, "--config", config
    )
    command("dataset", "merge", photos, decided, "--out", merged)
    assert Counter(one.label for one in read_samples(merged)) == Counter(
        [one.label for one in read_samples(photos)] + [one.label for one in truth.values()]
    )

    # A new bundle, in shadow of the first on parts that neither has seen.
    weights = runs / "first" / "model.keras"
    command("train", merged, "--out", runs / "second", *training, "--steps", 240, "--weights", weights)
    command("convert", runs / "second", "--out", bundles / "second", "--no-remedies")
    write_dataset(tmp_path / "drawn-2", count=100, ng_share=0.4, seed=2027)
    unseen = ring(tmp_path / "drawn-2", tmp_path / "tuesday")
    config = station_file(
        tmp_path / "station", bundles / "first", tmp_path / "tuesday", shadow=bundles / "second"
    )  # fmt: skip
    with Line(config, len(unseen)) as line:
        shadow = line.station.status().shadow
        while shadow.judged + shadow.dropped < len(unseen):
            shadow = line.station.status().shadow
        old = line.results[0].header.bundle
        told = json.loads(command("review", "disagreements", "--config", config, "--json", "--top", 1000))
        assert shadow.disagreements > 0, "slower than the line, a shadow leaves frames out, but not all"
        assert any(one["said"] for one in told["candidates"])
        assert "where the shadow says" in command("journal", "shadow", "--config", config)

        # Promoted, without a stop.
        command("load", bundles / "second", "--config", config)
        assert line.station.status().bundle not in {old, ""}

    # Better where the first was wrong, and no worse on parts as they were.
    tuesday = labelled(tmp_path / "tuesday", unseen)
    write_dataset(tmp_path / "plain", count=160, ng_share=0.5, seed=77)
    before, after = (rate(command, bundles / name, tuesday) for name in ("first", "second"))
    print("rings:", before["auroc"], before["verdicts"], "->", after["auroc"], after["verdicts"])
    assert after["auroc"] > before["auroc"] + 0.2
    assert after["verdicts"]["ok"]["ng"] < before["verdicts"]["ok"]["ng"] / 2
    before, after = (rate(command, bundles / name, tmp_path / "plain") for name in ("first", "second"))
    print("plain:", before["auroc"], before["verdicts"], "->", after["auroc"], after["verdicts"])
    assert after["auroc"] > before["auroc"] - 0.03
