"""The one list of networks, with what each takes and how each is best trained. Importing it imports no Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from edge.errors import UsageError
from trainer.networks.tuning import Tuning

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True)
class Recommended:
    """How a network is best trained, where that is not what a plan says by default.

    `size` is the side of the input in pixels. `plan` holds fields of a `Plan` as a file would say them; those of
    `fine_tuning` take their place where all that learns has learned before. `tuning` is the way to go on from weights
    that have.
    """

    size: int = 224
    plan: Mapping[str, Any] = field(default_factory=dict)
    fine_tuning: Mapping[str, Any] = field(default_factory=dict)
    tuning: Tuning = Tuning()

    def changes(self, *, fine_tuning: bool = False) -> dict[str, Any]:
        """Fields of a `Plan`, in plain values, that this network wants otherwise."""
        return {**self.plan, **(self.fine_tuning if fine_tuning else {})}


@dataclass(frozen=True, slots=True)
class Entry:
    """One network: the function that builds it (a module of this package, and its name), and what it may be told.

    `options` maps each option to the values it takes, the first being the default. `backbone` tells that it stands on
    a network for images of the world, whose weights may be had.
    """

    module: str
    function: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    recommended: Recommended = Recommended()
    backbone: bool = False

    def builder(self) -> Callable[..., keras.Model]:
        """The function; now Keras is imported."""
        return getattr(import_module(f"trainer.networks.{self.module}"), self.function)


def _house(size: str) -> Entry:
    return Entry("house", "house", {"size": size}, recommended=_HOUSE)


def _backbone(name: str, recommended: Recommended | None = None, **options: tuple[Any, ...]) -> Entry:
    options = {"stride": (8, 16), **options}
    settings = recommended or Recommended(fine_tuning={"learning_rate": 1e-4})
    return Entry("backbones", "backbone_network", {"name": name}, options, settings, backbone=True)


_LITE = Recommended(tuning=Tuning("fine-tune", "block4a_expand_conv"), fine_tuning={"learning_rate": 1.5e-4})
"""Slowly, so that seeds agree (docs/decisions/0042)."""
_FAULTS = {
    "flip_horizontal": True, "flip_vertical": True, "rotation_deg": 8.0, "shift": 0.04, "zoom": 0.08, "contrast": 0.15,
    "brightness": 10.0, "copy_paste": 0.1, "synthetic": 0.3,
}  # fmt: skip
"""Gentle, with faults put in: stronger changes of tone cost a house network more than they gave (docs/decisions/)."""
_HOUSE = Recommended(
    plan={"steps": 2000, "learning_rate": 1.5e-3, "weight_decay": 1e-3, "places_weight": 1.0, "recipe": _FAULTS}
)
_PLAIN = Recommended(plan={**_HOUSE.plan, "optimiser": "rmsprop", "batch": 32, "learning_rate": 1e-3})
_GAP = Recommended(plan={**_HOUSE.plan, "pooling": {"kind": "average"}})
_REGRESSION = Recommended(
    325,
    {**_PLAIN.plan, "loss": "mae", "pooling": {"kind": "average"}, "batch": 8},
)

ENTRIES: Mapping[str, Entry] = {
    "house-s": _house("s"),
    "house-m": _house("m"),
    "house-l": _house("l"),
    "gap": Entry("plain", "gap", recommended=_GAP),
    "plain": Entry("plain", "plain", {"dropout": 0.0}, recommended=_PLAIN),
    "plain-dropout": Entry("plain", "plain", {"dropout": 0.5}, recommended=_PLAIN),
    "plain-regression": Entry("plain", "plain_regression", recommended=_REGRESSION),
    "mobilenetv2": _backbone("mobilenetv2", alpha=(1.0, 0.35, 0.5, 0.75, 1.3, 1.4)),
    "efficientnet-lite0": _backbone("efficientnet-lite0", _LITE, stride=(16, 8)),
    "efficientnetb0": _backbone("efficientnetb0"),
    "resnet50": _backbone("resnet50"),
    "vgg16": _backbone("vgg16"),
    "inceptionv3": _backbone("inceptionv3"),
}

NAMES = tuple(ENTRIES)


def build(name: str, shape: tuple[int, int, int], classes: int = 1, **options: Any) -> keras.Model:
    """The network `name` with weights drawn at random.

    From a centred input of `shape` (height, width, 1 or 3 channels, these in the order BGR) to a map of logits
    (rows, columns, classes), whose last layer is the 1x1 convolution "cam". Raises UsageError for a name or an option
    there is not, and for a shape that the network cannot take.
    """
    entry, chosen = entry_of(name), checked_options(name, options)
    if len(shape) != 3 or shape[2] not in (1, 3) or min(shape) < 1 or classes < 1:
        raise UsageError(f"{name}: takes (height, width, 1 or 3) and one class or more, not {shape} and {classes}")
    return entry.builder()(shape=shape, classes=classes, **entry.fixed, **chosen)


def recommended(name: str) -> Recommended:
    """How `name` is best trained. Raises UsageError."""
    return entry_of(name).recommended


def entry_of(name: str) -> Entry:
    """Raises UsageError when there is no such network."""
    if name not in ENTRIES:
        near = get_close_matches(name, NAMES, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"--network {name}: there is none of this name; {hint}known are {', '.join(NAMES)}")
    return ENTRIES[name]


def checked_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of `name` with a value it may take; text becomes the number it says. Raises UsageError."""
    allowed = entry_of(name).options
    for key in options:
        if key not in allowed:
            known = ", ".join(allowed) or "none"
            raise UsageError(f"--network {name}: takes no option {key!r}; its options are {known}")
    return {key: _one_of(name, key, values, options.get(key, values[0])) for key, values in allowed.items()}


def _one_of(name: str, key: str, values: tuple[Any, ...], given: Any) -> Any:
    try:
        return values[values.index(type(values[0])(given))]
    except ValueError:
        choices = ", ".join(map(str, sorted(values)))
        raise UsageError(f"--network {name}: {key} is {given}, but may be {choices}") from None
