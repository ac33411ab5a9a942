"""The journal's folder: its owner's alone, and one okng's at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from edge.contract.storage import sync_folder
from edge.errors import JournalError


def make_folder(folder: Path) -> None:
    """Makes `folder` and what is missing above it, each for its owner alone (0700), and puts the names on the disk.

    A folder that is there keeps its modes. Raises OSError.
    """
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


class FolderLock:
    """Held from when it is made until `close`, or until the process ends, however it ends.

    A child made by fork without exec keeps it too: start child processes with "spawn".
    """

    def __init__(self, folder: Path) -> None:
        """Raises JournalError when another okng holds `folder`, OSError when the lock file cannot be made."""
        self._descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            process = f" (process {holder})" if holder.isdigit() else ""
            raise JournalError(
                f"{folder}: another okng runs on it{process}; stop it, or give this station a folder of its own"
            ) from None
        except OSError:
            os.close(self._descriptor)
            raise
        self._sign()

    def _sign(self) -> None:
        """The process id in the lock file, for the message above; a full disk must not matter here."""
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            return

    def close(self) -> None:
        """Lets the next okng in. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
