"""The page in a real browser, before the real daemon: its frame, Live, signing in."""

from __future__ import annotations

import json
import signal

import pytest

from edge.station.people import write_people
from tests.edge.running import Running
from tests.edge.station.browsing import DESK, MARKS, PANEL, fits, picture, sign_in, sync_api

pytestmark = MARKS


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
            sync_api.expect(page.locator(".view.live .id")).to_have_text(part)
        assert page.locator(".view.live .picture svg image").count() == 2
        page.locator("[data-opacity]").fill("0")
        assert page.locator(".view.live .cam").evaluate("each => getComputedStyle(each).opacity") == "0"
        page.locator("[data-opacity]").fill("70")
        fits(page)
        picture(page, "live")
        daemon.process.send_signal(signal.SIGSTOP)
        page.wait_for_selector(".verdict.lost")
        page.wait_for_selector(".view.live .picture.lost")
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


def test_a_station_that_died_is_lost_and_its_next_boot_is_live(config, open_pages) -> None:
    with Running(config) as daemon:
        page = open_pages(config).open(PANEL)
        daemon.station.start()
        daemon.station.trigger("A-1")
        page.wait_for_selector(".verdict.live")
        daemon.process.kill()
        page.wait_for_selector(".verdict.lost")
    with Running(config) as daemon:
        page.wait_for_selector(".verdict.past")
        daemon.station.start()
        daemon.station.trigger("A-2")
        page.wait_for_selector(".verdict.live")
        sync_api.expect(page.locator(".view.live .id")).to_have_text("A-2")


def test_roles_by_pin_on_the_pad_and_back_to_viewer_when_nobody_touches(config, open_pages) -> None:
    with Running(config):
        pages = open_pages(config)
        page = pages.open(PANEL, locale="de-DE")
        page.locator(".account [data-open=sign] >> text=Anmelden").click()
        page.locator(".names [data-name=Ann]").click()
        fits(page)
        picture(page, "pad")
        for digit in "999":
            page.locator(f"[data-digit='{digit}']").click()
        page.locator("[data-pin]").click()
        page.wait_for_selector(".alerts >> text=Das stimmt nicht")
        page.locator("[data-back]").click()
        page.locator("[data-close]:visible").click()
        sign_in(page, "Ann")
        page.reload()
        page.wait_for_selector(".who >> text=Bediener")
        write_people(config.parent / "people.toml", {})
        page.wait_for_selector(".account [data-open=sign]")
        page.locator("[data-language=en]").click()
        page.wait_for_selector(".account [data-open=sign] >> text=Sign in")
        done = [json.loads(line)["did"] for line in (config.parent / "people.log").read_text().splitlines()]
        assert done == ["wrong_pin", "signed_in", "ended"]
