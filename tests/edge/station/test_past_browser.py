"""History and Statistics in a real browser, before the real daemon."""

from __future__ import annotations

import pytest

from edge.contract.types import Decision, Verdict
from edge.inspection.recipes import read_recipe
from tests.edge.running import Running
from tests.edge.station.browsing import DESK, MARKS, PANEL, fits, picture, sign_in, sync_api

pytestmark = MARKS
PARTS = 30


@pytest.mark.parametrize("size", [PANEL, DESK], ids=["panel", "desk"])
def test_history_is_looked_through_and_statistics_count_it(size, config, open_pages) -> None:
    with Running(config) as daemon:
        daemon.station.start()
        for number in range(PARTS):
            daemon.station.trigger(f"A-{number}")
            daemon.collect(number + 1)
        newest = daemon.results[-1].header
        ng = [each.header for each in daemon.results if each.header.verdict is Verdict.NG]
        daemon.station.decide(ng[-1].id, Decision.REJECT, "Ben")
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
        assert "only dust" in page.locator(".whole .facts .said").inner_text()
        facts = page.locator(".view.history .facts").inner_text()
        assert "Rejected by Ben" in facts
        assert ng[-1].id in facts
        picture(page, "history-one")
        page.locator("[data-event=override]").click()
        page.wait_for_selector(f'.waiting.earlier[data-case="{ng[-1].id}"]')
        assert "accepted by Ann" in page.locator(".waiting.earlier").inner_text()
        page.wait_for_selector(".view.decide .picture svg image.cam")
        sign_in(page, "Ben")
        page.locator("[data-event=ask][data-decision=reject]:not(:disabled)").click()
        page.locator("[data-code=dent]").click()
        sync_api.expect(page.locator(".choice.done").first).to_contain_text("rejected by Ben · Dent")
        page.locator("[data-go=history]").click()
        page.keyboard.press("Escape")
        page.wait_for_selector(".whole.open", state="detached")
        page.locator("[data-go=statistics]").click()
        page.wait_for_selector(".charts figure.estimates")
        sync_api.expect(page.locator("figure.estimates tr.ng td").nth(1)).to_have_text("1")
        assert str(PARTS) in page.locator(".view.statistics .summary").inner_text()
        picture(page, "statistics")
        page.locator(".charts").evaluate("each => each.scrollTo(0, 700)")
        picture(page, "statistics-more")


@pytest.mark.parametrize("size", [PANEL, DESK], ids=["panel", "desk"])
def test_an_engineer_tries_thresholds_draws_a_recipe_and_changes_over_to_it(size, config, open_pages) -> None:
    recipes = config.parent / "recipes"
    recipes.mkdir()
    (recipes / "plain.toml").write_text("")
    with Running(config) as daemon:
        daemon.station.start()
        pages = open_pages(config)
        page = pages.open(size, accept_downloads=True)
        page.locator("[data-go=setup]").click()
        page.wait_for_selector(".view.setup.locked")
        sign_in(page, "Eve")
        page.locator("[data-go=setup]").click()
        page.wait_for_selector(".condition.well")  # so the page hears the station
        for number in range(PARTS):
            daemon.station.trigger(f"A-{number}")
            daemon.collect(number + 1)
        page.wait_for_selector(".picture-pane .frame img")
        sync_api.expect(page.get_by_text("Camera, taken")).to_be_visible()
        page.wait_for_selector(".greys path.channel")
        box = page.locator("#okng-draw").bounding_box()
        across, down = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        sync_api.expect(page.locator(".picture-pane .held .age")).to_be_hidden()
        page.locator("[data-tool=region]").click()
        sync_api.expect(page.locator(".picture-pane .held .age")).to_be_visible()
        sync_api.expect(page.get_by_text("Camera, taken")).to_be_hidden()
        page.mouse.move(across - 60, down - 70)
        page.mouse.down()
        page.mouse.move(across + 50, down + 60)
        page.mouse.up()
        page.locator("[data-tool=ignore]").click()
        page.mouse.move(across - 20, down)
        page.mouse.down()
        page.mouse.move(across + 20, down, steps=8)
        page.mouse.up()
        fits(page)
        picture(page, "setup-picture")
        page.locator("[data-tool=recipe]").click()
        page.locator("#okng-recipe-name").fill("drawn")
        for button in ("save-recipe", "save-ignore"):
            with page.expect_download() as download:
                page.locator(f"[data-tool={button}]").click()
            download.value.save_as(recipes / download.value.suggested_filename)
        picture(page, "setup-recipe")
        page.locator(".drawn-recipe [data-tool=close]").click()
        drawn = read_recipe(recipes / "drawn.toml")
        (region,) = drawn.settings.regions
        side = min(box["width"], box["height"])  # the frames are square
        assert (region.width, region.height) == (
            pytest.approx(110 / side, abs=0.02),
            pytest.approx(130 / side, abs=0.02),
        )
        assert 0 < (drawn.ignore > 0).mean() < 0.1

        page.locator("[data-pane=change]").click()
        choices = page.locator("[data-submit=changeover] option")
        sync_api.expect(choices).to_have_text(["drawn", "plain"])  # the one that was just put there, too
        (recipes / "drawn.toml").write_text("nonsense = 1")
        page.locator("[data-submit=changeover] select").select_option("drawn")
        page.locator("[data-submit=changeover] button").click()
        sync_api.expect(page.locator(".outcome.bad")).to_contain_text("nonsense")
        picture(page, "setup-change")
        page.locator("[data-submit=changeover] select").select_option("plain")
        page.locator("[data-submit=changeover] button").click()
        page.wait_for_selector(".change-pane .outcome.good")
        sync_api.expect(page.locator(".change-pane .facts")).to_contain_text("plain")
        page.locator("[data-event=interlock]").click()
        sync_api.expect(page.locator(".outcome.good")).to_have_text("All judged right")

        for number in range(12):
            daemon.station.trigger(f"B-{number}")
            daemon.collect(PARTS + number + 1)
        page.locator("[data-pane=limits]").click()
        chart = page.locator(".limits-chart svg").bounding_box()
        before = page.locator("[name=ok_below]").input_value()
        page.mouse.move(chart["x"] + chart["width"] * 0.1, chart["y"] + chart["height"] / 2)
        page.mouse.down()
        page.mouse.move(chart["x"] + chart["width"] * (54 + 0.02 * 572) / 640, chart["y"] + chart["height"] / 2)
        page.mouse.up()
        page.wait_for_function("now => document.querySelector('[name=ok_below]').value !== now", arg=before)
        ok_below = float(page.locator("[name=ok_below]").input_value())
        assert ok_below == pytest.approx(0.02, abs=0.01)
        scores = [each.header.score for each in daemon.results[PARTS:] if each.header.score is not None]
        would_be = page.locator(".supposed tr.ok td").nth(1)
        sync_api.expect(would_be).to_have_text(str(sum(score < ok_below for score in scores)))
        fits(page)
        picture(page, "setup-limits")
        page.locator("[name=ng_from]").fill("0.001")
        page.locator("[name=ng_from]").press("Enter")
        sync_api.expect(page.locator(".limits-pane .why")).to_contain_text("must not lie above")
        page.locator("[name=ng_from]").fill(str(ok_below))
        page.locator("[name=ng_from]").press("Enter")
        page.locator("[data-event=apply-limits]").click()
        page.wait_for_selector(".limits-pane .outcome.good, .limits-pane .outcome.bad")
        said = page.locator(".limits-pane .outcome").inner_text()
        applied = daemon.station.status().thresholds
        assert (applied.ok_below == ok_below) is ("Done" in said), said
