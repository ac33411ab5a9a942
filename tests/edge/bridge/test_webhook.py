"""The webhook bridge between a real daemon and a web server that fails in each way it can."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from edge.bridge import webhook
from edge.bridge.relay import PeerAway
from edge.bridge.webhook import WebhookPeer
from edge.errors import UsageError
from tests.edge.bridge.messages import result, state
from tests.edge.bridge.processes import Bridge
from tests.edge.running import BY_COMMAND, WAIT_S, Running, station_file


class Server(ThreadingHTTPServer):
    """Answers with each of `answers`, then with 204; 0 is to hang up."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.came = threading.Condition()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/okng"

    def until(self, inspection: str) -> None:
        with self.came:
            assert self.came.wait_for(lambda: any(body["id"] == inspection for *_, body in self.got), WAIT_S)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.answers.pop(0) if self.server.answers else 204
        if not status:
            return
        if status < 300:
            with self.server.came:
                self.server.got.append((self.path, dict(self.headers), body))
                self.server.came.notify_all()
        self.send_response(status)
        if status in {301, 302}:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.mark.slow
def test_every_result_comes_in_order_whatever_the_server_says_meanwhile(tmp_path, bundle, capture, server) -> None:
    config = station_file(tmp_path / "station", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)
    with Running(config) as daemon, Bridge("webhook", config, "--url", server.url) as bridge:
        kept = config.parent / "one.webhook-position"
        while not kept.exists():  # until it follows the station
            assert bridge.process.poll() is None, bridge.log.read_text()
        server.answers = [204, 503, 0]
        asked = [daemon.station.trigger(f"A-{number}") for number in range(4)]
        server.until(asked[-1])
        published = [json.loads(msgspec.json.encode(each.header)) for each in daemon.collect(4)]
        assert [body for *_, body in server.got] == published
        assert bridge.end() == 0, bridge.log.read_text()
        assert kept.read_text().strip() in asked
        assert "answers 503" in bridge.log.read_text()


def test_what_goes_with_a_result(server) -> None:
    peer = WebhookPeer(server.url, "secret")
    with peer:
        peer.take(state())
        peer.take(result(1))
    ((path, headers, body),) = server.got
    assert (path, body["id"], peer.taken) == ("/okng", "3f9a01c2-1", "3f9a01c2-1")
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Idempotency-Key"] == "3f9a01c2-1"


@pytest.mark.parametrize(("status", "why"), [(302, "302"), (404, "404"), (500, "500"), (0, "closed")])
def test_only_a_yes_is_one(server, status, why) -> None:
    server.answers = [status]
    with WebhookPeer(server.url) as peer:
        with pytest.raises(PeerAway, match=why):
            peer.take(result(1))
        assert peer.taken == ""


def test_a_server_that_says_nothing_is_away(monkeypatch, server) -> None:
    monkeypatch.setattr(webhook, "ANSWER_S", 0.05)
    server.shutdown()  # it listens, and takes nothing
    with pytest.raises(PeerAway, match="timed out"):
        WebhookPeer(server.url).take(result(1))
    with pytest.raises(PeerAway, match="refused"):
        WebhookPeer("http://127.0.0.1:1/").take(result(1))


@pytest.mark.parametrize(
    ("url", "token", "why"),
    [
        ("mes.plant/okng", "", "must be https://HOST/PATH"),
        ("ftp://mes.plant", "", "must be https://HOST/PATH"),
        ("http://", "", "must be https://HOST/PATH"),
        ("http://ann:secret@mes.plant", "", "--token-file"),
        ("http://mes.plant:99999", "", "[Pp]ort"),
        ("http://mes plant/", "", "must be https://HOST/PATH"),
        ("http://mes.plant/", "secret", "in the clear"),
        ("https://mes.plant/", "a\nb", "no HTTP header"),
    ],
)
def test_what_cannot_be_used_is_refused(url, token, why) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        WebhookPeer(url, token)
    assert "secret" not in str(caught.value)
