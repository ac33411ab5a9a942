"""A damaged database is set aside with its images, under the time of it, and stays for whoever can mend it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from edge.contract.storage import sync_folder
from edge.journal.schema import FILE

PREFIX = "damaged-"


def set_aside(folder: Path, now_ns: int) -> Path:
    """Moves database and images into `folder`/damaged-TIME, which is a journal's folder itself. Raises OSError.

    The database goes last: a power cut in between leaves it to be set aside again, and nothing is lost.
    """
    moment = datetime.fromtimestamp(now_ns / 1e9, UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    place, again = folder / f"{PREFIX}{moment}", 1
    while place.exists():
        again += 1
        place = folder / f"{PREFIX}{moment}-{again}"
    place.mkdir(mode=0o700)
    for name in ("images", f"{FILE}-wal", FILE):
        if (folder / name).exists():
            (folder / name).rename(place / name)
    (folder / f"{FILE}-shm").unlink(missing_ok=True)
    sync_folder(place)
    sync_folder(folder)
    return place


def set_aside_before(folder: Path) -> list[Path]:
    """What lies there still, oldest first."""
    return sorted(path for path in folder.glob(f"{PREFIX}*") if path.is_dir())
