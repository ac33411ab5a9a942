"""Draws the frames of the scenarios: `python -m tests.scenarios.draw`. They lie in the repository, drawn once.

A scenario is a folder: `frames/`, in order; `recipe.toml`, where there is one, with its pictures; `expected.toml`, what
it shows and what must come of each part.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from trainer.synthesize.part import synthesize_part

HERE = Path(__file__).parent
SIZE = 128
"""Of a part, as the shipped bundle takes it: nothing is resized."""


def part(seed: int, kind: str | None = None) -> np.ndarray:
    """A part of metal: 8, 16 and 20 are good; 9 and 13 have a spot at (42, 96) and (97, 77), 7 and 15 a dent."""
    image = synthesize_part(np.random.default_rng(seed), "metal", kind).image
    return cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def write(scenario: str, *frames: np.ndarray | bytes) -> None:
    folder = HERE / scenario / "frames"
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, 1):
        data = frame if isinstance(frame, bytes) else encoded(frame)
        (folder / f"{number}.jpg").write_bytes(data)


def encoded(frame: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def spot(x: int, y: int, radius: int) -> np.ndarray:
    """Black, with a white disc."""
    return cv2.circle(np.zeros((SIZE, SIZE), np.uint8), (x, y), radius, 255, -1)


def main() -> None:
    good, better, best = part(8), part(16), part(20)
    bad, other, dent = part(9, "spot"), part(13, "spot"), part(7, "dent")
    belt = np.random.default_rng(0).integers(10, 30, (SIZE, SIZE), np.uint8)
    blank = np.full((SIZE, SIZE), 90, np.uint8)
    write("bundle-alone", good, bad, blank, encoded(better)[:-900], best)
    write("two-places", np.hstack([good, best]), np.hstack([better, bad]), np.hstack([dent, best]),
          np.hstack([blank, best]), np.hstack([best, belt]))  # fmt: skip
    (HERE / "two-places" / "empty.jpg").write_bytes(encoded(np.hstack([belt, belt])))
    write("ignored-place", bad, other, best, np.hstack([good, bad]))
    assert cv2.imwrite(str(HERE / "ignored-place" / "hole.png"), spot(42, 96, 22))
    for scenario in ("unsure-for-an-operator", "unsure-is-ng"):
        write(scenario, best, part(15, "dent"), bad)
    write("two-of-three", good, bad, best, other, better, dent, good, blank, best, bad, dent, other, good)


if __name__ == "__main__":
    main()
