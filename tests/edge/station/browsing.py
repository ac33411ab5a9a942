"""What the browser tests of the page share. OKNG_SCREENSHOTS names a folder for pictures of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.station.people import Person, hashed, write_people
from edge.wire.allowed import Role
from tests.edge.running import WAIT_S

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the dev extra")
pytest.importorskip("nicegui", reason="needs the station extra")
CHROMIUM = shutil.which("chromium")
MARKS = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
]
PANEL, DESK = {"width": 800, "height": 480}, {"width": 1920, "height": 1080}
TOUCH_PX = 62
"""12 mm on 7 inches of 800 x 480."""
PINS = {"Ann": "271828", "Ben": "314159", "Eve": "141421"}
TOUCHED = """[...document.querySelectorAll("button, input")].filter((each) => each.checkVisibility())
  .map((each) => [each, each.getBoundingClientRect()]).filter(([, box]) => box.width && box.height)
  .map(([each, box]) => [each.innerText, box.left, box.top, box.right, box.bottom])"""
"""What can be touched, and where it is."""


class Pages:
    """`okng station` as a process, and browsers that look at it. Ann and Ben are operators, Eve is an engineer."""

    def __init__(self, browser: Any, config: Path, program: Sequence[str] = ("-m", "edge.cli")) -> None:
        self._browser, self._config, self._port, self._program = browser, config, "0", program
        self.outside: list[str] = []
        give_pins(config.parent)
        self.start()

    def start(self) -> None:
        folder = self._config.parent
        command = [sys.executable, *self._program, "station", "--config", str(self._config), "--port", self._port]
        files = ["--people", str(folder / "people.toml"), "--log", str(folder / "people.log")]
        self.process = subprocess.Popen([*command, *files], stdout=subprocess.PIPE, text=True)
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


def give_pins(folder: Path) -> None:
    roles = {"Ann": Role.OPERATOR, "Ben": Role.OPERATOR, "Eve": Role.ENGINEER}
    write_people(folder / "people.toml", {name: Person(roles[name], hashed(pin)) for name, pin in PINS.items()})


def sign_in(page: Any, name: str) -> None:
    """By touch, on the pad."""
    page.locator(".account [data-open=sign]").click()
    page.locator(f".names [data-name={name}]").click()
    for digit in PINS[name]:
        page.locator(f"[data-digit='{digit}']").click()
    page.locator("[data-pin]").click()
    page.wait_for_selector(f".who >> text={name}")


def picture(page: Any, name: str) -> None:
    """For people to look at; kept where OKNG_SCREENSHOTS says."""
    if folder := os.environ.get("OKNG_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(400)
        page.screenshot(path=f"{folder}/{name}-{page.viewport_size['width']}.png")


def fits(page: Any) -> None:
    """Nothing reaches beyond the screen, and what is touched is large enough."""
    size = page.viewport_size
    for text, left, top, right, bottom in page.evaluate(TOUCHED):  # all at once: the page goes on
        assert min(right - left, bottom - top) >= TOUCH_PX, text
        assert left >= 0, text
        assert right <= size["width"], text
        assert top >= 0, text
        assert bottom <= size["height"], text
