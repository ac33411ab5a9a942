"""What the tests of the board share: a shipped bundle, drawn parts, and `okng` called as a user does."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import zmq

from tests.edge.kinds import write_kinds_bundle
from trainer.synthesize.part import KINDS, synthesize_part

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and what it ended with."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def noise_frames(tmp_path_factory) -> Path:
    """Three small frames of noise: each fit to be judged, and no two alike."""
    folder, rng = tmp_path_factory.mktemp("frames"), np.random.default_rng(0)
    for index in range(3):
        assert cv2.imwrite(str(folder / f"{index}.png"), rng.integers(20, 240, (16, 20), np.uint8))
    return folder


@pytest.fixture(scope="session", autouse=True)
def _importable() -> Iterator[None]:
    """Child processes find okng too, where it is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def bundle() -> Path:
    """A bundle that is shipped, as it is."""
    return min(path.parent for path in (ROOT / "models").glob("*/SHA256SUMS"))


@pytest.fixture(scope="session")
def kinds_bundle(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that tells the kinds of `tests.edge.kinds` apart."""
    pytest.importorskip("ai_edge_litert", reason="LiteRT brings the schema with which a model gets more maps")
    return write_kinds_bundle(bundle, tmp_path_factory.mktemp("kinds") / "bundle")


@pytest.fixture
def bundle_copy(bundle: Path, tmp_path: Path) -> Path:
    """A bundle to spoil."""
    return Path(shutil.copytree(bundle, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delegate that works, or fails as it is told; see tests/doubles/delegate.c."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to build a delegate with")
    library = tmp_path_factory.mktemp("delegate") / "twin.so"
    source = ROOT / "tests" / "doubles" / "delegate.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source], check=True)
    return library


@pytest.fixture(scope="session")
def seal() -> Callable[[Path], None]:
    """Rewrites SHA256SUMS, so that the digests hold again."""

    def rewrite(folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
        lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files]
        (folder / "SHA256SUMS").write_text("".join(lines))

    return rewrite


@pytest.fixture(scope="session")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 12 images: grey and colour parts, good and bad; one image is cut short, one is blank."""
    folder = tmp_path_factory.mktemp("capture")
    for index in range(12):
        kind = (None, *KINDS)[index % 4]
        part = synthesize_part(np.random.default_rng(index), ("metal", "plastic")[index % 2], kind)
        assert cv2.imwrite(str(folder / f"{index:02}.png"), part.image)
    (folder / "05.png").write_bytes((folder / "05.png").read_bytes()[:-4000])
    assert cv2.imwrite(str(folder / "07.png"), np.full((256, 256, 3), (255, 0, 0), np.uint8))
    return folder


@pytest.fixture
def okng(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Outcome]]:
    """Calls the program in this process."""
    from edge.cli import main

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def call(*arguments: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["okng", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return Outcome(int(ended.value.code or 0), out, err)

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """ZeroMQ, whose sockets all close at the end."""
    made = zmq.Context()
    yield made
    made.destroy(linger=0)
