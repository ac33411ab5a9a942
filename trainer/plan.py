"""What a training run does, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from edge.contract.cam import Pooling
from edge.contract.typed import convert, decode_toml
from edge.errors import UsageError
from trainer.augment import STANDARD, Recipe, read_recipe
from trainer.augment.recipes import explain_setting

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Weight = Annotated[float, msgspec.Meta(ge=0.0)]


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a network learns: `steps` of `batch` images, validated `validations` times on the way."""

    steps: Annotated[int, msgspec.Meta(ge=1)] = 1000
    batch: Annotated[int, msgspec.Meta(ge=2)] = 16
    ng_share: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)] = 0.5
    """Of each batch: one half whatever the set holds, so that few ng images weigh as much as many ok ones."""
    learning_rate: Annotated[float, msgspec.Meta(gt=0.0)] = 5e-4
    """The highest of the schedule: it warms up over `warmup_share` of the steps, then falls along a cosine."""
    warmup_share: Share = 0.1
    weight_decay: Weight = 1e-2
    ema: Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)] = 0.995
    """Largest decay per step of the running average of the weights, which is what is validated and kept; 0: none is
    taken. Up to 2,000 steps 0.995 is not reached: the average spans the last tenth of the steps (trainer/train.py)."""
    loss: Literal["crossentropy", "mae"] = "crossentropy"
    optimiser: Literal["adamw", "rmsprop"] = "adamw"
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """In which the network computes while it learns; what is kept is float32 (trainer/learner.py)."""
    ng_weight: Annotated[float, msgspec.Meta(gt=0.0)] = 1.0
    """Of an ng image in the loss, against an ok one."""
    focal: Weight = 0.0
    """Exponent of the focal loss (Lin et al. 2017): how much less what is clear already counts."""
    label_smoothing: Annotated[float, msgspec.Meta(ge=0.0, lt=0.5)] = 0.0
    places_weight: Weight = 0.1
    """Of the loss by places against the loss by images, where the place of a fault is known."""
    pooling: Pooling = Pooling()
    recipe: Recipe = STANDARD
    validations: Annotated[int, msgspec.Meta(ge=1)] = 16
    patience: Share = 0.5
    """Share of the steps without a better validation after which it ends early; 1: never."""
    refit: bool = True
    """Once the validation part has chosen thresholds: learn anew from all parts, the validation ones too."""
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 0
    max_seconds: Annotated[float, msgspec.Meta(gt=0.0)] | None = None
    """Finish within this time: on a slow machine the schedule follows the clock."""


def read_settings(path: Path) -> dict[str, Any]:
    """Fields of a `Plan` from a TOML file, those that it names; `recipe` is a table, or the name of a recipe.

    Raises UsageError naming the file and what is wrong in it.
    """
    try:
        return settings_of(decode_toml(path.read_bytes(), dict[str, Any]))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {explain_setting(error, Plan)}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None


def settings_of(plain: dict[str, Any]) -> dict[str, Any]:
    """Fields of a `Plan` from plain values, those that are named; `recipe` is a table, or the name of a recipe.

    Raises msgspec.ValidationError, and UsageError for a recipe there is not.
    """
    if isinstance(name := plain.get("recipe"), str):
        plain = {**plain, "recipe": msgspec.to_builtins(read_recipe(name))}
    plan = convert(plain, Plan)
    return {key: getattr(plan, key) for key in plain}
