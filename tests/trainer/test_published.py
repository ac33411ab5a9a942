"""Weights that others have published: read without their framework, and without running anything of theirs."""

import io
import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest

from edge.errors import UsageError
from trainer.networks.pretrained import body, put_weights, shipped_weights
from trainer.networks.registry import build
from trainer.pretrain.published import published_weights, read_torch


class _Named:
    """Pickles as a global name, `module.name`, called with these arguments if there are any."""

    def __init__(self, name, *arguments):
        self.name, self.arguments = name, arguments


class _Writer(pickle._Pickler):
    """As `torch.save` before version 1.6 pickles: storages by key, tensors by a call."""

    def persistent_id(self, found):
        return ("storage", *found.arguments) if isinstance(found, _Named) and found.name == "storage" else None

    def save(self, found, save_persistent_id=True):
        if isinstance(found, _Named) and found.name != "storage":
            self.write(b"c" + found.name.replace(" ", "\n").encode() + b"\n")
            if found.arguments:
                super().save(found.arguments)
                self.write(b"R")
            return
        super().save(found, save_persistent_id)


def _pickled(found):
    stream = io.BytesIO()
    _Writer(stream, 2).dump(found)
    return stream.getvalue()


def _file(tensors, storages):
    """`tensors`: name to (key, offset, shape, strides); `storages`: key to array of float32."""
    kind = _Named("torch FloatStorage")
    state = OrderedDict()
    for name, (key, *layout) in tensors.items():
        storage = _Named("storage", kind, key, "cpu", len(storages[key]), None)
        state[name] = _Named("torch._utils _rebuild_tensor_v2", storage, *layout, False, OrderedDict())
    outline = b"".join(map(_pickled, (119547037146038801333356, 1001, {}, state, list(storages))))
    return outline + b"".join(struct.pack("<q", len(values)) + values.tobytes() for values in storages.values())


def test_tensors_come_as_they_were_laid_out():
    numbers = np.arange(12, dtype=np.float32)
    tensors = {"straight": ("7", 0, (3, 4), (4, 1)), "turned": ("7", 1, (2, 3), (1, 4)), "other": ("9", 0, (2,), (1,))}
    found = read_torch(io.BytesIO(_file(tensors, {"7": numbers, "9": -numbers[:2]})))
    assert np.array_equal(found["straight"], numbers.reshape(3, 4))
    assert np.array_equal(found["turned"], [[1, 5, 9], [2, 6, 10]])
    assert np.array_equal(found["other"], [0, -1])


def test_a_tensor_beyond_its_storage_is_refused():
    with pytest.raises(ValueError, match="outside its storage"):
        read_torch(io.BytesIO(_file({"x": ("0", 1, (4,), (1,))}, {"0": np.zeros(4, np.float32)})))


def test_nothing_in_a_file_is_run(tmp_path):
    evil = tmp_path / "evil.pth"
    evil.write_bytes(_pickled(_Named("os system", f"touch {tmp_path / 'ran'}")))
    with pytest.raises(UsageError, match=r"evil.pth: holds no weights of EfficientNet-Lite0: os.system has no place"):
        published_weights(evil, tmp_path / "out.npz")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("harm", [b"", b"PK\x03\x04", b"\x80\x02."])
def test_what_is_no_such_file_is_named(tmp_path, harm):
    (tmp_path / "bad.pth").write_bytes(harm)
    with pytest.raises(UsageError, match=r"bad.pth: holds no weights of EfficientNet-Lite0"):
        published_weights(tmp_path / "bad.pth", tmp_path / "out.npz")


@pytest.mark.parametrize(("stride", "channels"), [(16, 1), (8, 3)])
def test_the_shipped_weights_fit_however_far_the_network_goes(stride, channels):
    model = build("efficientnet-lite0", (64, 64, channels), stride=stride)
    put_weights(model, shipped_weights("efficientnet-lite0"))
    with np.load(shipped_weights("efficientnet-lite0")) as arrays:
        for number, value in enumerate(value for layer in body(model) for value in layer.get_weights()):
            assert np.array_equal(value, arrays[f"w{number:03}"].astype(np.float32))
