"""What would teach most comes first, for a reason that is said."""

from __future__ import annotations

import json

import cv2
import msgspec
import numpy as np
import pytest

from edge.contract.reading import Reading
from edge.contract.types import Decision, Frame, Inspection, Judgement, Verdict
from edge.journal.images import encode_image
from edge.journal.rows import Entry, Shadowed
from edge.review.novelty import LEAST, features, novelty
from edge.review.ranking import Cause, rank

READING = Reading(0.1, 0)


@pytest.fixture
def inspect(journal):
    """Records one inspection by verdict and score, with the highest place of its map, and gives its id."""
    rng, count = np.random.default_rng(0), iter(range(1, 1000))

    def record(
        verdict: Verdict, score: float | None, peak: int = 0, *, image: bool = True, golden=None, part: str = "",
        decided: Decision | None = None, shadow: tuple[str, float] | None = None,
    ) -> str:  # fmt: skip
        sequence = next(count)
        units = rng.normal(-20, 4, (8, 8, 1)).astype(np.int8)
        units[1, 2] += peak
        frame = Frame(np.full((24, 16), sequence % 251, np.uint8), sequence, 1, 1)
        judgement = Judgement(verdict, score, None if score is None else units)
        inspection = Inspection(
            journal.boot_id, sequence, part, frame, judgement, judgement.signal, 1, golden=golden
        )  # fmt: skip
        data = encode_image(frame.pixels) if image else None
        journal.record([Entry(inspection, "b" * 64, data, reading=msgspec.json.encode(READING))])
        if decided:
            journal.decide(inspection.id, decided, "ann", "looked", f"d{sequence}")
        if shadow:
            journal.compare([Shadowed(inspection, "b" * 64, "s" * 64, *shadow)])
        return inspection.id

    return record


@pytest.fixture
def ranked(journal):
    return lambda: rank(journal.reader, journal.reader.walk())


def test_overrides_come_first_then_review_then_shadow_then_novelty(inspect, ranked) -> None:
    for _ in range(LEAST):
        inspect(Verdict.OK, 0.1)
    unusual = inspect(Verdict.OK, 0.2, peak=100)
    shadowed = [inspect(Verdict.OK, 0.2, shadow=("ng", 0.6)), inspect(Verdict.OK, 0.2, shadow=("ng", 0.9))]
    waiting = inspect(Verdict.REVIEW, 0.5)
    decided = [
        inspect(Verdict.REVIEW, 0.6, decided=Decision.REJECT),
        inspect(Verdict.REVIEW, 0.6, decided=Decision.ACCEPT),
    ]
    overrides = [inspect(Verdict.NG, 0.8, decided=Decision.ACCEPT), inspect(Verdict.OK, 0.05, decided=Decision.REJECT)]
    inspect(Verdict.NG, 0.9, decided=Decision.REJECT)
    found = ranked()
    assert [(one.cause, one.id, one.weight) for one in found.candidates[:7]] == [
        (Cause.OVERRIDE, overrides[1], 0.95),
        (Cause.OVERRIDE, overrides[0], 0.8),
        (Cause.REVIEW, decided[1], 0.6),
        (Cause.REVIEW, waiting, 0.5),
        (Cause.REVIEW, decided[0], 0.4),
        (Cause.SHADOW, shadowed[1], 0.7),
        (Cause.SHADOW, shadowed[0], 0.4),
    ]
    last, *others = found.candidates[7:]
    assert (last.cause, last.id, last.weight) == (Cause.NOVELTY, unusual, last.novelty)
    assert all(one.cause is Cause.NOVELTY and one.weight < last.weight / 2 for one in others)
    assert found.counts == {"override": 2, "review": 3, "shadow": 2, "novelty": 1 + len(others)}


def test_what_cannot_teach_is_left_out_and_counted_where_it_would_have(inspect, ranked, journal) -> None:
    gone = inspect(Verdict.NG, 0.9, decided=Decision.ACCEPT)
    journal._book.retention.drop_images(1)
    inspect(Verdict.REVIEW, 0.5, image=False)
    inspect(Verdict.FAULT, None, decided=Decision.ACCEPT)
    inspect(Verdict.OK, 0.5, golden="ng", decided=Decision.REJECT)
    kept = inspect(Verdict.NG, 0.9, decided=Decision.ACCEPT)
    found = ranked()
    assert [one.id for one in found.candidates] == [kept] != [gone]
    assert found.without_image == {"override": 1, "review": 1}


def test_few_ok_parts_say_nothing_of_what_is_usual(inspect, ranked) -> None:
    for _ in range(LEAST - 2):
        inspect(Verdict.OK, 0.1)
    inspect(Verdict.OK, 0.2, peak=100)
    assert ranked().candidates == []


def test_what_was_overridden_is_not_usual_and_each_bundle_has_its_own_usual() -> None:
    rng = np.random.default_rng(0)
    maps = [rng.normal(-20, 4, (8, 8, 1)).astype(np.int8) for _ in range(2 * LEAST)]
    found = [features(units, READING) for units in maps]
    strange = features(np.full((8, 8, 1), 90, np.int8), READING)
    bundles = ["a"] * LEAST + ["b"] * LEAST
    said = novelty([*found, strange, strange, None], [*bundles, "a", "c", "a"], [True] * (2 * LEAST) + [False] * 3)
    assert said[-3] > 20
    assert said[-2:] == [None, None]
    assert np.median(said[:-3]) < 3


def test_the_command_prints_a_table_json_and_a_sheet(okng, inspect, journal, tmp_path) -> None:
    name = inspect(Verdict.NG, 0.8, part="A-7", decided=Decision.ACCEPT, shadow=("ok", 0.2))
    (spoilt,) = [inspect(Verdict.REVIEW, 0.5)]
    inspect(Verdict.REVIEW, 0.5, image=False)
    path = journal.reader.find(spoilt).image_path
    (tmp_path / "journal" / path).write_bytes(b"other")
    sheet = tmp_path / "sheet.png"
    done = okng("review", "disagreements", "--journal", tmp_path / "journal", "--sheet", sheet)
    assert done.status == 0
    first, second, counts, drawn = done.out.splitlines()
    assert first == (
        f"override    0.80  {name}  A-7  ng 0.800, accepted by ann: looked, shadow ssssssssssss says ok 0.200"
    )
    assert second == f"review      0.50  {spoilt}  -  review 0.500, waits for a decision"
    assert (counts, drawn) == ("1 override, 1 review, 0 shadow, 0 novelty", f"{sheet}: 2 frames")
    assert done.err == "1 more by review, of which no image is kept\n"
    picture = cv2.imread(str(sheet))
    assert picture.shape[1] == 5 * 240
    again = okng("review", "disagreements", "--journal", tmp_path / "journal", "--sheet", sheet)
    assert (again.status, "is already there" in again.err) == (2, True)
    found = json.loads(okng("review", "disagreements", "--journal", tmp_path / "journal", "--json", "--top", "1").out)
    assert [one["id"] for one in found["candidates"]] == [name]
    assert found["counts"]["review"] == 1
