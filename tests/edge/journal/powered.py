"""What a power cut interrupts, and what looks at the disk afterwards: `powered.py write|check FOLDER [ACKED]`.

`write` records with images, decides, and lets the oldest go, until it is killed; each line on standard output says
something that is durable: "row ID SHA256", "decided ID". `check` ends with 1 where one of these is not on the disk.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
from pathlib import Path

import numpy as np

from edge.contract.types import Decision, Frame, Inspection, Judgement, Verdict
from edge.journal.journal import Journal
from edge.journal.reader import JournalReader
from edge.journal.retention import Bounds
from edge.journal.rows import Entry

BOUNDS = Bounds(size=3_000_000, inspections=400)


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def write(folder: Path) -> None:
    verdicts = itertools.cycle((Verdict.NG, Verdict.REVIEW, Verdict.NG, Verdict.NG))
    sequence = 0
    with Journal.open(folder, station="cut", bounds=BOUNDS) as journal:
        while True:
            entries = []
            for _ in range(1 + sequence % 5):
                sequence += 1
                judgement = Judgement(next(verdicts), 0.9, np.full((8, 8, 1), sequence % 100, np.int8))
                frame = Frame(np.zeros((1, 1), np.uint8), sequence, sequence, sequence)
                inspection = Inspection(journal.boot_id, sequence, "", frame, judgement, judgement.signal, sequence)
                entries.append(Entry(inspection, "b" * 64, os.urandom(20_000)))
            for recorded in journal.record(entries):
                say(f"row {recorded.id} {recorded.image.sha256}")
            for entry in entries:
                name = entry.inspection.id
                if entry.inspection.sequence % 4 == 2 and not waits(name):
                    journal.decide(name, Decision.ACCEPT, "ann", "", f"r-{name}")
                    say(f"decided {name}")
            journal.tidy()


def check(folder: Path, acked: Path) -> list[str]:
    """What is wrong."""
    with Journal.open(folder, station="check") as journal:  # as the station does when the power is back
        wrong = [text for text in journal.faults.values() if text]
    with JournalReader(folder) as reader:
        rows = {row.id: row for row in reader.rows(limit=1_000_000)}
        kept = {row.image_path for row in rows.values() if row.image_removed_ns is None}
        wrong += [
            f"{row.id}: torn" for row in rows.values() if row.map_units.tobytes() != bytes([row.sequence % 100]) * 64
        ]
        wrong += [f"{row.id}: no image" for row in rows.values() if not holds(reader, row)]
        lines = [line.split() for line in acked.read_text().splitlines()]
        plain = (
            index for index, (_, name, *_) in enumerate(lines) if name in rows and rows[name].verdict is Verdict.NG
        )
        first = next(plain, -1)
        for index, (kind, name, *rest) in enumerate(lines):
            if name not in rows:  # only the oldest may have gone, and none that waits for a decision
                wrong += [f"{name}: lost"] if (kind == "row" and index > first) or waits(name) else []
            elif kind == "decided":
                wrong += [] if rows[name].decision else [f"{name}: decision lost"]
            else:
                wrong += [] if rows[name].image_sha256 == rest[0] else [f"{name}: another image"]
    files = {path.relative_to(folder).as_posix() for path in (folder / "images").rglob("*") if path.is_file()}
    return wrong + [f"{path}: nobody's" for path in files - kept]


def holds(reader: JournalReader, row) -> bool:
    """Whether the image of a row is there and is the one recorded, or was removed on purpose."""
    if row.image_removed_ns is not None:
        return reader.image(row) is None
    return hashlib.sha256(reader.image(row)).hexdigest() == row.image_sha256


def waits(name: str) -> bool:
    """Whether `write` leaves that inspection undecided: so few that over all cuts they never fill the bounds alone."""
    sequence = int(name.split("-")[1])
    return sequence % 8 == 6 and sequence < 24


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]) / "journal")
    else:
        found = check(Path(sys.argv[2]) / "journal", Path(sys.argv[3]))
        print("\n".join(found[:10]), file=sys.stderr)
        sys.exit(bool(found))
