"""Temperature and thresholds: against values found by hand, and what they promise against many draws of parts."""

from math import comb, exp, log
from statistics import NormalDist

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract.cam import Pooling, Thresholds, ng_probability, probability
from edge.contract.card import Calibration, Target
from edge.contract.types import Verdict
from edge.errors import DataError, UsageError
from trainer.calibrate import (
    REVIEW,
    Held,
    calibrate,
    calibration_table,
    choose_thresholds,
    describe,
    fit_temperature,
    parse_target,
)
from trainer.metrics import verdict_counts

NORMAL = NormalDist()
PLAIN = Target()


def held(ok, ng, groups=None) -> Held:
    """Images with these pooled logits, each of a part of its own unless groups are given."""
    pooled = np.array([*ok, *ng], np.float32)[:, None]
    truth = np.repeat([False, True], [len(ok), len(ng)])
    return Held(pooled, truth, groups or [f"part {i}" for i in range(len(truth))])


def logit(p: float) -> float:
    return log(p / (1 - p))


def edges(found: Thresholds, temperature: float = 1.0) -> tuple[float, float]:
    """The thresholds as pooled logits."""
    return logit(found.ok_below) * temperature, logit(found.ng_from) * temperature


def thresholds(ok, ng, target=PLAIN, groups=None) -> Thresholds:
    given = held(ok, ng, groups)
    return choose_thresholds(given.truth, ng_probability(given.pooled, 1.0), given.groups, target)


def calibrated(ok, ng, target=PLAIN, groups=None):
    return calibrate(held(ok, ng, groups), target, Pooling(), "int8")


def overlapping(seed: int, ok: int = 300, ng: int = 300, apart: float = 1.5):
    rng = np.random.default_rng(seed)
    return rng.normal(-apart, 1, ok), rng.normal(apart, 1, ng)


# Temperature


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_scores_is_found(true):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    truth = rng.random(20_000) < probability(logits)
    assert fit_temperature((logits * true)[:, None].astype(np.float32), truth) == pytest.approx(true, rel=0.05)


def test_the_mix_of_the_validation_part_does_not_matter():
    rng = np.random.default_rng(0)
    ok, ng = rng.normal(-2, 2, 4000), rng.normal(2, 2, 4000)
    even, few = held(ok, ng), held(ok, ng[:400])
    assert fit_temperature(few.pooled, few.truth) == pytest.approx(fit_temperature(even.pooled, even.truth), rel=0.1)


def test_parted_classes_want_no_temperature_of_zero():
    few, many = held([-1] * 3, [1] * 3), held([-1] * 300, [1] * 300)
    assert fit_temperature(few.pooled, few.truth) == pytest.approx(1 / logit(4 / 5), rel=1e-3), "targets 4/5 and 1/5"
    assert fit_temperature(many.pooled, many.truth) == pytest.approx(1 / logit(301 / 302), rel=1e-3)


@pytest.mark.parametrize(("ok", "ng"), [([0, 0], [0, 0]), ([-1, 2], []), ([], [3])], ids=str)
def test_scores_that_tell_nothing_keep_their_temperature(ok, ng):
    given = held(ok, ng)
    assert fit_temperature(given.pooled, given.truth) == 1.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-60, 60, width=32), min_size=2, max_size=30), st.randoms())
def test_a_temperature_is_always_within_bounds(logits, random):
    truth = np.array([random.random() < 0.5 for _ in logits])
    assert 0.04 < fit_temperature(np.array(logits, np.float32)[:, None], truth) < 21


def test_a_temperature_changes_no_order_and_no_verdict():
    ok, ng = overlapping(0)
    plain, hot = (calibrated(ok * t, ng * t) for t in (1.0, 4.0))
    assert hot.pooling.temperature == pytest.approx(4 * plain.pooling.temperature, rel=1e-2)
    verdicts = [[found.thresholds.verdict(score) for score in found.scores] for found in (plain, hot)]
    assert verdicts[0] == verdicts[1]


# Thresholds


def test_the_band_encloses_the_overlap():
    ok, ng = [*np.linspace(-6, -4, 48), 2.0], [-1.0, *np.linspace(4, 6, 48)]
    assert edges(thresholds(ok, ng)) == pytest.approx((-1, 2), abs=0.01)


