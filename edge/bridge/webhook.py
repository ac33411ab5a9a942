"""Webhook: each result as one POST to a web server, in order; the next one goes once it has said yes (2xx)."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

from edge.bridge.relay import PeerAway
from edge.contract.loopback import is_loopback
from edge.errors import UsageError
from edge.wire.messages import Message, ResultMessage

ANSWER_S = 10.0
"""A server that says nothing for so long is away."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A POST that is sent elsewhere arrives as a GET, and nobody has the result."""

    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        """None: the answer is taken as it is, and it is no 2xx."""


class WebhookPeer:
    """Belongs to one thread. States and statistics are not sent."""

    def __init__(self, url: str, token: str = "") -> None:
        """`token` goes with each request. Raises UsageError when the URL or the token cannot be used."""
        try:
            parts = urlsplit(url)
            usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError as error:
            raise UsageError(f"--url {url}: {error}") from None
        if parts.username is not None:
            raise UsageError("--url: has a user in it, whose password all users of this machine can see; --token-file")
        if not usable or not url.isascii() or not url.isprintable() or " " in url:
            raise UsageError(f"--url {url}: must be https://HOST/PATH or http://HOST/PATH")
        if token and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise UsageError(f"--url {url}: the token would go through the network in the clear; use https://")
        if not token.isascii() or not token.isprintable():
            raise UsageError("--token-file: the token has a character that no HTTP header may have")
        self.taken = ""
        self._url, self._host = url, parts.netloc
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._web = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))

    def take(self, message: Message) -> None:
        """Waits for the answer."""
        if not isinstance(message, ResultMessage):
            return
        request = urllib.request.Request(
            self._url, msgspec.json.encode(message.header), {**self._headers, "Idempotency-Key": message.header.id}
        )
        try:
            with self._web.open(request, timeout=ANSWER_S):
                self.taken = message.header.id
        except urllib.error.HTTPError as error:
            error.close()
            raise PeerAway(f"{self._host}: answers {error.code} {error.reason} to {message.header.id}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise PeerAway(f"{self._host}: {getattr(reason, 'strerror', None) or reason or repr(error)}") from None

    def silent(self) -> None:
        """Nobody is told: that nothing comes, the server sees."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing to close."""
