"""The real picamera2, on a double of libcamera."""

import fcntl
import importlib
import os
import sys
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

import pytest

pytest.register_assert_rewrite("tests.edge.camera.contract")

# What picamera2 imports at its top for encoders, previews and files, none of which a capture touches.
UNTOUCHED = (
    "Imath OpenEXR PIL PIL.Image av jsonschema libarchive libarchive.read piexif pidng pidng.camdefs pidng.core prctl "
    "pykms simplejpeg tqdm videodev2"
).split()


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
    if importlib.util.find_spec("picamera2") is None:
        pytest.skip("needs picamera2's own code: pip install --no-deps picamera2==0.3.38")
    with pytest.MonkeyPatch.context() as patch:
        double = importlib.import_module("tests.doubles.libcamera")
        patch.setitem(sys.modules, "libcamera", double)
        for name in UNTOUCHED:
            patch.setitem(sys.modules, name, _Untouched(name))
        importlib.import_module("picamera2")
        allocator = sys.modules["picamera2.allocators.dmaallocator"]
        patch.setattr(allocator, "DmaHeap", _MemoryHeap)
        patch.setattr(allocator, "fcntl", SimpleNamespace(**vars(fcntl) | {"ioctl": lambda *_: 0}))
        yield double
        for name in [name for name in sys.modules if name.split(".")[0] in ("picamera2", "libcamera")]:
            del sys.modules[name]


@pytest.fixture
def libcamera(_picamera2_on_a_double):
    """The double; its `sensor` is what a test breaks."""
    _picamera2_on_a_double.reset()
    return _picamera2_on_a_double