def test_a_gap_between_parted_classes_is_reviewed():
    found = thresholds(np.linspace(-6, -2, 49), np.linspace(3, 6, 49))
    assert edges(found) == pytest.approx((-2, 3), abs=0.01)
    assert found.verdict(0.5) is Verdict.REVIEW


def test_the_asked_share_sets_the_rank():
    ok, ng = np.linspace(-8, 2, 99), np.linspace(-1, 8, 99)
    both = Target(escape=0.05, false_reject=0.1)
    assert edges(thresholds(ok, ng, both)) == pytest.approx((ng[5 - 1], ok[-10]), abs=0.01)
    fewer = Target(escape=0.0499, false_reject=0.0999)
    assert edges(thresholds(ok, ng, fewer)) == pytest.approx((ng[4 - 1], ok[-9]), abs=0.01)


def test_no_more_is_reviewed_than_may_be_and_what_was_asked_for_stays():
    ok, ng = overlapping(1, apart=0.5)
    counts = {}
    for text in ("", "escape=0.02", "false_reject=0.02", "review=0.05", "escape=0.02 review=0.4"):
        found = calibrated(ok, ng, parse_target(text.split()))
        counts[text] = verdict_counts(np.repeat([False, True], 300), found.scores, found.thresholds)
        limit = 0.05 if text == "review=0.05" else 0.4 if "0.4" in text else REVIEW
        assert limit / 2 < found.calibration.review <= limit, "as wide as may be"
        assert found.calibration.review == counts[text]["ok"]["review"] / 300
    assert counts["escape=0.02"]["ng"]["ok"] == counts["escape=0.02 review=0.4"]["ng"]["ok"] == 5, "of rank 6 of 301"
    assert counts["false_reject=0.02"]["ok"]["ng"] == 5
    assert counts[""]["ng"]["ok"] > 5
    assert counts[""]["ok"]["ng"] > 5


def test_where_both_were_asked_for_review_gives_way():
    ok, ng = overlapping(1, apart=0.5)
    found = calibrated(ok, ng, Target(escape=0.02, false_reject=0.02))
    assert found.calibration.review > 0.5
    assert found.calibration.escape.kept
    assert found.calibration.false_reject.kept


def test_no_review_at_all_can_be_asked_for():
    found = calibrated(*overlapping(1, apart=0.5), Target(review=0.0))
    assert found.calibration.review == 0


def test_the_best_f1_is_one_threshold_that_promises_nothing():
    found = calibrated([-3, -2, -1, 4], [-2.5, 1, 2, 3], Target(best_f1=True))
    assert found.thresholds.ok_below == found.thresholds.ng_from
    assert edges(found.thresholds, found.pooling.temperature)[0] == pytest.approx(0, abs=0.3)
    escape = found.calibration.escape
    assert (escape.asked, escape.kept, escape.beyond, escape.bound) == (None, False, 1, 2 / 5)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-60, 60, width=32), max_size=20), st.lists(st.floats(-60, 60, width=32), max_size=20),
    st.sampled_from(["", "escape=0.1", "false_reject=0.3", "review=0", "escape=0.1 false_reject=0.1"]),
)  # fmt: skip
def test_whatever_the_scores_the_figures_are_those_of_the_thresholds(ok, ng, text):
    if not ok and not ng:
        return
    found = calibrated(ok, ng, parse_target(text.split()))
    band, card = found.thresholds, found.calibration
    assert 0 <= band.ok_below <= band.ng_from <= 1
    counts = verdict_counts(np.repeat([False, True], [len(ok), len(ng)]), found.scores, band)
    for bound, wrong, parts in ((card.escape, counts["ng"]["ok"], ng), (card.false_reject, counts["ok"]["ng"], ok)):
        assert (bound.beyond, bound.parts, bound.images) == (wrong, len(parts), len(parts))
        assert wrong / (len(parts) or 1) <= bound.limit <= 1
        assert bound.bound >= 1 / (len(parts) + 1), "nothing better can be promised"
        assert not bound.kept or bound.bound <= max(bound.asked, 1 / (len(parts) + 1)) + 1e-9
    assert msgspec.json.decode(msgspec.json.encode(card), type=Calibration) == card
    assert len(describe(card, band, found.pooling)) == 3


# What is promised, and what comes of it


