"""One small run and its bundle, made once by the real commands and shared by all tests that need one."""

import contextlib
import io
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# No test asserts a time. A commit is judged by what it changes: the same examples each time, and others on demand, with
# --hypothesis-profile=explore.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("okng", settings.get_profile("explore"), derandomize=True)
settings.load_profile("okng")

# A shell that starts this in the background may have it ignore SIGINT, and what it starts too: tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and what it ended with."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line of a command that failed."""
        (line,) = self.err.strip().splitlines()
        return line


@dataclass(frozen=True)
class TinyRun:
    """60 synthetic parts, of which the ng ones have masks; the run and the bundle that came of them."""

    parts: Path
    run: Path
    bundle: Path
    train: Outcome
    convert: Outcome


def run_okng(*arguments: object) -> Outcome:
    """`okng` as its user runs it, in this process: starting TensorFlow anew takes seconds."""
    from edge.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["okng", *map(str, arguments)])
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            signal.signal(signal.SIGTERM, handler)
    return Outcome(int(ended.value.code or 0), *(stream.buffer.getvalue().decode() for stream in (out, err)))


@pytest.fixture(scope="session")
def okng() -> Callable[..., Outcome]:
    return run_okng


@pytest.fixture(scope="session")
def photograph() -> Callable[..., Path]:
    """Writes a small noisy image, of which no two are alike, and returns its path."""
    rng = np.random.default_rng(0)

    def write(path: Path, shape: tuple[int, ...] = (40, 48), dtype: Any = np.uint8) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), rng.integers(60, 200, shape).astype(dtype))
        return path

    return write


@pytest.fixture
def photos(tmp_path: Path, photograph: Callable[..., Path]) -> Path:
    """A folder per class: 10 ok, 10 scratch."""
    for kind in ("ok", "scratch"):
        for number in range(1, 11):
            photograph(tmp_path / "photos" / kind / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    from trainer.synthesize import write_dataset

    folder = tmp_path_factory.mktemp("tiny")
    parts, run, bundle = folder / "parts", folder / "run", folder / "bundle"
    write_dataset(parts, count=60, ng_share=0.4, seed=3)
    train = run_okng("train", parts, "--out", run, "--network", "house-m", "--size", 64, "--steps", 12, "--json")
    assert train.status == 0, train.err
    convert = run_okng("convert", run, "--out", bundle, "--no-remedies", "--json")
    assert convert.status == 0, convert.err
    return TinyRun(parts, run, bundle, train, convert)
