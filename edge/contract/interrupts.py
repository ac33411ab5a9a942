"""Ctrl-C and SIGTERM end a command, and what is half done is taken back.

Both raise KeyboardInterrupt where the work is. Libraries have places that catch whatever is raised and go on (Keras
has a dozen), so it is remembered too, and asked for before a new folder or file is put into its place.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

_told = threading.Event()


def listen() -> None:
    """From now on; what was told before is forgotten. Whoever started this process to ignore one is obeyed.

    Only for the main thread.
    """
    _told.clear()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def heed() -> None:
    """Raises KeyboardInterrupt where one was told."""
    if _told.is_set():
        raise KeyboardInterrupt


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    _told.set()
    raise KeyboardInterrupt