def realised(found: Thresholds, apart: float) -> tuple[float, float]:
    """(escape, false reject) of parts to come, of which logits are normal about -apart and apart."""
    lower, upper = edges(found)
    return NORMAL.cdf(lower - apart), 1 - NORMAL.cdf(upper + apart)


@pytest.mark.parametrize(("parts", "share", "expected"), [(10, 0.02, 1 / 11), (60, 0.05, 3 / 61), (99, 0.1, 0.1)])
def test_over_many_draws_as_much_escapes_as_promised(parts, share, expected):
    target, draws = Target(escape=share, false_reject=share), 200
    seen = [realised(thresholds(*overlapping(i, parts, parts, 1.0), target), 1.0) for i in range(draws)]
    rank = round(expected * (parts + 1))
    error = np.sqrt(rank * (parts + 1 - rank) / ((parts + 1) ** 2 * (parts + 2)) / draws)
    assert np.mean(seen, axis=0) == pytest.approx((expected, expected), abs=4 * error)


def test_over_many_draws_parted_classes_keep_their_promise_too():
    seen = [realised(thresholds(*overlapping(i, 30, 30, 5.0)), 5.0) for i in range(100)]
    assert (np.mean(seen, axis=0) <= 1 / 31).all()
    assert max(max(each) for each in seen) < 0.01, "far from it: what is like neither is reviewed"


@pytest.mark.parametrize("text", ["escape=0.05", "review=0.1"])
def test_the_limit_holds_in_95_of_100_draws(text):
    above = 0
    for seed in range(100):
        found = calibrated(*overlapping(seed, 40, 40, 0.7), parse_target([text]))
        lower, upper = edges(found.thresholds, found.pooling.temperature)
        card = found.calibration
        above += NORMAL.cdf(lower - 0.7) > card.escape.limit
        above += 1 - NORMAL.cdf(upper + 0.7) > card.false_reject.limit
    assert above <= 0.05 * 200 + 3 * np.sqrt(0.05 * 0.95 * 200)


def exposures(seed: int, parts: int, each: int = 6):
    """Six images of each part, which differ less than the parts do, and the names of the parts."""
    rng = np.random.default_rng(seed)
    logits = [rng.normal(middle, 1, (parts, 1)) + rng.normal(0, 0.3, (parts, each)) for middle in (-1, 1)]
    return *(values.ravel() for values in logits), [
        f"{label}{p}" for label in "on" for p in range(parts) for _ in range(each)
    ]


def test_images_of_one_part_count_once():
    def escaped(by_part: bool) -> float:
        shares = []
        for seed in range(100):
            ok, ng, names = exposures(seed, 12)
            lower, _ = edges(thresholds(ok, ng, target, names if by_part else None))
            fresh = exposures(1000 + seed, 100)[1].reshape(100, 6)
            shares.append(float(np.mean(fresh.min(axis=1) < lower)))
        return float(np.mean(shares))

    target = Target(escape=0.08, false_reject=0.08)
    assert escaped(by_part=True) == pytest.approx(1 / 13, abs=0.015)
    assert escaped(by_part=False) > 0.12, "taken for parts, images promise too much"


def test_a_part_is_as_bad_as_its_worst_image():
    ok, ng = [-3, -3, -2], [3, 2, 1, 3]
    found = calibrated(ok, ng, Target(escape=0.4, false_reject=0.4), ["a", "a", "b", "c", "c", "d", "d"]).calibration
    assert (found.escape.parts, found.escape.images) == (2, 4)
    assert (found.false_reject.parts, found.false_reject.images) == (2, 3)
    assert found.escape.bound == pytest.approx(1 / 3)


def test_a_part_may_be_ok_in_one_image_and_ng_in_another():
    found = calibrated([-3, -2], [2, 3], groups=["a", "b", "a", "b"]).calibration
    assert (found.escape.parts, found.false_reject.parts) == (2, 2)


def test_the_limit_is_that_of_clopper_and_pearson():
    ok, ng = overlapping(3, 50, 59)
    none = calibrated(ok, ng, Target(escape=0.02, false_reject=0.02)).calibration.escape
    assert none.beyond == 0
    assert none.limit == pytest.approx(1 - 0.05 ** (1 / 59)), "the rule of three"
    some = calibrated(ok, ng, Target(escape=0.07, false_reject=0.02)).calibration.escape
    assert some.beyond == 3
    at_most_three = sum(comb(59, i) * some.limit**i * (1 - some.limit) ** (59 - i) for i in range(4))
    assert at_most_three == pytest.approx(0.05)


