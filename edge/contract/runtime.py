"""How a station runs its model: on so many threads of the CPU, or on a delegate."""

from __future__ import annotations

import msgspec

EDGE_TPU = "libedgetpu.so.1"
"""What Coral's packages install (coral.ai/docs/edgetpu/inference)."""


class Delegate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shared library that computes a model, or a part of it, instead of the CPU.

    `library` is a path, or a name that the system's loader finds. It has the two functions of TFLite's external
    delegates, `tflite_plugin_create_delegate` and `tflite_plugin_destroy_delegate`. `options` are its own. `compiled`:
    it takes the model that was compiled for the Edge TPU, where the bundle has it.
    """

    library: str
    options: dict[str, str] = {}
    compiled: bool = False


class Runtime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`threads` of the CPU, and the delegate, None where the CPU does it all."""

    threads: int = 1
    delegate: Delegate | None = None


ON_CPU = Runtime()
