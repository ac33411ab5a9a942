"""Forks a child for each folder named on standard input; the child records until it is killed.

Each acknowledged inspection is a line "ID" on standard output, after the line "pid PID".
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from edge.contract.types import Frame, Inspection, Judgement, Verdict
from edge.journal.journal import Journal
from edge.journal.rows import Entry, OtherFrame


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def record_forever(folder: Path) -> None:
    judgement = Judgement(Verdict.NG, 0.9, np.zeros((2, 2, 1), np.int8))
    sequence = 0
    with Journal.open(folder, station="killed") as journal:
        while True:
            entries = []
            for _ in range(1 + sequence % 3):
                sequence += 1
                frame = Frame(np.zeros((1, 1), np.uint8), sequence, sequence, sequence)
                inspection = Inspection(journal.boot_id, sequence, "", frame, judgement, judgement.signal, sequence)
                others = tuple(
                    OtherFrame(position, sequence, os.urandom(3000)) for position in range(1, 1 + sequence % 3)
                )
                entries.append(Entry(inspection, "b" * 64, os.urandom(3000), others=others))
            for recorded in journal.record(entries):
                say(recorded.id)


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        say(f"pid {os.getpid()}")
        record_forever(Path(line.strip()))
    os.waitpid(child, 0)
    say("dead")
