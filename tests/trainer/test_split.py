"""Images of one group never fall on both sides of a split."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import DataError
from trainer.dataset import Sample
from trainer.evaluate import select_fold
from trainer.split import split_samples

KINDS = ("good", "crack", "spot")


def sample(number: int, kind: str = "good", group: str = "", fold: int | None = None) -> Sample:
    name = f"{number}.png"
    return Sample(name, Path(name), "ok" if kind == "good" else "ng", kind, group or name, fold)


def parts(**counts: int) -> list[Sample]:
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    return [sample(number, kind) for number, kind in enumerate(kinds)]


def kinds_of(samples: list[Sample]) -> Counter[str]:
    return Counter(s.kind for s in samples)


grouped = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 12)), max_size=60).map(
    lambda rows: [sample(number, kind, f"g{group}") for number, (kind, group) in enumerate(rows)]
)
shares = st.floats(0, 0.9)


@given(grouped, st.integers(0, 2**32 - 1), shares, shares)
def test_every_image_has_one_place_and_every_group_one_side(samples, seed, validation_share, test_share):
    split = split_samples(samples, seed=seed, validation_share=validation_share, test_share=test_share)
    sides = (split.train, split.validation, split.test)
    assert sorted(s.name for side in sides for s in side) == sorted(s.name for s in samples)
    groups = [{s.group for s in side} for side in sides]
    assert not groups[0] & groups[1]
    assert not (groups[0] | groups[1]) & groups[2]


@given(grouped, st.integers(0, 99))
def test_the_seed_decides_alone(samples, seed):
    assert split_samples(samples, seed=seed) == split_samples(list(samples), seed=seed)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(0, 99), shares)
def test_every_kind_keeps_something_to_learn_from(sizes, seed, share):
    crack = [sample(n, "crack", f"g{group}") for group, size in enumerate(sizes) for n in range(size)]
    split = split_samples([*parts(good=5), *crack], seed=seed, validation_share=share)
    assert {"good", "crack"} == set(kinds_of(split.train))


def test_another_seed_splits_otherwise():
    samples = parts(good=40, crack=40)
    chosen = {tuple(s.name for s in split_samples(samples, seed=seed).validation) for seed in range(5)}
    assert len(chosen) == 5


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_shares_are_met_in_each_kind(share):
    split = split_samples(parts(good=200, crack=30, spot=10), seed=1, validation_share=share)
    assert kinds_of(split.validation) == {"good": 200 * share, "crack": 30 * share, "spot": 10 * share}
    assert not split.test


def test_shares_are_met_about_with_whole_groups():
    samples = [sample(n, "crack" if n % 3 else "good", f"{n % 3}-{n // 12}") for n in range(240)]
    split = split_samples(samples, seed=0, validation_share=0.25)
    for kind, count in kinds_of(samples).items():
        assert kinds_of(split.validation)[kind] == pytest.approx(count / 4, abs=4)


def test_a_test_share_is_held_out_first():
    split = split_samples(parts(good=100, crack=100), seed=0, test_share=0.1)
    assert (len(split.test), len(split.validation), len(split.train)) == (20, 36, 144)


def test_a_kind_with_one_group_stays_in_training():
    samples = [*parts(good=20, crack=20), *(sample(100 + n, "spot", "one part") for n in range(6))]
    for seed in range(10):
        split = split_samples(samples, seed=seed, validation_share=0.5)
        assert kinds_of(split.train)["spot"] == 6


def test_a_kind_with_two_groups_is_on_both_sides():
    samples = [*parts(good=20, crack=20), sample(100, "spot"), sample(101, "spot")]
    for seed in range(10):
        split = split_samples(samples, seed=seed, validation_share=0.05)
        assert kinds_of(split.train)["spot"] == kinds_of(split.validation)["spot"] == 1


def test_a_fold_is_held_out_whole():
    samples = [sample(n, KINDS[n % 2], fold=n % 5) for n in range(100)]
    split = split_samples(samples, seed=0, test_fold=3)
    assert split.test == [s for s in samples if s.fold == 3] == select_fold(samples, 3)
    assert len(split.validation) == 16
    assert select_fold(samples, None) == samples


@pytest.mark.parametrize("other", [1, None])
def test_a_group_in_two_folds(other):
    samples = [*(sample(n, fold=0) for n in range(4)), sample(8, "crack", "p 7", 0), sample(9, "crack", "p 7", other)]
    for call in (lambda: split_samples(samples, seed=0, test_fold=0), lambda: select_fold(samples, 0)):
        with pytest.raises(DataError, match=f"^group p 7 is in folds 0, {other}: .* one side of a split$"):
            call()


def test_without_a_fold_asked_for_folds_do_not_matter():
    samples = [sample(n, "crack", "p", n) for n in range(4)]
    assert len(split_samples(samples, seed=0).train) == 4


@pytest.mark.parametrize("folds", [(0, 2), ()])
def test_an_unknown_fold_names_those_there_are(folds):
    samples = [sample(n, fold=fold) for n, fold in enumerate(folds)] or parts(good=3)
    listed = "0, 2" if folds else "none"
    for call in (lambda: split_samples(samples, seed=0, test_fold=1), lambda: select_fold(samples, 1)):
        with pytest.raises(DataError, match=f"^fold 1 is not in the data; its folds are {listed}"):
            call()
