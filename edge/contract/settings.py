"""TOML files that people write, read typed and bounded; an unknown key is an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from edge.contract.typed import decode_toml
from edge.errors import ConfigError

T = TypeVar("T")

PathText = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]+\Z")]
"""A path: not empty, no zero byte."""
NAME = r"^[A-Za-z0-9_-]{1,40}\Z"
RecipeName = Annotated[str, msgspec.Meta(pattern=NAME)]
"""Of a recipe: that of its file without `.toml`; and of each region in it."""


def read_settings(path: Path, kind: type[T]) -> T:
    """The file at `path` as a `kind`. Raises ConfigError naming file, key, value and what is allowed."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return decode_toml(data, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error, data, kind)}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, a number of 5000 digits, nested too deep
        raise ConfigError(f"{path}: not TOML: {error}") from None


def _explain(error: msgspec.ValidationError, data: bytes, kind: Any) -> str:
    """msgspec's message, turned round: key first, then its value, then what is allowed."""
    message = str(error)
    match = re.fullmatch(r"(?s)(.*?)(?: - at (`key` in )?`\$\.?(.*)`)?", message)
    assert match is not None
    text, key = match[1], match[3] or ""
    if match[2]:
        return f"{key}: has a wrong key: {text[:1].lower()}{text[1:]}"
    if unknown := re.search(r"unknown field `(.*?)`", text):
        allowed = ", ".join(_field_type(kind, key).__struct_fields__)
        full = f"{key}.{unknown[1]}" if key else unknown[1]
        return f"{full}: no such key; allowed here: {allowed}"
    if missing := re.search(r"missing required field `(.*?)`", text):
        full = f"{key}.{missing[1]}" if key else missing[1]
        return f"{full}: is missing"
    value = _value_at(data, key)
    shown = f" = {value!r}" if value is not None else ""
    if text.startswith("Invalid enum value"):
        text = f"must be one of {', '.join(get_args(_field_type(kind, key)))}"
    return f"{key or 'file'}{shown}: {text[:1].lower()}{text[1:]}"


def _steps(key: str) -> list[str]:
    """`regions[1].width` as regions, 1, width."""
    return [step for step in re.split(r"[.\[\]]+", key) if step]


def _field_type(kind: Any, key: str) -> Any:
    """The type that a dotted key has; of a table that may be left out, the table's, and of an array's entry, its."""
    found = kind
    for step in _steps(key):
        if step.isdecimal():
            found = found if hasattr(found, "__struct_fields__") else get_args(found)[0]
            continue
        found = next(field.type for field in msgspec.structs.fields(found) if field.name == step)
        if get_origin(found) is Annotated:
            found = get_args(found)[0]
        found = next((each for each in get_args(found) if hasattr(each, "__struct_fields__")), found)
    return found


def _value_at(data: bytes, key: str) -> object:
    value: Any = decode_toml(data, dict[str, Any])
    for step in _steps(key):
        if isinstance(value, list):
            value = value[int(step)]
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value if not isinstance(value, dict) else None
