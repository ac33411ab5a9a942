"""Recipes by name and from a file; what is wrong in a file is said in one line."""

import json

import msgspec
import pytest

from edge.errors import UsageError
from trainer.augment import GENTLE, NONE, RECIPES, STANDARD, Recipe, read_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_a_named_recipe_is_within_its_own_bounds(name):
    recipe = read_recipe(name)
    assert recipe is RECIPES[name]
    assert msgspec.convert(msgspec.to_builtins(recipe), Recipe) == recipe


def test_none_is_nothing_and_gentle_has_no_defects():
    assert not any(msgspec.structs.astuple(NONE))
    assert (GENTLE.copy_paste, GENTLE.synthetic) == (0, 0)


def test_a_file_has_the_same_keys_and_what_it_leaves_out_is_off(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("flip_horizontal = true\nrotation_deg = 5\njpeg = 70\n")
    assert read_recipe(str(path)) == Recipe(flip_horizontal=True, rotation_deg=5.0, jpeg=70)
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in msgspec.structs.asdict(STANDARD).items())
    path.write_text("".join(lines))
    assert read_recipe(str(path)) == STANDARD


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rotaton_deg = 5", "rotaton_deg: no such key; allowed here: rotation_deg"),
        ("xyz = 5", "xyz: no such key; allowed here: flip_horizontal, "),
        ("shift = 0.8", "shift: expected `float` <= 0.5"),
        ("noise = -1", "noise: expected `float` >= 0.0"),
        ("blur = nan", "blur"),
        ("jpeg = 70.5", "jpeg: expected `int`, got `float`"),
        ("flip_vertical = 1", "flip_vertical: expected `bool`, got `int`"),
        ("shift = [", "not TOML"),
        ("[shift]\nx = 1", "shift: expected `float`, got `object`"),
    ],
)
def test_a_wrong_file_is_refused_by_file_and_key(tmp_path, text, said):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_recipe(str(path))
    assert str(error.value).startswith(f"{path}: {said}")
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not TOML"):
        read_recipe(str(path))


def test_neither_a_name_nor_a_file(tmp_path):
    with pytest.raises(UsageError, match=r"mild: neither a recipe \(none, gentle, standard, strong\) nor a file"):
        read_recipe("mild")
    with pytest.raises(UsageError, match="neither a recipe"):
        read_recipe(str(tmp_path))
