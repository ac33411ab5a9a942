"""A bundle that judges frames in a process of its own, at the lowest priority, and drives nothing.

Run as `python -m edge.inference.shadow BUNDLE`. It proves the bundle and prints the proof; then, for each `Asked` line
and the frame's bytes on its standard input, one `Said` line. It ends with its input, or with 3 and the reason.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from edge.contract.bundle import Bundle, read_bundle
from edge.contract.types import Frame, Judgement, Verdict
from edge.errors import BundleError, OkngError
from edge.inference.verify import confine, verify

LOWEST = 19


class Asked(msgspec.Struct, frozen=True):
    """A frame's shape; its bytes follow, row by row."""

    shape: tuple[int, ...]


class Said(msgspec.Struct, frozen=True):
    """What the bundle says of it."""

    verdict: Verdict
    score: float | None
    kind: str | None


def serve(bundle: Bundle, source: BinaryIO, out: BinaryIO) -> None:
    """Judges what comes until there is no more."""
    from edge.inference.judge import Judge

    judge = Judge(bundle)
    while line := source.readline():
        shape = msgspec.json.decode(line, type=Asked).shape
        data = source.read(int(np.prod(shape)))
        try:
            found = judge.judge(Frame(np.frombuffer(data, np.uint8).reshape(shape), 0, 0, 0))
        except (RuntimeError, ValueError) as error:
            found = Judgement.fault(str(error))
        out.write(msgspec.json.encode(Said(found.verdict, found.score, found.kind)) + b"\n")
        out.flush()


def main() -> int:
    """The child process."""
    confine()
    path, out = Path(sys.argv[1]), sys.stdout.buffer
    try:
        proof, bundle = verify(path), read_bundle(path)
    except OkngError as error:
        print(error)
        return BundleError.exit_status
    if bundle.digest != proof.digest:
        print(f"{path}: changed while it was being verified")
        return BundleError.exit_status
    out.write(msgspec.json.encode(proof) + b"\n")
    out.flush()
    with contextlib.suppress(OSError):
        os.nice(LOWEST)
    serve(bundle, sys.stdin.buffer, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
