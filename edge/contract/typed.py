"""Text into typed values, from any thread.

msgspec (0.22) learns a struct when it first reads one, and two threads that have it learn the same struct at once crash
the process. So all of okng reads typed values through here, where a kind is learned once, behind a lock.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")

_learning = threading.Lock()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


@overload
def decode_json(data: bytes | str | msgspec.Raw, kind: type[T]) -> T: ...
@overload
def decode_json(data: bytes | str | msgspec.Raw, kind: Any) -> Any: ...
def decode_json(data: bytes | str | msgspec.Raw, kind: Any) -> Any:
    """JSON as a `kind`. Raises as msgspec.json.decode does: DecodeError, its ValidationError, UnicodeDecodeError."""
    return _decoder(kind).decode(data)


def decode_toml(data: bytes | str, kind: type[T]) -> T:
    """TOML as a `kind`. Raises as msgspec.toml.decode does: DecodeError, its ValidationError, UnicodeDecodeError."""
    _decoder(kind)
    return msgspec.toml.decode(data, type=kind)


def convert(value: Any, kind: type[T], *, from_attributes: bool = False) -> T:
    """Plain values, or with `from_attributes` an object's, as a `kind`. Raises msgspec.ValidationError."""
    _decoder(kind)
    return msgspec.convert(value, kind, from_attributes=from_attributes)


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """Whoever has one has a kind that is wholly learned, and all that it holds."""
    found = _decoders.get(kind)
    if found is None:
        with _learning:
            found = _decoders.setdefault(kind, msgspec.json.Decoder(kind))
    return found
