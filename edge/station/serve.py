"""Serves the operator page until SIGTERM or Ctrl-C."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from nicegui import ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from edge.contract.key_files import read_private
from edge.daemon.systemd import Notifier
from edge.errors import UsageError
from edge.station.audit import Audit
from edge.station.feed import Feed
from edge.station.page import HERE, Page, css
from edge.station.pictures import Pictures, RegionOf
from edge.station.sessions import Sessions
from edge.station.visit import Visit
from edge.station.watched import watched
from edge.station.words import choose

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


def application(feed: Feed, region_of: RegionOf, sessions: Sessions, audit: Audit, host: str) -> FastAPI:
    """The page as an application; `host` is the name it may be called by, beside this machine's own."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with feed, watched(Notifier()):
            yield

    served = FastAPI(lifespan=lifespan, openapi_url=None)
    if host not in {"0.0.0.0", "::"}:  # else another web site could reach the page under a name of its own
        served.add_middleware(TrustedHostMiddleware, allowed_hosts=[*OURS, host])
    pictures = Pictures(region_of)

    @ui.page("/", title="okng", response_timeout=30)
    def _page(request: Request) -> None:
        ui.add_css(css())
        for script in ("page.js", "setup_view.js"):
            ui.add_head_html(f"<script>{(HERE / script).read_text(encoding='utf-8')}</script>")
        say = choose(request.cookies.get("okng-language", ""), request.headers.get("accept-language", ""))
        ui.add_head_html(f"<script>document.documentElement.lang = '{say.language}'</script>")
        Page(Visit(feed, pictures, sessions, audit, say, request.client.host if request.client else ""))

    ui.run_with(served, dark=True, message_history_length=FRAMES_LIMIT, tailwind=False, show_welcome_message=False)
    return served


def check_tls(certificate: Path, key: Path) -> None:
    """Raises UsageError: the key can be read by others, or the two do not belong together."""
    read_private(key)
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        why = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(f"--certificate {certificate} --key {key}: cannot be used: {why}") from None


def serve(listener: socket.socket, served: FastAPI, tls: tuple[Path, Path] | None) -> None:
    """Until SIGTERM or Ctrl-C; with `tls`, certificate and key, by https alone."""
    certificate, key = tls or (None, None)
    config = uvicorn.Config(
        served, loop="asyncio", log_level="warning", timeout_graceful_shutdown=1, ssl_certfile=certificate,
        ssl_keyfile=key, server_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listener])
