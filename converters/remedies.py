"""The int8 model of a network, with remedies where it does not say what the float network says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from converters.compensate import round_with_care
from converters.equalise import equalise
from converters.finetune import Tuning, fine_tune
from converters.quantize import Source, quantize
from edge.contract.card import Parity

EQUAL_VERDICTS, MAP_CORRELATION = 0.99, 0.98
"""The bar. A model below it in either is remedied; one verdict may differ though there are fewer than 100."""
FAR = 0.96
"""Of verdicts equal: below it fine-tuning is worth its minutes, above it makes things worse (docs/decisions/0038)."""
PERCENTILES = (99.99, 99.9)
"""Where ranges are clipped, mildly first: a fault is rare too, and must not be clipped away with what is only rare."""
TUNING = Tuning()

Tell = Callable[[str], None]
Compare = Callable[[bytes], Parity]


@dataclass(frozen=True, slots=True)
class Attempt:
    """An int8 model, the float model it was made of, what was done for it ("" for nothing), and how well it agrees."""

    remedy: str
    percentile: float
    source: bytes
    model: bytes
    parity: Parity

    @property
    def passes(self) -> bool:
        """Whether it reaches the bar."""
        parity = self.parity
        differ = round((1 - parity.equal_verdicts) * parity.images)
        return differ <= max(1, (1 - EQUAL_VERDICTS) * parity.images) and parity.map_correlation >= MAP_CORRELATION


def quantise_well(
    network: keras.Model, calibration: np.ndarray, compare: Compare, tell: Tell, *, remedies: bool = True
) -> Attempt:  # fmt: skip
    """The int8 model as it comes where that reaches the bar, or else the attempt closest to the float network.

    Channels are equalised and kernels rounded with care. Attempts are ranges as calibrated, ranges clipped, and where
    these are far off fine-tuning through fake quantisation. The weights of `network` change in place. `calibration` are
    model inputs (n, height, width, channels) uint8; `compare` measures a model against the float network, on other
    images. Raises DataError when the network cannot be quantised.
    """
    equalise(network, calibration)
    round_with_care(network, calibration)
    source = Source(network, calibration)

    def attempt(remedy: str, source: Source, percentile: float) -> Attempt:
        model = quantize(source, percentile)
        found = Attempt(remedy, percentile, source.model, model, compare(model))
        if remedy or not found.passes:
            tell(f"{remedy or 'int8 as it comes'}: {describe(found.parity)}")
        return found

    tried = [attempt("", source, 100.0)]
    if tried[0].passes or not remedies:
        return tried[0]
    tried += [attempt(f"ranges clipped at {percentile} %", source, percentile) for percentile in PERCENTILES]
    best = min(tried, key=_distance)
    if not best.passes and (_distance(best)[0] or best.parity.equal_verdicts < FAR):
        tell("fine-tuning through fake quantisation, minutes …")
        fine_tune(network, calibration, best.percentile, TUNING)
        best = min(best, attempt("fine-tuned", Source(network, calibration), best.percentile), key=_distance)
    return best


def _distance(attempt: Attempt) -> tuple[bool, float]:
    """From the float network: maps first, then scores, which tell more than a verdict or two among some hundred."""
    return attempt.parity.map_correlation < MAP_CORRELATION, attempt.parity.score_difference_mean


def describe(parity: Parity) -> str:
    """The two figures of the bar, for people."""
    return f"{parity.equal_verdicts:.1%} equal verdicts, maps correlate {parity.map_correlation:.4f}"
