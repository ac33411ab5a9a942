from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from edge.journal.journal import Journal
from edge.journal.reader import JournalReader

ROOT = Path(__file__).parents[3]
KILLS = 6


def _killed(recorder: subprocess.Popen[str], folder: Path, after: int) -> list[str]:
    """Ids acknowledged by a child that got kill -9 somewhere after the `after`th acknowledgement."""
    assert recorder.stdin
    assert recorder.stdout
    recorder.stdin.write(f"{folder}\n")
    recorder.stdin.flush()
    pid = int(recorder.stdout.readline().split()[1])
    acknowledged = [recorder.stdout.readline().strip() for _ in range(after)]
    os.kill(pid, signal.SIGKILL)
    while (line := recorder.stdout.readline().strip()) != "dead":
        acknowledged.append(line)
    return acknowledged


def test_after_kill_9_every_acknowledged_inspection_is_there_with_its_image(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).with_name("recorder.py"))]
    pick = random.Random()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as recorder:
        acknowledged = [name for _ in range(KILLS) for name in _killed(recorder, folder, after=pick.randrange(0, 25))]
        assert recorder.stdin
        recorder.stdin.close()

    with Journal.open(folder, station="after"):  # sweeps what the last kill left without a row
        pass
    with JournalReader(folder) as reader:
        rows, paths = {row.id: row for row in reader.rows(limit=100_000)}, set()
        assert set(acknowledged) <= set(rows)
        for row in rows.values():
            data = reader.image(row)
            assert data is not None
            assert len(data) == 3000
            others = reader.frames(row)
            assert [len(reader.frame(other)) for other in others] == [3000] * (row.sequence % 3)
            paths |= {row.image_path, *(other.path for other in others)}
    images = {path.relative_to(folder).as_posix() for path in (folder / "images").rglob("*") if path.is_file()}
    assert images == paths
