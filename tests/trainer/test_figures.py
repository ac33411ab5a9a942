"""What metrics.json says of judged images, against counts by hand."""

import re
from pathlib import Path

import pytest

from edge.contract.card import Bound, Calibration, Parity, Target
from trainer.evaluate import predictions
from trainer.figures import figures
from trainer.intervals import share_bound, share_interval

ROOT = Path(__file__).parents[2]


def test_images_are_counted(evaluation):
    found = figures(evaluation)
    assert (found["images"], found["ok"], found["ng"], found["masks"], found["groups"]) == (14, 8, 6, 6, 14)
    assert found["verdicts"] == {"ok": {"ok": 6, "review": 1, "ng": 1}, "ng": {"ok": 1, "review": 1, "ng": 4}}
    assert found["escape_rate"] == 1 / 6
    assert found["false_reject_rate"] == 1 / 8
    assert found["review_rate"] == 2 / 14
    assert found["peak_hit_rate"] == 1.0
    assert 0.5 < found["pixel_ap"] < 1, "the faint spot is no hotter than the brightest ok part"
    gaps = [abs(line["score"] - (line["label"] == "ng")) for line in predictions(evaluation)]
    assert found["mae"] == pytest.approx(sum(gaps) / 14)


def test_kinds_are_told_apart(evaluation):
    dot, spot = figures(evaluation)["kinds"].values()
    assert (dot["images"], dot["caught"], dot["rejected"]) == (2, 1.0, 1.0)
    assert (spot["images"], spot["caught"], spot["rejected"]) == (4, 0.75, 0.5)
    assert spot["caught_interval"] == share_interval(3, 4)
    assert dot["auroc"] == (7.5 + 7) / 16
    assert dot["auroc_interval"] is None, "two images are too few to draw from"


def test_sizes_are_told_apart(evaluation):
    rows = figures(evaluation)["sizes"]
    assert [(row["from"], row["below"]) for row in rows][:2] == [(0.0, 0.001), (0.001, 0.003)]
    assert [row["images"] for row in rows] == [0, 0, 0, 2, 4, 0], "64 and 256 of 4096 pixels"
    assert (rows[3]["caught"], rows[4]["caught"], rows[5]["caught"]) == (1.0, 0.75, None)
    assert rows[4]["peak_hit_rate"] == 1.0


def test_escapes_are_bounded_by_image_and_by_group(part, judged):
    shots = [part(20, group="a"), part(80, group="a"), *(part(80, group=name) for name in "bbbcd")]
    found = figures(judged([part(), *shots]))["escape_bound"]
    assert found == {
        "escaped": 1, "of": 7, "below": share_bound(1, 7),
        "escaped_groups": 1, "of_groups": 4, "below_by_group": share_bound(1, 4),
    }  # fmt: skip


def test_intervals_enclose_their_figures(part, judged):
    found = figures(judged([part(spot % 60, label="ok", mask=False) for spot in range(0, 200, 10)]
                           + [part(20 + spot % 70) for spot in range(0, 200, 10)]))  # fmt: skip
    for name, interval in found["intervals"].items():
        if name == "peak_hit_rate":
            assert (found[name], interval) == (1.0, None), "all were hit: no draw differs"
        else:
            assert interval[0] < found[name] < interval[1], name


def test_without_masks_nothing_is_said_of_places(part, judged):
    found = figures(judged([part(), part(80, mask=False)]))
    assert (found["masks"], found["peak_hit_rate"], found["pixel_ap"], found["sizes"]) == (0, None, None, [])


def test_an_ng_image_without_a_mask_is_no_good_image_to_pixel_ap(part, judged):
    masked = [part(), part(80), part(80)]
    assert figures(judged(masked))["pixel_ap"] == 1.0
    assert figures(judged([*masked, part(90, mask=False)]))["pixel_ap"] == 1.0
    assert figures(judged([*masked, part(90, label="ok", mask=False)]))["pixel_ap"] < 0.8


@pytest.mark.parametrize(("spot", "label"), [(0, "ok"), (80, "ng")])
def test_one_class_alone(part, judged, spot, label):
    found = figures(judged([part(spot) for _ in range(3)]))
    assert found[label] == 3
    assert (found["auroc"], found["intervals"]["auroc"]) == (0.5, None)
    assert bool(found["kinds"]) == (label == "ng")


def test_what_is_known_of_a_bundle_is_told(part, judged):
    bound = Bound(asked=0.02, images=9, parts=9, beyond=0, bound=0.1, kept=True, limit=0.28)
    calibration = Calibration(scores="int8", target=Target(), escape=bound, false_reject=bound, review=0.1)
    parity = Parity(5, 0.8, 0.01, 0.1, 0.99)
    found = figures(judged([part(), part(80)], calibration=calibration, parity=parity))
    assert found["int8"]["measured_on"] == "validation images"
    assert found["int8"]["equal_verdicts"] == 0.8
    assert (found["calibration"]["scores"], found["calibration"]["temperature"]) == ("int8", 1.0)
    assert [row["share"] for row in found["calibration"]["promises"]] == ["escape", "false reject"]
    nothing = figures(judged([part(), part(80)]))
    assert (nothing["int8"], nothing["calibration"]) == (None, None)


def test_every_key_is_documented(evaluation):
    page = (ROOT / "docs" / "metrics.md").read_text()
    documented = {name for row in re.findall(r"^\| (`.*?) \|", page, re.M) for name in re.findall(r"`(\w+)`", row)}
    assert documented == set(figures(evaluation))
