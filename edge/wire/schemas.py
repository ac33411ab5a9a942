"""JSON Schemas of all that is on the wire, from the types that read and write it: `python -m edge.wire.schemas`.

Writes schemas.json beside this file; a test holds it to the code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from edge.wire.answers import ANSWERS
from edge.wire.messages import HEADERS
from edge.wire.requests import Envelope, Reply

FILE = Path(__file__).with_name("schemas.json")


def schemas() -> dict[str, Any]:
    """One document: each type under its name in `$defs`, and under the wire's own names what of them stands there."""
    roots: dict[str, Any] = {topic.value: header for topic, header in HEADERS.items()}
    roots |= {"request": Envelope, "reply": Reply}
    roots |= {f"{name}.result": answer for name, answer in ANSWERS.items()}
    found, types = msgspec.json.schema_components(roots.values(), ref_template="#/$defs/{name}")
    named = dict(zip(roots, found, strict=True))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The okng wire protocol, schema 1",
        "$defs": _portable(named | types),
    }


def text() -> str:
    """The file, as it should be."""
    return json.dumps(schemas(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _portable(node: Any) -> Any:
    """Regular expressions as JSON Schema has them (ECMA 262): there `$` is the end, and Python's `\\Z` is nothing."""
    if isinstance(node, dict):
        return {
            key: value.replace(r"\Z", "$") if key == "pattern" and isinstance(value, str) else _portable(value)
            for key, value in node.items()
        }
    return [_portable(each) for each in node] if isinstance(node, list) else node


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
