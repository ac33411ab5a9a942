"""Protection: what retention must never remove, whatever its verdict. Also while okng writes the journal."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from edge.errors import JournalError, UsageError
from edge.journal.failures import journal_errors
from edge.journal.rows import parse_id
from edge.journal.schema import FILE, SCHEMA, check_schema, transaction

PATIENCE_S = 10.0
"""How long to wait while okng writes."""


def protect(folder: Path, inspections: Sequence[str], *, on: bool = True) -> None:
    """Protects all these inspections, by id, or ends their protection; on the disk when it returns.

    Raises UsageError, and changes nothing, when one of them is not in the journal; JournalError when it cannot be
    written or is of an older okng.
    """
    path = folder / FILE
    if not path.is_file():
        raise JournalError(f"{folder}: no journal here; has okng run on this folder?")
    with journal_errors(path), closing(sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None)) as connection:
        if check_schema(connection, path) < SCHEMA:
            raise JournalError(f"{path}: of an older okng; run okng on it once, that brings it up to date")
        connection.execute("PRAGMA synchronous = FULL")
        with transaction(connection):
            mark(connection, inspections, time.time_ns() if on else None)


def mark(connection: sqlite3.Connection, inspections: Sequence[str], protected_ns: int | None) -> None:
    """As `protect`, inside a transaction of the caller's."""
    for name in inspections:
        key = parse_id(name)
        query = "UPDATE inspections SET protected_ns = ? WHERE boot_id = ? AND sequence = ?"
        if key is None or not connection.execute(query, (protected_ns, *key)).rowcount:
            raise UsageError(f"no inspection {name!r} in the journal")
