"""Prometheus: a page of metrics that it scrapes. What each of them is: docs/bridges.md."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from edge.contract.types import State, Verdict
from edge.errors import UsageError
from edge.wire.messages import Message, ResultHeader, ResultMessage, StateHeader, StateMessage

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

CYCLE_BUCKETS_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
JUDGING_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
PATH = "/metrics"
READ_S = 10.0
"""A client that asks nothing for so long is hung up on."""


class Metrics:
    """What the station did since this began, and how it is. Counters begin at 0, as Prometheus expects."""

    def __init__(self, station: str) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry = CollectorRegistry()
        self._station = station
        self._state: StateHeader | None = None
        self._last: ResultHeader | None = None

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(name, text, ["station"], buckets=buckets, registry=self.registry).labels(station)

        results = Counter("okng_results", "Inspections by verdict.", ["station", "verdict"], registry=self.registry)
        self._results = {verdict: results.labels(station, verdict.value) for verdict in Verdict}
        self._cycle = histogram("okng_cycle_seconds", "From a trigger to the next.", CYCLE_BUCKETS_S)
        self._judging = histogram("okng_judging_seconds", "From a frame to its verdict.", JUDGING_BUCKETS_S)
        self.registry.register(self)

    def count(self, header: ResultHeader) -> None:
        """One more result."""
        self._results[header.verdict].inc()
        last, self._last = self._last, header
        if last and (last.boot, last.sequence + 1) == (header.boot, header.sequence):
            cycle_s = (header.triggered_ns - last.triggered_ns) / 1e9
            if cycle_s >= 0:  # a clock that was set back tells nothing
                self._cycle.observe(cycle_s)
        if header.timings_ms and header.verdict is not Verdict.FAULT:
            self._judging.observe(sum(header.timings_ms.values()) / 1e3)

    def show(self, state: StateHeader | None) -> None:
        """How the station is now; None: it is silent, and what it said before holds no more."""
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """What is read off at each scrape, as prometheus_client asks for it."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        def gauge(name: str, text: str, values: dict[str, float], label: str = "") -> Metric:
            family = GaugeMetricFamily(name, text, labels=["station", label] if label else ["station"])
            for value_of, value in values.items():
                family.add_metric([self._station, value_of] if label else [self._station], value)
            return family

        yield gauge("okng_up", "Whether the station speaks.", {"": float(self._state is not None)})
        if self._last:
            age_s = max(0.0, time.time() - self._last.triggered_ns / 1e9)
            yield gauge("okng_last_result_age_seconds", "Since the trigger of the last result.", {"": age_s})
        if self._state is None:
            return
        header = self._state
        yield gauge(
            "okng_state", "1 for the state that it is in.", {s: float(s is header.state) for s in State}, "state"
        )
        yield gauge("okng_fault", "What is wrong though it goes on.", dict.fromkeys(header.faults, 1.0), "fault")
        yield gauge("okng_warning", "What has drifted.", dict.fromkeys(header.warnings, 1.0), "figure")
        yield gauge("okng_bundle_info", "The bundle that judges.", {header.bundle[:12]: 1.0}, "bundle")
        for name in header.counters.__struct_fields__:
            value = getattr(header.counters, name)
            if isinstance(value, int):  # triggers, and whatever else a station counts since its boot
                family = CounterMetricFamily(
                    f"okng_{name}", f"{name.capitalize()}, by the station.", labels=["station"]
                )
                family.add_metric([self._station], value)
                yield family


class PrometheusPeer:
    """A web server with one page. A result is taken for good once Prometheus has scraped it.

    So when the bridge dies, it begins again at 0 with the first result after the last scrape, and `increase()` is
    right over that too.
    """

    def __init__(self, station: str, host: str, port: int) -> None:
        """Raises UsageError when nothing can be bound there."""
        from prometheus_client import make_wsgi_app

        self.taken = ""
        self._counted = ""
        self._lock = threading.Lock()
        self._metrics = Metrics(station)
        self._page: Callable[[Any, Any], Iterable[bytes]] = make_wsgi_app(self._metrics.registry)
        try:
            self._server = make_server(host, port, self._answer, _Server, _Handler)
        except OSError as error:
            raise UsageError(f"--listen {host}:{port}: cannot be bound: {error.strerror or error}") from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def take(self, message: Message) -> None:
        """Counts a result, shows a state; statistics are for others to make of these."""
        with self._lock:
            if isinstance(message, ResultMessage):
                self._metrics.count(message.header)
                self._counted = message.header.id
            elif isinstance(message, StateMessage):
                self._metrics.show(message.header)

    def silent(self) -> None:
        """The station is down."""
        with self._lock:
            self._metrics.show(None)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if request["PATH_INFO"] != PATH:
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [f"The metrics are at {PATH}\n".encode()]
        with self._lock:
            page = self._page(request, start)
            self.taken = self._counted
        return page


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = READ_S

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape is nothing to tell of."""
