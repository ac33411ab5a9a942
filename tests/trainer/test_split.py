"""Images of one group never fall on both sides of a split."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import DataError
from trainer.dataset import Sample
from trainer.evaluate import select_fold
from trainer.split import assign_folds, split_samples

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


@settings(deadline=None)
@given(grouped, st.integers(0, 2**32 - 1), shares, shares)
def test_every_image_has_one_place_and_every_group_one_side(samples, seed, validation_share, test_share):
    split = split_samples(samples, seed=seed, validation_share=validation_share, test_share=test_share)
    sides = (split.train, split.validation, split.test)
    assert sorted(s.name for side in sides for s in side) == sorted(s.name for s in samples)
    groups = [{s.group for s in side} for side in sides]
    assert not groups[0] & groups[1]
    assert not (groups[0] | groups[1]) & groups[2]


@settings(deadline=None)
@given(grouped, st.integers(0, 99))
def test_the_seed_decides_alone(samples, seed):
    assert split_samples(samples, seed=seed) == split_samples(list(samples), seed=seed)


@settings(deadline=None)
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


def written(folder: Path, number: int, content: bytes, kind: str = "good", **changes) -> Sample:
    made = sample(number, kind, **changes)
    path = folder / made.name
    path.write_bytes(content)
    return replace(made, path=path)


@pytest.mark.parametrize("seed", range(10))
def test_a_copy_is_never_on_the_other_side(tmp_path, seed):
    samples = [written(tmp_path, n, f"{n // 2:03d}".encode(), KINDS[n // 2 % 3]) for n in range(60)]
    split = split_samples(samples, seed=seed, validation_share=0.3, test_share=0.2)
    contents = [{s.path.read_bytes() for s in side} for side in (split.train, split.validation, split.test)]
    assert all(contents)
    assert not contents[0] & contents[1]
    assert not (contents[0] | contents[1]) & contents[2]


def test_a_copy_draws_its_whole_group_along(tmp_path):
    twins = [written(tmp_path, 1, b"same", group="a"), written(tmp_path, 2, b"same", group="b")]
    others = [written(tmp_path, 3, b"left", group="a"), written(tmp_path, 4, b"right", group="b")]
    rest = [written(tmp_path, n, b"%d" % n) for n in range(10, 20)]
    for seed in range(10):
        split = split_samples([*twins, *others, *rest], seed=seed, validation_share=0.4)
        sides = {s.name in {v.name for v in split.validation} for s in (*twins, *others)}
        assert len(sides) == 1


def test_a_copy_in_another_fold_is_refused(tmp_path):
    samples = [written(tmp_path, n, b"%d" % n, fold=n % 3) for n in range(12)]
    samples.append(written(tmp_path, 20, b"4", fold=2))
    with pytest.raises(DataError, match=r"^4\.png in fold 1 and 20\.png in fold 2 are the same image: remove one$"):
        split_samples(samples, seed=0, test_fold=1)
    assert len(split_samples(samples, seed=0, test_fold=0).test) == 4, "between other folds it does no harm"


@pytest.mark.parametrize(
    ("kinds", "counts_as"),
    [(("spot", "spot", "crack"), "spot"), (("crack", "spot"), "crack"), (("good", "good", "spot"), "spot")],
)
def test_a_mixed_group_counts_as_its_most_frequent_fault(kinds, counts_as):
    mixed = [sample(n, kind, "mixed") for n, kind in enumerate(kinds)]
    plain = [sample(100, counts_as)]
    for seed in range(10):  # two groups of one kind: one on each side
        split = split_samples([*mixed, *plain, *(sample(n) for n in range(200, 210))], seed=seed)
        assert ("mixed" in {s.group for s in split.train}) != (plain[0] in split.train)


both_labels = st.integers(2, 4).flatmap(
    lambda folds: st.tuples(
        st.just(folds),
        st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 20)), max_size=60).map(
            lambda rows: (
                [sample(n, kind, f"g{group}") for n, (kind, group) in enumerate(rows)]
                + [sample(100 + n, KINDS[n % 2]) for n in range(2 * folds)]
            )
        ),
    )
)


@settings(max_examples=40, deadline=None)
@given(both_labels, st.integers(0, 2**32 - 1))
def test_every_group_has_one_fold_and_every_image_stays(given_, seed):
    folds, samples = given_
    divided = assign_folds(samples, folds, seed=seed)
    assert [replace(s, fold=None) for s in divided] == samples
    assert {s.fold for s in divided} <= set(range(folds))
    assert len({(s.group, s.fold) for s in divided}) == len({s.group for s in divided})
    assert divided == assign_folds(list(samples), folds, seed=seed)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(6, 30), st.integers(6, 30), st.integers(1, 4), st.integers(0, 99))
def test_folds_are_even_in_each_kind(folds, good, crack, size, seed):
    kinds = ["good"] * good + ["crack"] * crack
    samples = [sample(10 * n + k, kind, f"g{n}") for n, kind in enumerate(kinds) for k in range(size)]
    divided = assign_folds(samples, folds, seed=seed)
    for kind in ("good", "crack"):
        counted = Counter(s.fold for s in divided if s.kind == kind)
        shares = [counted[fold] for fold in range(folds)]
        assert max(shares) - min(shares) <= size


def test_another_seed_makes_other_folds():
    samples = parts(good=30, crack=30)
    assert len({tuple(s.fold for s in assign_folds(samples, 5, seed=seed)) for seed in range(5)}) == 5


def test_more_folds_than_groups():
    samples = [*parts(good=20), *(sample(100 + n, "crack", f"c{n % 3}") for n in range(9))]
    with pytest.raises(DataError, match=r"^5 folds need as many groups of ng images, there are 3: ask for at most 3"):
        assign_folds(samples, 5, seed=0)
    with pytest.raises(DataError, match="there are 0: add photos of more ng parts"):
        assign_folds(parts(good=20), 5, seed=0)
