"""A journal as a table: CSV without the maps, or Parquet with them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from edge.contract.storage import new_file
from edge.errors import UsageError
from edge.journal.rows import Row

INTEGERS = ("number", "sequence", "captured_ns", "triggered_ns", "recorded_ns", "image_removed_ns", "protected_ns")
COLUMNS = (
    "number", "id", "station", "boot_id", "sequence", "part", "frame_name", "golden", "verdict", "score", "kind",
    "signal", "reason", "decision", "operator", "decision_reason", "decided_ns", "bundle", "recipe", "recipe_name",
    "recorded", "captured_ns", "triggered_ns", "recorded_ns", "timings_ms", "region", "looks", "image_path",
    "image_sha256", "image_removed_ns", "protected_ns",
)  # fmt: skip
"""`recorded` is UTC as text; `timings_ms`, `region` and `looks` JSON; `image_path` relative to the journal's folder."""
GROUP = 1000
"""Rows that are written to Parquet together."""


def to_csv(rows: Iterable[Row], out: Path) -> int:
    """Writes COLUMNS, a line for each row, and gives their number. Raises UsageError when `out` cannot be written."""
    count = 0
    with new_file(out) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for fields in map(_fields, rows):
            writer.writerow([fields[name] for name in COLUMNS])
            count += 1
        text.detach()
    return count


def to_parquet(rows: Iterable[Row], out: Path) -> int:
    """Writes COLUMNS and the maps (`map` int8 row by row, classes innermost; `map_shape`), and gives the rows' number.

    Raises UsageError when pyarrow is not installed, or `out` cannot be written.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise UsageError("Parquet needs pyarrow: pip install pyarrow; or export as CSV, which needs nothing") from None
    kinds = {name: pyarrow.int64() for name in (*INTEGERS, "decided_ns")}
    kinds |= {"score": pyarrow.float64(), "map": pyarrow.binary(), "map_shape": pyarrow.list_(pyarrow.int32())}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in (*COLUMNS, "map", "map_shape")])
    count = 0
    with new_file(out) as file, ParquetWriter(file, schema) as writer:
        for group in _groups(rows):
            writer.write_table(pyarrow.Table.from_pylist([_fields(row) | _map(row) for row in group], schema))
            count += len(group)
    return count


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while group := list(islice(source, GROUP)):
        yield group


def _fields(row: Row) -> dict[str, Any]:
    same = {name: getattr(row, name) for name in COLUMNS if hasattr(row, name)}
    said = row.decision
    return same | {
        "verdict": row.verdict.value,
        "signal": row.signal.value,
        "decision": said.decision.value if said else None,
        "operator": said.operator if said else None,
        "decision_reason": said.reason if said else None,
        "decided_ns": said.decided_ns if said else None,
        "recorded": datetime.fromtimestamp(row.recorded_ns / 1e9, UTC).isoformat(timespec="milliseconds"),
        "timings_ms": msgspec.json.encode(row.timings_ms).decode(),
        "region": msgspec.json.encode(row.region).decode() if row.region else None,
        "looks": msgspec.json.encode(row.looks).decode() if row.looks else None,
    }


def _map(row: Row) -> dict[str, Any]:
    units = row.map_units
    return {
        "map": units.tobytes() if units is not None else None,
        "map_shape": list(units.shape) if units is not None else None,
    }
