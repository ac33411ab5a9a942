"""The page in a real browser, before the real daemon. OKNG_SCREENSHOTS names a folder for pictures of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.edge.test_daemon import BY_COMMAND, WAIT_S, Running, station_file

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the dev extra")
pytest.importorskip("nicegui", reason="needs the station extra")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
]
PANEL, DESK = {"width": 800, "height": 480}, {"width": 1920, "height": 1080}
TOUCH_PX = 62
"""12 mm on 7 inches of 800 x 480."""


class Pages:
    """`okng station` as a process, and browsers that look at it."""

    def __init__(self, browser: Any, config: Path) -> None:
        self._browser, self._config, self._port = browser, config, "0"
        self.outside: list[str] = []
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "edge.cli", "station", "--config", str(self._config), "--port", self._port]
        names = ["--operator", "Ann", "--operator", "Ben"]
        self.process = subprocess.Popen([*command, *names], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        self._port = self.url.rstrip("/").rpartition(":")[2]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(WAIT_S)

    def open(self, size: dict[str, int], **options: Any) -> Any:
        context = self._browser.new_context(viewport=size, **options)
        context.set_default_timeout(WAIT_S * 1000)
        page = context.new_page()
        page.on("request", lambda request: self._note(request.url))
        page.goto(self.url)
        return page

    def _note(self, url: str) -> None:
        if not url.startswith((self.url, "data:", self.url.replace("http", "ws"))):
            self.outside.append(url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def unsure(bundle_copy, seal) -> Path:
    """A bundle that is sure of nothing: every part is REVIEW."""
    card = msgspec.json.decode((bundle_copy / "model.json").read_bytes())
    card["thresholds"] = {"ok_below": 0.0, "ng_from": 1.0}
    for golden in card["golden"]:
        golden["verdict"] = "review"
    (bundle_copy / "model.json").write_bytes(msgspec.json.encode(card))
    seal(bundle_copy)
    return bundle_copy


def station_of(folder: Path, bundle: Path, capture: Path) -> Path:
    return station_file(folder, bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)


@pytest.fixture
def config(tmp_path, bundle, capture) -> Path:
    return station_of(tmp_path / "s", bundle, capture)


@pytest.fixture
def open_pages(browser) -> Iterator[Callable[[Path], Pages]]:
    made: list[Pages] = []

    def make(config: Path) -> Pages:
        made.append(Pages(browser, config))
        return made[-1]

    yield make
    for pages in made:
        pages.stop()
        assert not pages.outside, "the page works offline"


def picture(page: Any, name: str) -> None:
    """For people to look at; kept where OKNG_SCREENSHOTS says."""
    if folder := os.environ.get("OKNG_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(400)
        page.screenshot(path=f"{folder}/{name}-{page.viewport_size['width']}.png")


def fits(page: Any) -> None:
    """Nothing reaches beyond the screen, and what is touched is large enough."""
    size = page.viewport_size
    for each in page.locator("button:visible, input:visible").all():
        box = each.bounding_box()
        assert min(box["width"], box["height"]) >= TOUCH_PX, each.inner_text()
        assert box["x"] >= 0, each.inner_text()
        assert box["x"] + box["width"] <= size["width"], each.inner_text()
        assert box["y"] + box["height"] <= size["height"], each.inner_text()


@pytest.mark.parametrize("size", [PANEL, DESK], ids=["panel", "desk"])
def test_live_follows_the_line_and_greys_out_when_it_goes(size, config, open_pages) -> None:
    with Running(config) as daemon:
        page = open_pages(config).open(size)
        page.wait_for_selector(".verdict.none")
        picture(page, "before-the-first-part")
        daemon.station.start()
        for part in ("A-1001", "A-1002"):
            daemon.station.trigger(part)
            verdict = daemon.collect(len(daemon.results) + 1)[-1].header.verdict
            page.wait_for_selector(f".verdict.{verdict}.live")
            sync_api.expect(page.locator(".live .id")).to_have_text(part)
        assert page.locator(".live .picture svg image").count() == 2
        page.locator("[data-opacity]").fill("0")
        assert page.locator(".live .cam").evaluate("each => getComputedStyle(each).opacity") == "0"
        page.locator("[data-opacity]").fill("70")
        fits(page)
        picture(page, "live")
        daemon.process.send_signal(signal.SIGSTOP)
        page.wait_for_selector(".verdict.lost")
        page.wait_for_selector(".live .picture.lost")
        assert page.locator(".verdict.live").count() == 0
        assert "No word from the station" in page.locator(".condition").inner_text()
        picture(page, "station-silent")
        daemon.process.send_signal(signal.SIGCONT)
        page.wait_for_selector(".verdict.lost", state="detached")


def test_a_page_whose_server_went_says_so_and_comes_back(config, open_pages) -> None:
    with Running(config) as daemon:
        pages = open_pages(config)
        page = pages.open(PANEL)
        daemon.station.start()
        daemon.station.trigger("A-1")
        page.wait_for_selector(".verdict.live")
        pages.process.send_signal(signal.SIGSTOP)
        page.wait_for_selector(".is-gone .gone b:visible")
        picture(page, "server-gone")
        pages.process.send_signal(signal.SIGCONT)
        page.wait_for_selector("body:not(.is-gone)")
        pages.stop()
        page.wait_for_selector(".is-gone .gone b:visible")
        pages.start()
        page.wait_for_selector("body:not(.is-gone) .condition.well")
