"""Which inspections would teach the next network most: what an operator, a shadow or the map itself speaks against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum

import msgspec

from edge.contract.reading import Reading
from edge.contract.typed import decode_json
from edge.contract.types import Decision, Verdict
from edge.journal.log import Disagreement
from edge.journal.reader import JournalReader
from edge.journal.rows import Row
from edge.review.novelty import Features, features, novelty

UNUSUAL = 3.0
"""Sigma, beyond which a map is unusual."""
OVERRIDDEN = {(Verdict.OK, Decision.REJECT), (Verdict.NG, Decision.ACCEPT)}


class Cause(StrEnum):
    """Why an inspection would teach; the first that holds counts, and they rank in this order."""

    OVERRIDE = "override"
    """An operator said the opposite of the verdict."""
    REVIEW = "review"
    """The machine was unsure."""
    SHADOW = "shadow"
    """A shadow bundle said something else."""
    NOVELTY = "novelty"
    """Nobody spoke against it; how unlike the others its map is."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An inspection, and how much it would teach among those of the same cause: more `weight`, more to learn.

    For an override or a decided REVIEW the weight is |y - score|, y being 1 for rejected and 0 for accepted: as far as
    that the log loss pulls at the logit of such a part. For a REVIEW that waits it is what that is expected to be,
    2 score (1 - score). For a shadow it is the difference of the scores; for novelty, sigma (`edge.review.novelty`).
    """

    cause: Cause
    weight: float
    id: str
    part: str
    bundle: str
    recorded_ns: int
    verdict: Verdict
    score: float | None
    kind: str | None
    decision: Decision | None
    operator: str | None
    code: str | None
    reason: str | None
    """The operator's: one of the station's reasons, and words."""
    shadow: str | None
    """Digest of the shadow bundle that differs most, None where none does; `said` and `said_score` are its."""
    said: str | None
    said_score: float | None
    novelty: float | None
    """Sigma; None where it cannot be said."""

    def __str__(self) -> str:
        """For people."""
        told = [f"{self.verdict} {self.kind or ''} {'' if self.score is None else format(self.score, '.3f')}"]
        if self.decision:
            why = " ".join(filter(None, (self.code, self.reason)))
            told.append(f"{self.decision}ed by {self.operator}{why and f': {why}'}")
        elif self.verdict is Verdict.REVIEW:
            told.append("waits for a decision")
        if self.shadow:
            score = "" if self.said_score is None else f" {self.said_score:.3f}"
            told.append(f"shadow {self.shadow[:12]} says {self.said}{score}")
        if self.cause is Cause.NOVELTY:
            told.append(f"its map lies {self.novelty:.1f} sigma from the usual")
        said = ", ".join(" ".join(each.split()) for each in told)
        return f"{self.cause:<8}  {self.weight:6.2f}  {self.id}  {self.part or '-'}  {said}"


class Ranking(msgspec.Struct, frozen=True):
    """All candidates, most first. `without_image` counts those that can teach nothing, by cause."""

    candidates: list[Candidate]
    without_image: dict[str, int]

    @property
    def counts(self) -> dict[str, int]:
        """By cause."""
        counted = Counter(each.cause.value for each in self.candidates)
        return {cause.value: counted[cause.value] for cause in Cause}


def rank(reader: JournalReader, rows: Iterable[Row]) -> Ranking:
    """Ranks what was judged and whose frame is kept. Known parts and FAULTs are none of it. Raises JournalError."""
    shadows: dict[str, Disagreement] = {}
    for each in reader.disagreements():
        if each.id not in shadows or _apart(each) > _apart(shadows[each.id]):
            shadows[each.id] = each
    readings: dict[str, Reading | None] = {}
    judged: list[Row] = []
    found: list[Features | None] = []
    for row in rows:
        if row.score is not None and row.golden is None:
            judged.append(replace(row, map_units=None))  # maps would fill the memory
            found.append(_features(reader, row, readings))
    usual = [row.verdict is Verdict.OK and not _overridden(row) for row in judged]
    far = novelty(found, [row.bundle for row in judged], usual)
    candidates, without = [], Counter[str]()
    for row, sigma in zip(judged, far, strict=True):
        if (one := _candidate(row, shadows.get(row.id), sigma)) is None:
            continue
        if row.image_path is None or row.image_removed_ns is not None:
            without[one.cause.value] += 1
        else:
            candidates.append(one)
    order = list(Cause)
    candidates.sort(key=lambda one: (order.index(one.cause), -one.weight, one.recorded_ns))
    return Ranking(candidates, dict(without))


def _candidate(row: Row, shadow: Disagreement | None, sigma: float | None) -> Candidate | None:
    """None where nothing speaks for it."""
    said, score = row.decision, row.score
    assert score is not None
    surprise = 2 * score * (1 - score) if said is None else abs((said.decision is Decision.REJECT) - score)
    if _overridden(row):
        cause, weight = Cause.OVERRIDE, surprise
    elif row.verdict is Verdict.REVIEW:
        cause, weight = Cause.REVIEW, surprise
    elif shadow is not None:
        cause, weight = Cause.SHADOW, _apart(shadow)
    elif sigma is not None and sigma > UNUSUAL:
        cause, weight = Cause.NOVELTY, sigma
    else:
        return None
    return Candidate(
        cause=cause,
        weight=round(weight, 4),
        id=row.id,
        part=row.part,
        bundle=row.bundle,
        recorded_ns=row.recorded_ns,
        verdict=row.verdict,
        score=score,
        kind=row.kind,
        decision=said.decision if said else None,
        operator=said.operator if said else None,
        code=said.code if said else None,
        reason=said.reason if said else None,
        shadow=shadow.shadow if shadow else None,
        said=shadow.said if shadow else None,
        said_score=shadow.said_score if shadow else None,
        novelty=sigma,
    )


def _overridden(row: Row) -> bool:
    return row.decision is not None and (row.verdict, row.decision.decision) in OVERRIDDEN


def _apart(one: Disagreement) -> float:
    """0 to 1; where one of the two could not judge, nothing is known."""
    return 0.0 if one.score is None or one.said_score is None else abs(one.said_score - one.score)


def _features(reader: JournalReader, row: Row, readings: dict[str, Reading | None]) -> Features | None:
    """None where the journal has no map, or not how to read it."""
    if row.map_units is None or not row.reading:
        return None
    if row.reading not in readings:
        text = reader.reading(row.reading)
        readings[row.reading] = decode_json(text, Reading) if text else None
    reading = readings[row.reading]
    return None if reading is None else features(row.map_units, reading)
