"""The real picamera2, on a double of libcamera."""

import fcntl
import importlib
import os
import selectors
import sys
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

import pytest

pytest.register_assert_rewrite("tests.edge.camera.contract")

# What picamera2 imports at its top for encoders, previews and files, none of which a capture touches.
UNTOUCHED = [
    "Imath",
    "OpenEXR",
    "PIL",
    "PIL.Image",
    "av",
    "jsonschema",
    "libarchive",
    "libarchive.read",
    "piexif",
    "pidng",
    "pidng.camdefs",
    "pidng.core",
    "prctl",
    "pykms",
    "simplejpeg",
    "tqdm",
    "videodev2",
]


class _Untouched(ModuleType):
    __path__ = ()
    __all__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock(name=f"{self.__name__}.{name}")


class _MemoryHeap:
    """The DMA heap of a machine that has none: memory file descriptors, which map and close just as well."""

    def alloc(self, name, size):
        fd = os.memfd_create(name)
        os.ftruncate(fd, size)
        return SimpleNamespace(get=lambda: fd, isValid=lambda: True)

    def close(self):
        pass


@pytest.fixture(scope="session")
def _picamera2_on_a_double():
    with pytest.MonkeyPatch.context() as patch:
        double = importlib.import_module("tests.doubles.libcamera")
        patch.setitem(sys.modules, "libcamera", double)
        with pytest.MonkeyPatch.context() as while_it_is_imported:
            for name in UNTOUCHED:
                while_it_is_imported.setitem(sys.modules, name, _Untouched(name))
            importlib.import_module("picamera2")
        allocator = sys.modules["picamera2.allocators.dmaallocator"]
        patch.setattr(allocator, "DmaHeap", _MemoryHeap)
        patch.setattr(allocator, "fcntl", SimpleNamespace(**vars(fcntl) | {"ioctl": lambda *_: 0}))
        yield double
        for name in [name for name in sys.modules if name.split(".")[0] in ("picamera2", "libcamera")]:
            del sys.modules[name]


class _ImpatientSelector(selectors.DefaultSelector):
    """picamera2's two threads look for the end of their work every 0.2 s; here they look more often."""

    def select(self, timeout=None):
        return super().select(0.01)


@pytest.fixture
def libcamera(_picamera2_on_a_double, monkeypatch):
    """The double; its `sensor` is what a test breaks."""
    monkeypatch.setattr(selectors, "DefaultSelector", _ImpatientSelector)
    _picamera2_on_a_double.reset()
    return _picamera2_on_a_double
