"""Fixtures of the page's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.edge.running import BY_COMMAND, station_file


@pytest.fixture
def config(tmp_path, bundle, capture) -> Path:
    """A station that is triggered by command, without end."""
    return station_file(tmp_path / "s", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    from tests.edge.station.browsing import CHROMIUM, sync_api

    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def open_pages(browser) -> Iterator[Callable[[Path], Any]]:
    """`okng station` for a station file; it must fetch nothing from elsewhere."""
    from tests.edge.station.browsing import Pages

    made: list[Pages] = []

    def make(config: Path) -> Pages:
        made.append(Pages(browser, config))
        return made[-1]

    yield make
    for pages in made:
        pages.stop()
        assert not pages.outside, "the page works offline"
