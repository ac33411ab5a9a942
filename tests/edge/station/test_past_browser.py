"""History and Statistics in a real browser, before the real daemon."""

from __future__ import annotations

import pytest

from edge.contract.types import Decision, Verdict
from tests.edge.station.test_page_browser import (  # noqa: F401
    DESK,
    PANEL,
    browser,
    config,
    fits,
    open_pages,
    picture,
    pytestmark,
    sync_api,
)
from tests.edge.test_daemon import Running

PARTS = 30


@pytest.mark.parametrize("size", [PANEL, DESK], ids=["panel", "desk"])
def test_history_is_looked_through_and_statistics_count_it(size, config, open_pages) -> None:  # noqa: F811
    with Running(config) as daemon:
        daemon.station.start()
        for number in range(PARTS):
            daemon.station.trigger(f"A-{number}")
            daemon.collect(number + 1)
        newest = daemon.results[-1].header
        ng = [each.header for each in daemon.results if each.header.verdict is Verdict.NG]
        daemon.station.decide(ng[-1].id, Decision.ACCEPT, "Ann", "only dust")
        page = open_pages(config).open(size)
        page.locator("[data-go=history]").click()
        page.wait_for_selector(f'.card[data-case="{newest.id}"]')
        assert page.locator(".card").count() == 24
        page.wait_for_function("[...document.querySelectorAll('.card img')].every(each => each.naturalWidth > 0)")
        picture(page, "history")
        page.locator("[data-event=older]").click()
        page.wait_for_selector('.card[data-case$="-1"]')
        assert page.locator(".card").count() == PARTS - 24
        page.locator("[data-event=newest]").click()
        page.locator(".toggle.ng input").check()
        sync_api.expect(page.locator(".card")).to_have_count(min(24, len(ng)))
        page.locator("form[data-form=history] [name=part]").fill(ng[-1].part)
        page.keyboard.press("Enter")
        sync_api.expect(page.locator(".card")).to_have_count(sum(ng[-1].part in each.part for each in ng))
        page.locator(f'.card[data-case="{ng[-1].id}"]').click()
        page.wait_for_selector(".whole.open .picture svg image.cam")
        assert "only dust" in page.locator(".whole .said").inner_text()
        assert ng[-1].id in page.locator(".facts").inner_text()
        picture(page, "history-one")
        page.keyboard.press("Escape")
        page.wait_for_selector(".whole.open", state="detached")
        page.locator("[data-go=statistics]").click()
        page.wait_for_selector(".charts figure.estimates")
        sync_api.expect(page.locator("figure.estimates tr.ng td").nth(1)).to_have_text("1")
        assert str(PARTS) in page.locator(".view.statistics .summary").inner_text()
        picture(page, "statistics")
        page.locator(".charts").evaluate("each => each.scrollTo(0, 700)")
        picture(page, "statistics-more")
