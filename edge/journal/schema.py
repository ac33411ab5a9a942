"""The journal's tables, how they came to be, and how the file is opened."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import JournalError

FILE = "journal.sqlite3"
APPLICATION_ID = 0x6F6B6E67
"""Says in the file's header that it is an okng journal ("okng")."""

LOG_PAGES = 128
"""Pages of 4 KiB in the write-ahead log after which it is brought into the database."""

_FIRST = (
    """CREATE TABLE boots (
        boot_id    TEXT NOT NULL UNIQUE CHECK (length(boot_id) = 8),
        station    TEXT NOT NULL,
        started_ns INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE inspections (
        number       INTEGER PRIMARY KEY AUTOINCREMENT,
        boot_id      TEXT NOT NULL REFERENCES boots (boot_id),
        sequence     INTEGER NOT NULL CHECK (sequence >= 1),
        part         TEXT NOT NULL,
        frame_name   TEXT NOT NULL,
        frame_index  INTEGER,
        verdict      TEXT NOT NULL,
        score        REAL,
        map          BLOB,
        map_rows     INTEGER,
        map_columns  INTEGER,
        map_classes  INTEGER,
        signal       TEXT NOT NULL,
        reason       TEXT NOT NULL,
        timings_ms   TEXT NOT NULL,
        bundle       TEXT NOT NULL,
        captured_ns  INTEGER,
        triggered_ns INTEGER NOT NULL,
        recorded_ns  INTEGER NOT NULL,
        image_path   TEXT,
        image_sha256 TEXT,
        UNIQUE (boot_id, sequence),
        CHECK (verdict = 'ok' OR signal <> 'accept'),
        CHECK ((image_path IS NULL) = (image_sha256 IS NULL))
    ) STRICT""",
    """CREATE TABLE decisions (
        number     INTEGER PRIMARY KEY AUTOINCREMENT,
        request_id TEXT NOT NULL UNIQUE,
        boot_id    TEXT NOT NULL,
        sequence   INTEGER NOT NULL,
        decision   TEXT NOT NULL,
        operator   TEXT NOT NULL,
        reason     TEXT NOT NULL,
        decided_ns INTEGER NOT NULL,
        FOREIGN KEY (boot_id, sequence) REFERENCES inspections (boot_id, sequence)
    ) STRICT""",
    "CREATE INDEX decisions_by_inspection ON decisions (boot_id, sequence)",
)

_RETENTION = (
    "ALTER TABLE inspections ADD COLUMN recipe TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE inspections ADD COLUMN image_bytes INTEGER",
    "ALTER TABLE inspections ADD COLUMN image_removed_ns INTEGER",
    "ALTER TABLE inspections ADD COLUMN protected_ns INTEGER",
    "CREATE INDEX images_kept ON inspections (number, image_bytes) "
    "WHERE image_path IS NOT NULL AND image_removed_ns IS NULL",
    """CREATE TABLE recipes (
        digest   TEXT NOT NULL PRIMARY KEY,
        settings TEXT NOT NULL,
        first_ns INTEGER NOT NULL
    ) STRICT""",
    "CREATE TABLE removals (path TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID",
    """CREATE TABLE control (
        bundle     TEXT NOT NULL PRIMARY KEY,
        memory     TEXT NOT NULL,
        number     INTEGER NOT NULL,
        updated_ns INTEGER NOT NULL
    ) STRICT""",
)
"""Recipes, protection, what may go, and process control.

`removals` are files that have lost their row and are still to be unlinked; `control` is what process control remembers
of a bundle, up to the inspection `number`.
"""

_KIND = ("ALTER TABLE inspections ADD COLUMN kind TEXT",)

