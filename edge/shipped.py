"""What comes with okng beside its code: bundles and systemd units, in a checkout or inside the wheel."""

from __future__ import annotations

from pathlib import Path

from edge.contract.bundle import SUMS
from edge.errors import UsageError


def shipped(name: str) -> Path:
    """The folder `models` or `systemd`. Raises UsageError when this installation has none."""
    here = Path(__file__).parent
    for folder in (here / "shipped" / name, here.parent / name):
        if folder.is_dir():
            return folder
    raise UsageError(f"{name}: not in this installation; install okng again")


def shipped_bundle() -> Path:
    """The bundle trained on synthetic metal parts."""
    bundles = sorted(path.parent for path in shipped("models").glob(f"*/{SUMS}"))
    if not bundles:
        raise UsageError(f"{shipped('models')}: holds no bundle; install okng again")
    return bundles[0]
