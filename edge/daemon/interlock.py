"""The golden interlock: frames with known results must be judged right before the station is ready."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.card import Card, GoldenFrame
from edge.contract.events import InterlockEvent, Occasion
from edge.contract.images import decode_image
from edge.contract.recipe import KnownPart, Recipe
from edge.contract.types import Frame, Judgement, Label, Verdict
from edge.errors import BundleError
from edge.inspection.pipeline import PartJudge


class Interlock:
    """The known frames of a bundle, and those of a recipe, in memory: to judge them waits for no disk.

    A bundle's frames must come out as its card records, under the card's own settings. Where the recipe has frames of
    its own, these are judged as any part: an ok frame must not be NG, an ng frame not OK, and neither a FAULT. Where it
    has none, the bundle's ng frames must not become OK by the recipe's thresholds.
    """

    def __init__(self, bundle: Bundle, recipe: Recipe | None = None) -> None:
        """Raises BundleError when a golden frame cannot be read."""
        self._bundle, self._recipe = bundle, recipe
        try:
            self._golden = [(each, (bundle.path / each.file).read_bytes()) for each in bundle.card.golden]
        except OSError as error:
            raise BundleError(f"{Path(error.filename)}: cannot be read: {error.strerror}") from None
        self._own = recipe.golden if recipe else ()

    def check(self, judge: PartJudge, occasion: Occasion) -> InterlockEvent:
        """Judges them all; `judge` is of the same bundle and recipe. Whatever goes wrong is in what it found."""
        said = [self._of_bundle(judge, golden, data) for golden, data in self._golden]
        said += [_of_recipe(judge, part) for part in self._own]
        return InterlockEvent(
            occasion=occasion, recipe=self._recipe.name if self._recipe else "", bundle=self._bundle.digest,
            frames=len(said), wrong=tuple(filter(None, said)),
        )  # fmt: skip

    def _of_bundle(self, judge: PartJudge, golden: GoldenFrame, data: bytes) -> str:
        found = _judged(lambda frame: judge.judge.judge(frame), golden.file, data)
        wrong = _unlike(golden, found, self._bundle.card)
        if wrong or self._recipe is None or self._own or golden.verdict is Verdict.OK or found.score is None:
            return wrong
        thresholds = self._recipe.thresholds(self._bundle.card)
        if golden.label == "ng" and thresholds.verdict(found.score) is Verdict.OK:
            return f"{golden.file} is ng, and by the recipe's thresholds it is OK ({found.score:.3f})"
        return ""


def _of_recipe(judge: PartJudge, part: KnownPart) -> str:
    found = _judged(lambda frame: judge.judge_part((frame,)), part.file, part.data)
    return misjudged(part.file, part.label, found)


def misjudged(name: str, label: Label, found: Judgement) -> str:
    """What is wrong with the judgement of a known part, in plain words; empty where it is right.

    REVIEW is right for either: an operator would decide.
    """
    if found.verdict is Verdict.FAULT:
        return f"{name} cannot be judged: {found.reason}"
    if found.verdict is (Verdict.NG if label == "ok" else Verdict.OK):
        return f"{name} is {label}, and judged {found.verdict.upper()} ({found.score:.3f})"
    return ""


def _unlike(golden: GoldenFrame, found: Judgement, card: Card) -> str:
    if found.map_units is None:
        return f"{golden.file} cannot be judged: {found.reason}"
    if found.verdict is not golden.verdict:
        return f"{golden.file} is judged {found.verdict.upper()}, recorded is {golden.verdict.upper()}"
    recorded = np.frombuffer(golden.map, np.int8).astype(int)
    apart = int(np.abs(recorded - found.map_units.ravel()).max())
    if apart > card.golden_tolerance_units:
        return f"the map of {golden.file} is {apart} units off, allowed are {card.golden_tolerance_units}"
    return ""


def _judged(judge: Callable[[Frame], Judgement], file: str, data: bytes) -> Judgement:
    try:
        return judge(Frame(decode_image(data, file), 0, 0, 0))
    except Exception as error:  # whatever it is, this frame was not judged right
        return Judgement.fault(f"{type(error).__name__}: {error}")