_FOURTH = (
    "ALTER TABLE inspections ADD COLUMN recipe_name TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE inspections ADD COLUMN region TEXT",
    "ALTER TABLE inspections ADD COLUMN looks TEXT",
    "ALTER TABLE inspections ADD COLUMN golden TEXT",
    "ALTER TABLE inspections ADD COLUMN reading TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE readings (digest TEXT NOT NULL PRIMARY KEY, reading TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE events (
        number      INTEGER PRIMARY KEY AUTOINCREMENT,
        boot_id     TEXT NOT NULL REFERENCES boots (boot_id),
        kind        TEXT NOT NULL,
        content     TEXT NOT NULL,
        happened_ns INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE disagreements (
        boot_id  TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        shadow   TEXT NOT NULL,
        verdict  TEXT NOT NULL,
        score    REAL,
        kind     TEXT,
        PRIMARY KEY (boot_id, sequence, shadow),
        FOREIGN KEY (boot_id, sequence) REFERENCES inspections (boot_id, sequence) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE shadow_counts (
        bundle      TEXT NOT NULL,
        shadow      TEXT NOT NULL,
        verdict     TEXT NOT NULL,
        said        TEXT NOT NULL,
        inspections INTEGER NOT NULL,
        PRIMARY KEY (bundle, shadow, verdict, said)
    ) STRICT, WITHOUT ROWID""",
)
"""What was inspected by which recipe, how to read its map and score so that it can be published again as it was, what
happens beside inspections, and what a shadow bundle said of the same frames.

`region`, `looks`, `content`, and `reading` in `readings`, are JSON. `said` in `shadow_counts` is the shadow's verdict,
or 'dropped' where it had no time; `disagreements` go with their inspections, the counts stay.
"""

_FIFTH = (
    "ALTER TABLE decisions ADD COLUMN code TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE decisions ADD COLUMN signal TEXT",
    """CREATE TABLE withdrawals (
        decision     INTEGER NOT NULL PRIMARY KEY REFERENCES decisions (number) ON DELETE CASCADE,
        request_id   TEXT NOT NULL UNIQUE,
        operator     TEXT NOT NULL,
        withdrawn_ns INTEGER NOT NULL
    ) STRICT""",
    "CREATE VIEW standing AS SELECT * FROM decisions WHERE number NOT IN (SELECT decision FROM withdrawals)",
    "CREATE INDEX reviews ON inspections (number) WHERE verdict = 'review'",
    "CREATE INDEX inspections_by_time ON inspections (triggered_ns)",
)
"""Why an operator decided, what of that reached the line, and which decisions were taken back; none is ever changed.

Of the decisions in `standing` the latest on an inspection counts. By the index a span of time is found.
"""

_SIXTH = (
    """CREATE TABLE frames (
        boot_id     TEXT NOT NULL,
        sequence    INTEGER NOT NULL,
        position    INTEGER NOT NULL CHECK (position >= 0),
        captured_ns INTEGER NOT NULL,
        path        TEXT NOT NULL,
        sha256      TEXT NOT NULL,
        PRIMARY KEY (boot_id, sequence, position),
        FOREIGN KEY (boot_id, sequence) REFERENCES inspections (boot_id, sequence) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE untaken (
        number         INTEGER PRIMARY KEY AUTOINCREMENT,
        boot_id        TEXT NOT NULL REFERENCES boots (boot_id),
        after_sequence INTEGER NOT NULL,
        why            TEXT NOT NULL,
        part           TEXT NOT NULL,
        triggered_ns   INTEGER NOT NULL,
        recorded_ns    INTEGER NOT NULL,
        newest         INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE points (
        number      INTEGER PRIMARY KEY AUTOINCREMENT,
        boot_id     TEXT NOT NULL REFERENCES boots (boot_id),
        bundle      TEXT NOT NULL,
        recipe      TEXT NOT NULL,
        point       TEXT NOT NULL,
        recorded_ns INTEGER NOT NULL,
        newest      INTEGER NOT NULL
    ) STRICT""",
    "ALTER TABLE events ADD COLUMN newest INTEGER",
)
"""What a replay needs to vote again and to account for every trigger, and process control over time.

`frames` are those of a part that are not the decisive one, in whose row `image_bytes` counts them too; `position`
counts all of the part's from 0. `untaken` are triggers that got no inspection, `after_sequence` the last one before it
that did. A `point` is JSON. `newest` is the number of the newest inspection when the row was written: it goes with it.
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _RETENTION, _KIND, _FOURTH, _FIFTH, _SIXTH)
"""Statements that lead from schema n to n + 1; a published one is never changed."""
SCHEMA = len(MIGRATIONS)


def open_writer(path: Path) -> sqlite3.Connection:
    """The file at `path`, made if absent, for its owner alone, at the newest schema; each commit waits for the disk.

    Raises JournalError for a newer schema or a file of another program; sqlite3.Error and OSError otherwise.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        check_schema(connection, path)
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise JournalError(f"{path}: this file system cannot hold a write-ahead log ({mode}); use a local disk")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """The file at `path`, to read from only, also while okng writes it.

    Raises JournalError when there is none or it is not of this schema; sqlite3.Error otherwise.
    """
    if not path.is_file():
        raise JournalError(f"{path.parent}: no journal here; has okng run on this folder?")
    location = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(location, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        if check_schema(connection, path) < SCHEMA:
            raise JournalError(f"{path}: of an older okng; run okng on it once, that brings it up to date")
    except BaseException:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written inside, on the disk when it ends well; none of it when it does not."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check_schema(connection: sqlite3.Connection, path: Path) -> int:
    """The file's schema, 0 for a new file. Raises JournalError when it is newer than this okng or not a journal."""
    schema = int(connection.execute("PRAGMA user_version").fetchone()[0])
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if mark != APPLICATION_ID and (mark or schema or tables):
        raise JournalError(f"{path}: a database of another program; name another folder")
    if schema > SCHEMA:
        raise JournalError(f"{path}: journal schema {schema}, this okng knows up to {SCHEMA}; update okng")
    return schema


def _migrate(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        schema = connection.execute("PRAGMA user_version").fetchone()[0]
        for statements in MIGRATIONS[schema:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
