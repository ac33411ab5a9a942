"""The power goes at random moments, as a file system sees it; what was acknowledged is there when it is back."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
POWERCUT = ROOT.parent / "shared" / "lab" / "powercut"
PROGRAM = f"{sys.executable} {Path(__file__).with_name('powered.py')}"
CUTS = 25

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a disk"),
    pytest.mark.skipif(not POWERCUT.is_file(), reason=f"needs {POWERCUT.name}, which cuts the power of a disk"),
]


def test_no_acknowledged_row_image_or_decision_is_lost() -> None:
    command = [POWERCUT, "--rounds", str(CUTS), "--writer", f"{PROGRAM} write {{dir}}",
               "--checker", f"{PROGRAM} check {{dir}} {{acked}}"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.search(r"cuts (\d+), acknowledged (\d+), cuts with loss or damage (\d+)", done.stdout)
    assert said
    assert (int(said[1]), int(said[3])) == (CUTS, 0)
    assert int(said[2]) > 10 * CUTS