# Too little to go by


def test_too_few_ng_parts_say_so():
    found = calibrated(np.linspace(-6, -3, 200), [3.0] * 5, Target(escape=0.01))
    escape = found.calibration.escape
    assert escape.bound == pytest.approx(1 / 6)
    says = calibration_table(found.calibration)[0]["says"]
    assert says.startswith("at most 16.7% of ng parts, too few to promise 1.0% (99 could)")


def test_one_ng_part():
    escape = calibrated([-3, -2, -1], [2]).calibration.escape
    assert (escape.bound, escape.limit) == (0.5, pytest.approx(0.95))


def test_without_ng_nothing_is_said_of_escapes():
    found = calibrated(np.linspace(-6, -1, 99), [])
    assert found.thresholds.ok_below == found.thresholds.ng_from
    assert edges(found.thresholds)[0] == pytest.approx(np.linspace(-6, -1, 99)[-2], abs=0.01)
    assert (found.calibration.escape.bound, found.calibration.escape.limit) == (1, 1)
    assert (
        "no ng parts in the validation part: nothing can be said"
        in describe(found.calibration, found.thresholds, found.pooling)[1]
    )
    assert found.calibration.false_reject.bound == 0.02


def test_without_ok_nothing_is_said_of_false_rejects():
    found = calibrated([], np.linspace(1, 6, 99)).calibration
    assert (found.false_reject.bound, found.escape.bound, found.review) == (1, 0.02, 0)


def test_equal_scores_are_all_rejected():
    found = calibrated([1.5] * 20, [1.5] * 20)
    assert {found.thresholds.verdict(score) for score in found.scores} == {Verdict.NG}
    assert found.calibration.false_reject.bound == 1
    assert not found.calibration.false_reject.kept


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(DataError, match="1 of 4 validation scores are not numbers"):
        calibrated([-1, bad], [1, 2])


@pytest.mark.parametrize(("ok", "ng"), [([], []), ([-1, -2], []), ([], [2])], ids=str)
def test_the_best_f1_needs_both_classes(ok, ng):
    with pytest.raises(DataError, match="both ok and ng"):
        calibrated(ok, ng, Target(best_f1=True))


def test_no_image_at_all_is_refused():
    with pytest.raises(DataError, match="need validation images"):
        calibrated([], [])


# What is asked


def test_a_target_is_what_its_words_say():
    assert parse_target([]) == Target()
    assert parse_target(["escape=0.01", "review=0"]) == Target(escape=0.01, review=0.0)
    assert parse_target(["f1"]) == Target(best_f1=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("escape", "a share lies between 0 and 1"), ("escape=1%", "a share lies between 0 and 1"),
        ("escape=2", "a share lies between 0 and 1"), ("review=-0.1", "a share lies between 0 and 1"),
        ("review=nan", "a share lies between 0 and 1"), ("escape=0", "`float` > 0.0"), ("best_f1", "or f1"),
        ("escapes=0.1", "escape=SHARE"), ("", "escape=SHARE"), ("f1=0.5", "or f1"),
        ("escape=0.1 escape=0.2", "at most once"),
        ("f1 escape=0.1", "leaves no choice"), ("escape=0.1 false_reject=0.1 review=0.1", "ask for two"),
    ],
)  # fmt: skip
def test_a_target_that_says_nothing_is_refused(words, expected):
    with pytest.raises(UsageError, match=r"^--target ") as refused:
        parse_target(words.split(" "))
    assert expected in str(refused.value)


def test_the_table_is_plain():
    rows = calibration_table(calibrated([-3, -2, -1], [2, 3]).calibration)
    assert [row["share"] for row in rows] == ["escape", "false reject"]
    assert msgspec.json.decode(msgspec.json.encode(rows)) == rows


def test_a_run_from_before_says_nothing():
    assert describe(None, Thresholds(0.2, 0.8), Pooling()) == []


def test_scores_are_those_of_the_temperature():
    found = calibrated(*overlapping(5))
    assert found.scores[0] == pytest.approx(1 / (1 + exp(-overlapping(5)[0][0] / found.pooling.temperature)))
