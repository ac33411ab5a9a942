"""One method on one fold of one set: commands of okng, each leaving a folder."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy import patchcore


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried, and where its folders lie."""

    set: str
    fold: int
    method: str
    data: Path
    work: Path

    @property
    def folder(self) -> Path:
        """Holds run/, bundle/, evaluation/ and cost.json."""
        return self.work / self.set / f"fold{self.fold}" / self.method


@dataclass(frozen=True, slots=True)
class Trained:
    """A method that is `okng train` with these options, then `convert` and `evaluate`."""

    options: tuple[str, ...] = ()

    def run(self, trial: Trial) -> None:
        """Does what has not been done."""
        folder = trial.folder
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "run").exists():
            cost = okng(
                "train", trial.data, "--test-fold", trial.fold, "--no-masks", *self.options, "--out", folder / "run"
            )
            (folder / "cost.json").write_text(json.dumps(cost))
        if not (folder / "bundle").exists():
            okng("convert", folder / "run", "--out", folder / "bundle")
        if not (folder / "evaluation").exists():
            okng("evaluate", folder / "bundle", trial.data, "--fold", trial.fold, "--run", folder / "run",
                 "--out", folder / "evaluation")  # fmt: skip


@dataclass(frozen=True, slots=True)
class OneClass:
    """PatchCore on the default network's features: learns from ok images alone."""

    def run(self, trial: Trial) -> None:
        """Does what has not been done."""
        if not (trial.folder / "evaluation" / "metrics.json").exists():
            started = time.monotonic()
            patchcore.evaluate_fold(trial.data, trial.fold, trial.folder / "evaluation")
            cost = {"wall_s": time.monotonic() - started}
            (trial.folder / "cost.json").write_text(json.dumps(cost))


METHODS: Mapping[str, Trained | OneClass] = {
    "default": Trained(),
    "house": Trained(("--network", "house-m")),
    "gap": Trained(("--network", "gap", "--recipe", "gentle")),
    "seed": Trained(("--network", "plain", "--recipe", "gentle")),
    "patchcore": OneClass(),
}


def okng(*command: object) -> dict[str, float]:
    """Runs one command; its wall time in seconds and its largest memory in MiB. Raises RuntimeError when it fails."""
    words = [sys.executable, "-m", "edge.cli", *map(str, command)]
    started = time.monotonic()
    child = os.posix_spawn(words[0], words, os.environ)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"{' '.join(words[3:])}: ended with {os.waitstatus_to_exitcode(status)}")
    return {"wall_s": time.monotonic() - started, "peak_mib": usage.ru_maxrss / 1024}
