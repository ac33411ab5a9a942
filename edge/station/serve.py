"""Serves the operator page until SIGTERM or Ctrl-C."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from nicegui import ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from edge.errors import UsageError
from edge.station.feed import Feed
from edge.station.page import HERE, Page
from edge.station.pictures import Pictures, RegionOf

OURS = ("127.0.0.1", "localhost", "[::1]", "::1")
FRAMES_LIMIT = 0
"""Messages that NiceGUI keeps for a browser that comes back: none, it loads the page anew; pictures are large."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises UsageError when that cannot be."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise UsageError(f"--host {host} --port {port}: cannot listen there: {error.strerror or error}") from None


def application(feed: Feed, region_of: RegionOf, operators: Sequence[str], host: str) -> FastAPI:
    """The page as an application; `host` is the name it may be called by, beside this machine's own."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with feed:
            yield

    served = FastAPI(lifespan=lifespan, openapi_url=None)
    if host not in {"0.0.0.0", "::"}:  # else another web site could reach the page under a name of its own
        served.add_middleware(TrustedHostMiddleware, allowed_hosts=[*OURS, host])
    pictures = Pictures(region_of)

    @ui.page("/", title="okng", response_timeout=30)
    def _page() -> None:
        for style in ("page.css", "decide.css"):
            ui.add_css((HERE / style).read_text(encoding="utf-8"))
        ui.add_head_html(f"<script>{(HERE / 'page.js').read_text(encoding='utf-8')}</script>")
        Page(feed, pictures, operators)

    ui.run_with(served, dark=True, message_history_length=FRAMES_LIMIT, tailwind=False, show_welcome_message=False)
    return served


def serve(listener: socket.socket, served: FastAPI) -> None:
    """Until SIGTERM or Ctrl-C."""
    config = uvicorn.Config(served, loop="asyncio", log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])
