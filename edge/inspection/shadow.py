"""A bundle that judges frames in a process of its own, at the lowest priority, and drives nothing.

Run as `python -m edge.inspection.shadow BUNDLE`. It proves the bundle and prints the proof; then, for each `Asked` line
and the bytes of its pictures on its standard input, one `Said` line. It ends with its input, or with 3 and the reason.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from edge.contract.bundle import Bundle, read_bundle
from edge.contract.recipe import Recipe, RecipeSettings
from edge.contract.typed import decode_json
from edge.contract.types import Frame, Judgement, Pixels, Verdict
from edge.errors import BundleError, OkngError
from edge.inference.verify import confine, verify
from edge.inspection.pipeline import PartJudge

LOWEST = 19


Shape = tuple[int, ...]


class Taught(msgspec.Struct, frozen=True):
    """A recipe; the bytes of its pictures follow, row by row: `ignore`, then `empty`, where it has them."""

    name: str
    settings: RecipeSettings
    ignore: Shape | None
    empty: Shape | None


class Asked(msgspec.Struct, frozen=True):
    """The shapes of a part's frames. Their bytes follow, row by row; those of a recipe before them."""

    frames: tuple[Shape, ...]
    recipe: Taught | None
    """None: that of the last one."""
    plain: bool = False
    """No recipe any more: as the card says."""


class Said(msgspec.Struct, frozen=True):
    """What the bundle says of it."""

    verdict: Verdict
    score: float | None
    kind: str | None


def ask(frames: Sequence[Frame], recipe: Recipe | None, before: Recipe | None) -> Iterator[bytes]:
    """What the process is to be sent for one part. `before` is the recipe that it judged by last."""
    taught, pictures = None, []
    if recipe and recipe is not before:
        ignore, empty = recipe.ignore, recipe.empty
        shapes = (None if each is None else each.shape for each in (ignore, empty))
        taught = Taught(recipe.name, recipe.settings, *shapes)
        pictures = [each for each in (ignore, empty) if each is not None]
    pictures += [frame.pixels for frame in frames]
    yield (
        msgspec.json.encode(Asked(tuple(frame.pixels.shape for frame in frames), taught, plain=recipe is None)) + b"\n"
    )
    yield from (picture.tobytes() for picture in pictures)


def serve(bundle: Bundle, source: BinaryIO, out: BinaryIO) -> None:
    """Judges what comes until there is no more."""
    from edge.inference.judge import Judge

    def read(shape: Shape) -> Pixels:
        return np.frombuffer(source.read(int(np.prod(shape))), np.uint8).reshape(shape)

    judge = plain = PartJudge(Judge(bundle))
    while line := source.readline():
        asked = decode_json(line, Asked)
        if taught := asked.recipe:
            ignore, empty = (read(shape) if shape else None for shape in (taught.ignore, taught.empty))
            judge = PartJudge(plain.judge, Recipe(taught.name, taught.settings, ignore, (), empty))
        frames = [Frame(read(shape), index, 0, 0) for index, shape in enumerate(asked.frames)]
        try:
            found = (plain if asked.plain else judge).judge_part(frames)
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
