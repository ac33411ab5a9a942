from __future__ import annotations

from dataclasses import replace as change

import msgspec
import numpy as np
import pytest

from edge.contract.bundle import read_bundle
from edge.contract.cam import Thresholds, dequantise, score
from edge.contract.images import read_image
from edge.contract.preprocess import Region
from edge.contract.recipe import NamedRegion, Presence, Recipe, RecipeSettings
from edge.contract.types import Frame, Verdict
from edge.errors import ConfigError
from edge.inference.judge import Judge
from edge.inspection.pipeline import PartJudge


@pytest.fixture(scope="module")
def judge(bundle) -> Judge:
    return Judge(read_bundle(bundle))


@pytest.fixture(scope="module")
def ng(bundle) -> Frame:
    return Frame(read_image(bundle / "golden" / "ng-1.png"), 0, 0, 0)


def recipe(ignore=None, **settings) -> Recipe:
    return Recipe("screw", RecipeSettings(ignore="hole.png" if ignore is not None else None, **settings), ignore)


def half(side: str) -> np.ndarray:
    """White on one side."""
    picture = np.zeros((100, 200), np.uint8)
    picture[:, :100] = 255
    return picture if side == "left" else 255 - picture


def test_a_region_is_judged_as_if_the_frame_were_no_larger(judge, ng) -> None:
    wide = np.hstack([np.roll(ng.pixels, 7, 0), ng.pixels])
    right = NamedRegion(name="right", left=0.5, width=0.5)
    found = PartJudge(judge, recipe(regions=(right,))).judge_part([Frame(wide, 0, 0, 0)])
    alone = judge.judge(ng)
    assert np.array_equal(found.map_units, alone.map_units)
    assert (found.score, found.region, found.looks) == (alone.score, right, ())


def test_cells_under_the_white_do_not_count_and_all_others_do(judge, ng) -> None:
    card = judge.bundle.card
    (look,) = recipe(half("left")).looks(card)
    rows, columns = card.output.shape[1:3]
    assert look.counted.shape == (rows, columns)
    assert not look.counted[:, : columns // 2].any()
    assert look.counted[:, columns // 2 :].all()
    square = np.where(np.indices(ng.pixels.shape)[1] < ng.pixels.shape[1] // 2, 255, 0).astype(np.uint8)
    found = PartJudge(judge, recipe(square)).judge_part([ng])
    assert np.array_equal(found.map_units, judge.judge(ng).map_units)
    kept = dequantise(found.map_units, card.output.scale, card.output.zero_point)[:, columns // 2 :]
    assert found.score == pytest.approx(score(kept, card.pooling))


def test_a_picture_is_cut_as_the_region_is(judge) -> None:
    left, right = NamedRegion(name="left", width=0.5), NamedRegion(name="right", left=0.5, width=0.5)
    with pytest.raises(ConfigError, match=r"recipe screw: ignore = 'hole.png': leaves no place of region 'left'"):
        recipe(half("left"), regions=(right, left)).looks(judge.bundle.card)
    (look,) = recipe(half("left"), regions=(right,)).looks(judge.bundle.card)
    assert look.counted.all()
    with pytest.raises(ConfigError, match="leaves no place of the card's region"):
        recipe(np.full((9, 9), 255, np.uint8)).looks(judge.bundle.card)


def test_a_picture_of_another_shape_is_a_fault(judge, ng) -> None:
    found = PartJudge(judge, recipe(half("left"))).judge_part([ng])
    assert (found.verdict, found.score) == (Verdict.FAULT, None)
    assert "not of one shape" in found.reason


def test_a_region_that_looks_as_without_a_part_is_a_fault(judge, ng) -> None:
    empty, left = ng.pixels.copy(), NamedRegion(name="left", width=0.5)
    right = NamedRegion(name="right", left=0.5, width=0.5)
    shown = empty.copy()
    shown[:, : empty.shape[1] // 2] ^= 0x80
    settings = RecipeSettings(regions=(left, right), presence=Presence("empty.png", 0.5))
    asked = Recipe("screw", settings, empty=empty)
    assert asked.unfit(shown, left) == ""
    assert asked.unfit(shown, right) == "no part: 0.0% differs from the empty place, expected are 50.0%"
    assert asked.unfit(np.dstack([shown] * 3), left) == ""
    found = PartJudge(judge, asked).judge_part([Frame(shown, 0, 0, 0)])
    assert (found.verdict, found.region) == (Verdict.FAULT, right)
    assert found.reason.startswith("region right: no part: ")
    assert "not of one size" in asked.unfit(shown[1:], left)


def test_thresholds_and_what_becomes_of_the_unsure(judge) -> None:
    card = judge.bundle.card
    assert recipe().thresholds(card) == card.thresholds
    own = Thresholds(0.1, 0.8)
    assert recipe(thresholds=own).thresholds(card) == own
    assert recipe(thresholds=own, review="ng").thresholds(card) == Thresholds(0.1, 0.1)


def test_without_anything_a_recipe_judges_as_the_card_says(judge, ng) -> None:
    plain, found = judge.judge(ng), PartJudge(judge, recipe()).judge_part([ng])
    assert np.array_equal(plain.map_units, found.map_units)
    assert change(plain, map_units=None, timings_ms={}) == change(found, map_units=None, timings_ms={})


def test_the_record_names_each_file_by_its_content() -> None:
    one, other = recipe(half("left")).record(), recipe(half("right")).record()
    assert one["sha256"].keys() == {"hole.png"}
    assert one["sha256"] != other["sha256"]
    assert msgspec.json.encode(one)


def test_a_region_of_a_recipe_is_a_region() -> None:
    assert NamedRegion(name="a", left=0.25, width=0.5).pixels(10, 8) == Region(left=0.25, width=0.5).pixels(10, 8)
