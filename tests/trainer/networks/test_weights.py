"""Where a network's first weights come from."""

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from edge.contract.preprocess import centred
from edge.errors import UsageError
from tests.trainer.networks.shared import SMALL, images
from trainer.networks import network as module
from trainer.networks.network import assemble


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_weights_of_an_earlier_network(small, saved, suffix):
    found = assemble("plain-dropout", SMALL, 2, weights=str(saved.with_name(f"model{suffix}"))).model
    inputs = centred(images(2, SMALL))
    np.testing.assert_array_equal(found.predict_on_batch(inputs), small.predict_on_batch(inputs))


def test_weights_go_on_to_another_size_and_number_of_classes(small, saved):
    found = assemble("plain-dropout", (64, 48, 1), 1, weights=str(saved)).model
    pairs = zip(found.layers[:-1], small.layers[:-1], strict=True)
    assert all(
        np.array_equal(a, b) for new, old in pairs for a, b in zip(new.get_weights(), old.get_weights(), strict=True)
    )
    assert found.output_shape == (None, 8, 6, 1)


def spoiled(file: Path, tmp_path: Path) -> Path:
    """The same file with one byte of its weights changed."""
    data = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        data[archive.getinfo("model.weights.h5").header_offset + 5000] ^= 0xFF
    (tmp_path / file.name).write_bytes(data)
    return tmp_path / file.name


def cut_short(file: Path, tmp_path: Path) -> Path:
    (tmp_path / file.name).write_bytes(file.read_bytes()[:5000])
    return tmp_path / file.name


@pytest.mark.parametrize("harm", [spoiled, cut_short])
def test_a_damaged_network(saved, tmp_path, harm):
    file = harm(saved, tmp_path)
    with pytest.raises(UsageError, match="is no network that can be read") as raised:
        assemble("plain-dropout", SMALL, 2, weights=str(file))
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x89HDF\r\n\x1a\n" + bytes(99)])
@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_a_file_that_holds_no_weights(small, tmp_path, monkeypatch, content, suffix):
    monkeypatch.setattr(module, "build", lambda *_args, **_options: keras.models.clone_model(small))
    file = tmp_path / f"weights{suffix}"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="are no weights of plain-dropout") as raised:
        assemble("plain-dropout", SMALL, 2, weights=str(file))
    assert "\n" not in str(raised.value)


def test_weights_of_another_network(saved):
    for file in (saved, saved.with_name("model.weights.h5")):
        with pytest.raises(UsageError, match=r"weights of plain-regression|another network than plain-regression"):
            assemble("plain-regression", SMALL, 2, weights=str(file))


def test_weights_that_leave_a_layer_out(small, saved, tmp_path):
    """Keras leaves what it does not find as it was drawn, and only warns."""
    import h5py

    file = tmp_path / "some.weights.h5"
    file.write_bytes(saved.with_name("model.weights.h5").read_bytes())
    with h5py.File(file, "a") as archive:
        del archive["layers/conv2d/vars"]
    with pytest.raises(UsageError, match="are no weights of plain-dropout"):
        assemble("plain-dropout", SMALL, 2, weights=str(file))


def test_weights_that_are_not_there():
    with pytest.raises(UsageError, match="is neither none, start, imagenet, nor a file"):
        assemble("plain", SMALL, weights="nowhere.keras")


@pytest.mark.parametrize("name", ["plain", "efficientnet-lite0"])
def test_imagenet_weights_that_nobody_has_published(name):
    with pytest.raises(UsageError, match=f"there are none for {name}; there are for mobilenetv2, efficientnetb0"):
        module.start(keras.Model, name, "imagenet")


def test_imagenet_weights_without_a_network(monkeypatch):
    def whole(weights, **_given):
        assert weights == "imagenet"
        raise Exception("URL fetch failure on https://host/w_notop.h5: None -- Name or service not known\nmore")

    monkeypatch.setattr(keras.applications, "VGG16", whole)
    with pytest.raises(UsageError, match=r"https://host/w_notop\.h5.*known; download that file.*--weights FILE$"):
        module.start(keras.Model, "vgg16", "imagenet")
