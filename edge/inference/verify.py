"""A bundle proves itself before it is used: digests, card against model, golden set. In a child process.

Run as `python -m edge.inference.verify BUNDLE RUNS RUNTIME`, the last as JSON, it prints one JSON line and ends with 0
or 3. It sees to it that a malformed model kills only this process: no core file, bounded memory, and the first to go
where memory ends.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edge.contract.bundle import Bundle, read_bundle
from edge.contract.cam import dequantise, name_kind, ng_map, score
from edge.contract.card import GoldenFrame
from edge.contract.images import read_image
from edge.contract.runtime import ON_CPU, Runtime
from edge.contract.typed import decode_json
from edge.contract.types import Frame, Judgement
from edge.errors import BundleError, DataError, OkngError

if TYPE_CHECKING:
    from edge.inference.judge import Judge

CHILD_TIMEOUT_S = 60.0
LOOK_S = 0.2
SCORE_ROUNDING = 1e-5
"""By which float arithmetic may differ between machines."""
MEMORY_ROOM = 1 << 30
"""Bytes that a model may take beside what the runtime itself does; a damaged shape asks for any number."""


class Proof(msgspec.Struct, frozen=True):
    """What verification found: the bundle's digest, golden frames judged as recorded, and the speed on this machine."""

    digest: str
    golden: int
    worst_units: int
    """Largest difference of a golden map from its record."""
    invokes: int
    """How many were timed: those of the golden frames, and as many more as were asked for."""
    invoke_ms: float
    """The median."""
    invoke_p95_ms: float
    runtime: str


def verify_in_child(path: Path, runs: int = 0) -> Proof:
    """Verifies in a process of its own, so that a malformed model kills only that. Raises BundleError.

    `runs` are invokes to time beside those of the golden frames.
    """
    return finish_verify(path, start_verify(path, runs))


def start_verify(path: Path, runs: int = 0, runtime: Runtime = ON_CPU) -> subprocess.Popen[bytes]:
    """Begins to verify; the caller goes on meanwhile and ends with `finish_verify`."""
    how = msgspec.json.encode(runtime).decode()
    command = [sys.executable, "-P", "-m", "edge.inference.verify", str(path), str(runs), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)


def finish_verify(
    path: Path, child: subprocess.Popen[bytes], given_up: Callable[[], bool] = lambda: False,
    timeout_s: float | None = None,
) -> Proof:  # fmt: skip
    """The child's proof. Raises BundleError with its reason, or when it crashed, hung, or was `given_up`."""
    limit_s = timeout_s or CHILD_TIMEOUT_S
    deadline = time.monotonic() + limit_s
    while True:
        try:
            output, errors = child.communicate(timeout=LOOK_S)
            break
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline and not given_up():
                continue
            child.kill()
            child.communicate()
            why = "given up" if given_up() else f"did not prove itself within {limit_s:.0f} s"
            raise BundleError(f"{path}: {why}") from None
    if child.returncode == 0:
        return decode_json(output, Proof)
    if child.returncode == BundleError.exit_status and output:
        raise BundleError(output.decode(errors="replace").strip())
    if child.returncode < 0:
        raise BundleError(f"{path}: the model crashed the runtime (signal {-child.returncode}); do not use it")
    last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
    raise BundleError(f"{path}: could not be verified: {last[0]}")


def verify(path: Path, runs: int = 0, runtime: Runtime = ON_CPU) -> Proof:
    """Verifies in this process. Raises BundleError; DelegateError."""
    from edge.inference.engine import RUNTIME
    from edge.inference.judge import Judge

    bundle = read_bundle(path)
    judge = Judge(bundle, runtime)
    if not bundle.card.golden:
        raise BundleError(f"{path}: has no golden frames, so nothing proves that it judges as it did")
    checked = [_check_golden(bundle, judge, golden) for golden in bundle.card.golden]
    again = itertools.islice(itertools.cycle(bundle.card.golden), runs)
    took = [invoke_ms for _, invoke_ms in checked] + [_judge(bundle, judge, golden)[1] for golden in again]
    median, p95 = np.percentile(took, [50, 95]).round(3).tolist()
    return Proof(bundle.digest, len(checked), max(units for units, _ in checked), len(took), median, p95, RUNTIME)


def _check_golden(bundle: Bundle, judge: Judge, golden: GoldenFrame) -> tuple[int, float]:
    """(largest difference of the map in units, milliseconds of the invoke)."""
    found, invoke_ms = _judge(bundle, judge, golden)
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
    if abs(score(ng_map(logits, card.kinds), card.pooling) - golden.score) > SCORE_ROUNDING:
        raise BundleError(f"{bundle.path}: the recorded map of {golden.file} does not have its recorded score")
    if (kind := name_kind(logits, card.pooling, card.kinds, golden.verdict)) != golden.kind:
        raise BundleError(f"{bundle.path}: the recorded map of {golden.file} is of kind {kind}, not {golden.kind}")
    return difference, invoke_ms


def _judge(bundle: Bundle, judge: Judge, golden: GoldenFrame) -> tuple[Judgement, float]:
    """(judgement, milliseconds of the invoke); none were taken where the judgement is FAULT."""
    try:
        pixels = read_image(bundle.path / golden.file)
    except DataError as error:
        raise BundleError(str(error)) from None
    try:
        found = judge.judge(Frame(pixels, 0, 0, 0))
    except (RuntimeError, ValueError) as error:  # the runtime's own
        why = str(error).splitlines()[0]
        raise BundleError(f"{bundle.path}: the model fails on golden frame {golden.file}: {why}") from None
    return found, found.timings_ms.get("invoke", 0.0)


def confine() -> None:
    """Bounds what this process may take. Where a sandbox forbids to ask for a bound, it has its own."""
    importlib.import_module("edge.inference.judge")  # what the runtime itself takes is not the model's
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        data_pages = int(Path("/proc/self/statm").read_text().split()[5])
        limit = data_pages * resource.getpagesize() + MEMORY_ROOM
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def main() -> int:
    """The child process."""
    confine()
    try:
        proof = verify(Path(sys.argv[1]), int(sys.argv[2]), decode_json(sys.argv[3], Runtime))
    except OkngError as error:
        print(error)
        return BundleError.exit_status
    sys.stdout.buffer.write(msgspec.json.encode(proof) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
