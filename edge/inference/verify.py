"""A bundle proves itself before it is used: digests, card against model, golden set. In a child process.

Run as `python -m edge.inference.verify BUNDLE`, it prints one JSON line and ends with 0 or 3.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edge.contract.bundle import Bundle, read_bundle
from edge.contract.cam import dequantise, score
from edge.contract.card import GoldenFrame
from edge.contract.images import read_image
from edge.contract.types import Frame
from edge.errors import BundleError, DataError, OkngError

if TYPE_CHECKING:
    from edge.inference.judge import Judge

CHILD_TIMEOUT_S = 60.0
LOOK_S = 0.2
SCORE_ROUNDING = 1e-5
"""By which float arithmetic may differ between machines."""


class Proof(msgspec.Struct, frozen=True):
    """What verification found: the bundle's digest, golden frames judged as recorded, median invoke in ms."""

    digest: str
    golden: int
    worst_units: int
    """Largest difference of a golden map from its record."""
    invoke_ms: float
    runtime: str


def verify_in_child(path: Path) -> Proof:
    """Verifies in a process of its own, so that a malformed model kills only that. Raises BundleError."""
    return finish_verify(path, start_verify(path))


def start_verify(path: Path) -> subprocess.Popen[bytes]:
    """Begins to verify; the caller goes on meanwhile and ends with `finish_verify`."""
    command = [sys.executable, "-P", "-m", "edge.inference.verify", str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)


def finish_verify(path: Path, child: subprocess.Popen[bytes], given_up: Callable[[], bool] = lambda: False) -> Proof:
    """The child's proof. Raises BundleError with its reason, or when it crashed, hung, or was `given_up`."""
    deadline = time.monotonic() + CHILD_TIMEOUT_S
    while True:
        try:
            output, errors = child.communicate(timeout=LOOK_S)
            break
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline and not given_up():
                continue
            child.kill()
            child.communicate()
            why = "given up" if given_up() else f"did not prove itself within {CHILD_TIMEOUT_S:.0f} s"
            raise BundleError(f"{path}: {why}") from None
    if child.returncode == 0:
        return msgspec.json.decode(output, type=Proof)
    if child.returncode == BundleError.exit_status and output:
        raise BundleError(output.decode(errors="replace").strip())
    if child.returncode < 0:
        raise BundleError(f"{path}: the model crashed the runtime (signal {-child.returncode}); do not use it")
    last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
    raise BundleError(f"{path}: could not be verified: {last[0]}")


def verify(path: Path) -> Proof:
    """Verifies in this process. Raises BundleError."""
    from edge.inference.engine import RUNTIME
    from edge.inference.judge import Judge

    bundle = read_bundle(path)
    judge = Judge(bundle)
    if not bundle.card.golden:
        raise BundleError(f"{path}: has no golden frames, so nothing proves that it judges as it did")
    checked = [_check_golden(bundle, judge, golden) for golden in bundle.card.golden]
    invoke_ms = round(statistics.median(took for _, took in checked), 3)
    return Proof(bundle.digest, len(checked), max(units for units, _ in checked), invoke_ms, RUNTIME)


def _check_golden(bundle: Bundle, judge: Judge, golden: GoldenFrame) -> tuple[int, float]:
    """(largest difference of the map in units, milliseconds of the invoke)."""
    try:
        pixels = read_image(bundle.path / golden.file)
    except DataError as error:
        raise BundleError(str(error)) from None
    found = judge.judge(Frame(pixels, 0, 0, 0))
    recorded = np.frombuffer(golden.map, np.int8)
    if found.map_units is None or recorded.size != found.map_units.size:
        raise BundleError(f"{bundle.path}: the recorded map of {golden.file} has another size than the model's")
    difference = int(np.abs(recorded.astype(int) - found.map_units.ravel()).max())
    tolerance = bundle.card.golden_tolerance_units
    if difference > tolerance or found.verdict != golden.verdict:
        raise BundleError(
            f"{bundle.path}: golden frame {golden.file} is judged {found.verdict} (map {difference} units off), "
            f"recorded is {golden.verdict} (within {tolerance}); this machine runs the model differently"
        )
    card = bundle.card
    logits = dequantise(recorded.reshape(found.map_units.shape), card.output.scale, card.output.zero_point)
    if abs(score(logits, card.pooling) - golden.score) > SCORE_ROUNDING:
        raise BundleError(f"{bundle.path}: the recorded map of {golden.file} does not have its recorded score")
    return difference, found.timings_ms["invoke"]


def main() -> int:
    """The child process."""
    try:
        proof = verify(Path(sys.argv[1]))
    except OkngError as error:
        print(error)
        return BundleError.exit_status
    sys.stdout.buffer.write(msgspec.json.encode(proof) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
