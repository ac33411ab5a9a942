"""Networks built once for all tests of networks, for Keras takes its time."""

from collections.abc import Callable
from pathlib import Path

import keras
import pytest

from tests.trainer.networks.shared import SMALL, shake
from trainer.networks import build
from trainer.networks.backbones import bare_backbone


@pytest.fixture(scope="session")
def small() -> keras.Model:
    """A network of each kind of layer that tuning and weights meet: built once, since Keras takes its time."""
    model = build("plain-dropout", SMALL, 2)
    shake(model)
    return model


@pytest.fixture(scope="session")
def saved(small, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "model.keras"
    small.save(file)
    small.save_weights(file.with_name("model.weights.h5"))
    return file


@pytest.fixture(scope="session")
def backbone_file(tmp_path_factory) -> Callable[[str], Path]:
    """Weights of a backbone in a file, as `keras.applications` publishes them: drawn at random here."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            bare = bare_backbone(name, None)
            shake(bare)
            made[name] = tmp_path_factory.mktemp("backbone") / f"{name}.weights.h5"
            bare.save_weights(made[name])
        return made[name]

    return make
