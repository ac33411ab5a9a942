"""Imports go one way: what DESIGN says, as contracts in pyproject.toml that import-linter checks."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINT = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]


def test_the_contracts_hold():
    done = subprocess.run(LINT, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert f"Contracts: {len(contracts)} kept, 0 broken." in done.stdout


def test_a_contract_can_be_broken(tmp_path):
    """So that the test above means something: the same contracts, and a board that imports the trainer."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for package in ("edge", "trainer", "converters"):
        for source in (ROOT / package).rglob("*.py"):
            target = tmp_path / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    with (tmp_path / "edge" / "contract" / "cam.py").open("a") as file:
        file.write("\nimport trainer.metrics\nimport tensorflow\n")
    done = subprocess.run(LINT, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    for name in ("The converter stands on the trainer, the trainer on the board", "The board is light"):
        assert f"{name} BROKEN" in done.stdout
