"""How a network was made, as rows of a table: nested values become `outer: inner`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LONGEST = 200
"""Letters of a value; what is longer is for the card, not for a table."""


def fact_rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, value) for people; lists are left out, as they belong into metrics.json."""
    return [(name, text) for name, value in _flat(facts) if len(text := _text(value)) <= LONGEST]


def _flat(facts: Mapping[str, Any], outer: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in facts.items():
        name = f"{outer}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            if value and not any(isinstance(inner, Mapping | list | tuple) for inner in value.values()):
                yield name, ", ".join(f"{inner.replace('_', ' ')} {_text(each)}" for inner, each in value.items())
            else:
                yield from _flat(value, f"{name}: ")
        elif not isinstance(value, list | tuple):
            yield name, value


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
