"""A day at the page in a real browser: 24 hours of results, speeded up, over the real wire; nothing grows.

Each result is one of a part per second; the page draws as often as it can, some thousand times.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.contract.types import Verdict
from tests.edge.running import BY_COMMAND, WAIT_S, station_file
from tests.edge.station.browsing import CHROMIUM, PANEL, Pages, sync_api
from tests.edge.station.messages import image
from tests.edge.station.twin import Twin

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
]
HOURS, HOUR, MINUTE, WARM = 24, 3600, 60, 6
FASTER = "from edge.station import page; page.REFRESH_S = 0.05; from edge.cli import main; main()"
MB = 1_000_000


def verdict_of(number: int) -> Verdict:
    """One part in a hundred is NG, one in 300 waits for a decision, one in 1000 is a FAULT."""
    for every, verdict in ((1000, Verdict.FAULT), (300, Verdict.REVIEW), (100, Verdict.NG)):
        if number % every == 0:
            return verdict
    return Verdict.OK


class Size:
    """What page and server hold, once all that can be let go is."""

    def __init__(self, page: Any, server: int) -> None:
        session = page.context.new_cdp_session(page)
        session.send("HeapProfiler.collectGarbage")
        session.send("Performance.enable")
        found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        session.detach()
        self.heap_mb = found["JSHeapUsedSize"] / MB
        self.nodes, self.listeners = found["Nodes"], found["JSEventListeners"]
        status = Path(f"/proc/{server}/status").read_text()
        self.server_mb = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1000

    def __repr__(self) -> str:
        return (
            f"heap {self.heap_mb:.1f} MB, {self.nodes:.0f} nodes, {self.listeners:.0f} listeners, "
            f"server {self.server_mb:.0f} MB"
        )


def an_hour(twin: Twin, frame: bytes) -> None:
    for second in range(1, HOUR + 1):
        seen = second % MINUTE == 0
        twin.part(verdict_of(twin.sequence), time.time_ns(), frame if seen else b"")
        if seen:
            twin.state()


def test_a_day_of_results_makes_neither_page_nor_server_grow(tmp_path, bundle, capture, browser) -> None:
    config = station_file(tmp_path, bundle, capture.as_uri(), BY_COMMAND)
    frame = image(1, 480, 640).data + bytes(np.random.default_rng(7).bytes(20_000))
    sizes: list[Size] = []
    with Twin(tmp_path) as twin:
        pages = Pages(browser, config, program=["-c", FASTER])
        try:
            page = pages.open(PANEL)
            twin.state()
            page.wait_for_selector(".condition.well")
            for hour in range(1, HOURS + 1):
                an_hour(twin, frame)
                caught_up = page.locator(".count.ok b", has_text=re.compile(f"^{twin.counts[Verdict.OK]}$"))
                while not caught_up.count():
                    twin.state()
                    page.wait_for_timeout(100)
                if hour % WARM == 0:
                    sizes.append(Size(page, pages.process.pid))
                    print(f"hour {hour}: {sizes[-1]}")
            assert twin.sequence == HOURS * HOUR
            twin.part(Verdict.NG, time.time_ns(), frame, part="the-last")
            twin.state()
            sync_api.expect(page.locator(".view.live .id")).to_have_text("the-last", timeout=WAIT_S * 1000)
        finally:
            pages.stop()
    early, late = sizes[0], sizes[-1]
    assert late.nodes - early.nodes < 200
    assert late.listeners - early.listeners < 20
    assert late.heap_mb - early.heap_mb < 3
    assert late.server_mb - early.server_mb < 20
