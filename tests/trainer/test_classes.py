"""What a set's kinds become, and which sets cannot be learned from."""

from pathlib import Path

import pytest

from edge.contract.cam import Classes
from edge.errors import DataError
from trainer.classes import UNKNOWN, class_indices, read_classes
from trainer.dataset import Sample


def shots(kind: str, label: str, count: int, group: str = "") -> list[Sample]:
    names = [f"{kind}/{number}.png" for number in range(count)]
    return [Sample(name, Path(name), label, kind, group or name) for name in names]


GOOD = [*shots("plain", "ok", 3), *shots("ribbed", "ok", 3)]
BAD = [*shots("dent", "ng", 3), *shots("spot", "ng", 3)]


def test_a_kind_is_ok_when_its_images_are_and_the_ok_ones_come_first():
    classes = read_classes(BAD + GOOD, BAD[:1], "set")
    assert classes == Classes(ok=("plain", "ribbed"), ng=("dent", "spot"))
    assert class_indices([*GOOD[2:4], BAD[0], *shots("rust", "ng", 1)], classes).tolist() == [0, 1, 2, UNKNOWN]


def test_a_kind_that_is_both_ok_and_ng_is_refused_with_an_image_of_each():
    learning = [*GOOD, *BAD, Sample("x/odd.png", Path("x/odd.png"), "ok", "spot", "odd")]
    with pytest.raises(DataError, match=r"^set: kind spot is ok in x/odd.png and ng in spot/0.png: .*name each"):
        read_classes(learning, [], "set")


@pytest.mark.parametrize(
    ("few", "said"),
    [
        (shots("rust", "ng", 1), "kind rust: only one image shows it, rust/0.png; .*--classes binary"),
        (shots("rust", "ng", 4, group="part 7"), "kind rust: its 4 images are of one part, rust/0.png; .*two parts"),
        (shots("shiny", "ok", 1), "kind shiny: only one image"),
    ],
)
@pytest.mark.parametrize("learns", [True, False])
def test_a_kind_of_one_part_is_refused_with_what_to_do(few, said, learns):
    sides = (GOOD + BAD + few, []) if learns else (GOOD + BAD, few)
    with pytest.raises(DataError, match=said):
        read_classes(*sides, "set")


def test_a_kind_that_nothing_is_learned_of_is_refused():
    with pytest.raises(DataError, match="none of the images to learn from shows kind rust"):
        read_classes(GOOD + BAD, shots("rust", "ng", 2), "set")


def test_a_name_that_no_card_can_hold_is_refused():
    with pytest.raises(DataError, match="set: a kind's name is 1 to 100 printable"):
        read_classes(GOOD + shots("a\tb", "ng", 2), [], "set")
