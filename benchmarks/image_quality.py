"""What looking after a camera's images costs: the quality watch, and the check that a frame is fit to be judged.

    python benchmarks/image_quality.py [--runs 200]

Prints one JSON line: medians in milliseconds on one core, for frames of sensor noise on a drawn part.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np

from edge.camera.health import FrameCheck
from edge.contract.preprocess import Region
from edge.contract.types import Frame, Pixels
from edge.daemon.quality import measure_quality
from trainer.synthesize.passing import metal, plastic

SIZES = {
    "1280x960 colour": (1280, 960, plastic),
    "1280x960 grey": (1280, 960, metal),
    "4056x3040 colour": (4056, 3040, plastic),
}


def main() -> None:
    """Measures each size, `--runs` times after one warm-up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    cv2.setNumThreads(1)
    figures = {}
    for name, (width, height, draw) in SIZES.items():
        frames = noisy(cv2.resize(draw(0), (width, height), interpolation=cv2.INTER_CUBIC))
        figures[name] = {
            "quality_ms": median_ms(runs, lambda frames=frames: measure_quality(frames[0], Region())),
            "fit_ms": median_ms(runs, fit(frames)),
            "fit_when_equal_ms": median_ms(runs, fit(frames[:1])),
        }
    print(json.dumps(figures))


def noisy(pixels: Pixels) -> list[Pixels]:
    """Two frames of one scene."""
    rng = np.random.default_rng(0)
    return [cv2.add(pixels, rng.integers(0, 6, pixels.shape, np.uint8)) for _ in range(2)]


def fit(frames: list[Pixels]) -> Callable[[], str]:
    """A check that gets the frames in turn; each a copy of its own, as from a camera."""
    check, copies = FrameCheck(), [frame.copy() for frame in frames * 2]
    stamps = iter(range(10**9))

    def one() -> str:
        at = next(stamps)
        return check.fault(Frame(copies[at % len(copies)], at, at, at))

    return one


def median_ms(runs: int, measure: Callable[[], object]) -> float:
    """The median of `runs` measurements, after one that is not counted."""
    measure()
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        measure()
        took.append((time.perf_counter() - began) * 1e3)
    return round(statistics.median(took), 3)


if __name__ == "__main__":
    main()
