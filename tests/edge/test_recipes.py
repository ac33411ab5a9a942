"""Recipe files, good and bad."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.contract.cam import Thresholds
from edge.contract.quality import QualityReference
from edge.contract.recipe import KnownPart, Presence, Voting, WayToCamera
from edge.errors import ConfigError
from edge.inspection.recipes import read_recipe, recipe_file

ALL = """
bundle = "../bundles/screw"
ignore = "hole.png"
thresholds = {ok_below = 0.2, ng_from = 0.9}
review = "ng"
voting = {frames = 3, ng = 2}
golden = {ok = ["good.png"], ng = ["bad.png"]}
presence = {empty = "good.png", least = 0.1}
trigger = {delay_counts = 400, window_ms = 20}
quality = {brightness = 100, focus = 0.2}
[[regions]]
name = "head"
left = 0.1
top = 0.2
width = 0.3
height = 0.4
[[regions]]
name = "tip"
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("good", "bad"):
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), rng.integers(0, 255, (8, 8), np.uint8))
    assert cv2.imwrite(str(tmp_path / "hole.png"), np.diag([255, 130, 120]).astype(np.uint8))
    assert cv2.imwrite(str(tmp_path / "black.png"), np.zeros((3, 3), np.uint8))
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:-20])
    return tmp_path


def read(folder, text: str | bytes):
    path = folder / "screw-m4.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_recipe(path)


def test_a_recipe_has_all_that_its_file_names(folder) -> None:
    found = read(folder, ALL)
    settings = found.settings
    assert (found.name, settings.bundle) == ("screw-m4", str(folder / "../bundles/screw"))
    assert settings.thresholds == Thresholds(0.2, 0.9)
    assert (settings.review, settings.voting) == ("ng", Voting(3, 2))
    assert [(each.name, each.left, each.height) for each in settings.regions] == [("head", 0.1, 0.4), ("tip", 0.0, 1.0)]
    assert np.array_equal(found.ignore, np.diag([255, 255, 0]))
    assert (settings.trigger, settings.quality) == (WayToCamera(0, 400, 20), QualityReference(100, 0.2))
    assert (settings.presence, found.empty.shape) == (Presence(str(folder / "good.png"), 0.1), (8, 8))
    assert found.golden == tuple(
        KnownPart(str(folder / f"{name}.png"), label, (folder / f"{name}.png").read_bytes())
        for name, label in (("good", "ok"), ("bad", "ng"))
    )


def test_an_empty_file_is_a_recipe_that_changes_nothing(folder) -> None:
    found = read(folder, "")
    assert (found.settings.bundle, found.ignore, found.golden, found.settings.regions) == (None, None, (), ())
    assert found.settings.voting.frames == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "surprise = 1",
            "surprise: no such key; allowed here: bundle, regions, ignore, thresholds, review, hold_s, voting, ",
        ),
        ("bundle = ''", "bundle = '': expected `str` matching"),
        ("review = 'ask'", "review = 'ask': must be one of operator, ng"),
        ("[[regions]]\nwidth = 0.5", "regions[0].name: is missing"),
        ("[[regions]]\nname = 'a'\n[[regions]]\nname = 'b'\nwidth = 2", "regions[1].width = 2: expected `float` <= 1"),
        ("[[regions]]\nname = 'a'\nheigth = 1", "regions[0].heigth: no such key; allowed here: left, top, width, "),
        ("[[regions]]\nname = 'a'\nleft = 0.7\nwidth = 0.5", "regions[0]: region 0.7,0.0,0.5,1.0 does not lie within"),
        ("[[regions]]\nname = 'a b'", "regions[0].name = 'a b': expected `str` matching"),
        ("[[regions]]\nname = 'a'\n[[regions]]\nname = 'a'", "regions: each has a name of its own, but 'a' is there"),
        ("thresholds = {ok_below = 0.9, ng_from = 0.2}", "thresholds: ok_below (0.9) must not lie above ng_from (0.2)"),
        ("thresholds = {ok_below = nan, ng_from = 1}", "thresholds.ok_below = nan: expected `float` >="),
        ("thresholds = {ok_below = 0.1}", "thresholds.ng_from: is missing"),
        ("voting = {frames = 2, ng = 3}", "voting: ng = 3 of frames = 2: no part could ever be NG"),
        ("voting = {frames = 33}", "voting.frames = 33: expected `int` <= 32"),
        ("ignore = 'absent.png'", "absent.png': cannot be read: No such file"),
        ("ignore = 'cut.png'", "ignore: {folder}/cut.png: the file is cut short"),
        ("ignore = 'black.png'", "black.png': has no white in it, so nothing is ignored"),
        ("golden = {ok = ['good.png', 'cut.png']}", "golden.ok[1]: {folder}/cut.png: the file is cut short"),
        ("golden = {ng = ['absent.png']}", "golden.ng[0] = '{folder}/absent.png': cannot be read"),
        ("golden = {bad = []}", "golden.bad: no such key; allowed here: ok, ng"),
        ("trigger = {delay_ms = 3, delay_counts = 4}", "trigger: delay_ms = 3 and delay_counts = 4: give one of the"),
        ("trigger = {delay_counts = -1}", "trigger.delay_counts = -1: expected `int` >= 0"),
        ("trigger = {kind = 'free'}", "trigger.kind: no such key; allowed here: delay_ms, delay_counts, window_ms"),
        ("quality = {brightness = 0, focus = 1}", "quality.brightness = 0: expected `float` > 0.0"),
        ("presence = {least = 0.1}", "presence.empty: is missing"),
        ("presence = {empty = 'good.png', least = 0}", "presence.least = 0: expected `float` > 0.0"),
        ("presence = {empty = 'cut.png'}", "presence.empty: {folder}/cut.png: the file is cut short"),
        ("a =", "not TOML: "),
        (b"\xff", "not TOML: "),
    ],
)
def test_what_is_wrong_is_named_with_file_key_and_value(folder, text, said) -> None:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    message = str(caught.value)
    assert message.startswith(f"{folder}/screw-m4.toml: ")
    assert said.format(folder=folder) in message
    assert "\n" not in message


def test_a_recipe_that_is_not_there_is_said_with_those_that_are(folder) -> None:
    (folder / "a.toml").touch()
    (folder / "b.toml").touch()
    assert recipe_file(folder, "a") == folder / "a.toml"
    with pytest.raises(ConfigError, match=f"^{folder}/screw.toml: no such recipe; there are: a, b$"):
        recipe_file(folder, "screw")
    with pytest.raises(ConfigError, match="no such recipe; there are: none"):
        recipe_file(folder / "nothing", "screw")


def test_a_name_that_no_message_could_carry_is_refused(folder) -> None:
    with pytest.raises(ConfigError, match="a recipe is named by letters"):
        read_recipe(folder / "a b.toml")
