"""A plan from a file: what it names and no more, and what is wrong in it said so that it can be mended."""

from pathlib import Path

import pytest

from edge.errors import UsageError
from trainer.augment import STRONG
from trainer.plan import Plan, read_settings


def write(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text)
    return path


def test_only_what_the_file_names_is_set(tmp_path):
    settings = read_settings(write(tmp_path, 'steps = 7\nfocal = 2\nrecipe = "strong"\n[pooling]\nkind = "max"\n'))
    assert set(settings) == {"steps", "focal", "recipe", "pooling"}
    plan = Plan(**settings)
    assert (plan.steps, plan.focal, plan.recipe, plan.pooling.kind) == (7, 2.0, STRONG, "max")


def test_a_recipe_may_be_a_table(tmp_path):
    recipe = read_settings(write(tmp_path, "[recipe]\nblur = 1.5\n"))["recipe"]
    assert (recipe.blur, recipe.noise, recipe.flip_vertical) == (1.5, 0.0, False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("stepps = 7", "stepps: no such key; allowed here: steps"),
        ("steps = 0", "steps"),
        ('recipe = "mild"', "neither a recipe"),
        ("[recipe]\nblurr = 1", "blurr"),
        ("steps =", "not TOML"),
        ('loss = "hinge"', "loss: invalid enum value 'hinge'; allowed are crossentropy, mae"),
        (
            'precision = "half"',
            "precision: invalid enum value 'half'; allowed are float32, mixed_bfloat16, mixed_float16",
        ),
        ('[pooling]\nkind = "most"', "pooling.kind: invalid enum value 'most'; allowed are topk"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, complaint):
    with pytest.raises(UsageError, match=complaint):
        read_settings(write(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_settings(tmp_path / "absent.toml")
