"""Tells systemd that the page is served, and that its event loop goes on; a loop that hangs is started anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edge.daemon.systemd import Notifier


@asynccontextmanager
async def watched(notifier: Notifier) -> AsyncIterator[None]:
    """As long as the page is served. Where there is no systemd, nothing is told."""
    notifier.ready("serves the operator page")
    telling = asyncio.create_task(_keep_telling(notifier, notifier.watchdog_s)) if notifier.watchdog_s else None
    try:
        yield
    finally:
        if telling:
            telling.cancel()
        notifier.stopping("stopping")


async def _keep_telling(notifier: Notifier, watchdog_s: float) -> None:
    while True:
        notifier.alive()
        await asyncio.sleep(watchdog_s / 4)
