"""Decide in a real browser, before the real daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.contract.types import Decision, Signal
from edge.journal.reader import JournalReader
from tests.edge.running import BY_COMMAND, WAIT_S, Running, station_file
from tests.edge.station.browsing import DESK, MARKS, PANEL, fits, picture, sign_in, sync_api

pytestmark = MARKS
READY = "[data-event=ask][data-decision={}]:not(:disabled)"


def unsure(folder: Path, bundle: Path, capture: Path, more: str = "") -> Path:
    """A station whose recipe is sure of nothing: every part is REVIEW."""
    config = station_file(folder, bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND, 'recipe = "unsure"')
    (folder / "recipes").mkdir()
    (folder / "recipes" / "unsure.toml").write_text(f"thresholds = {{ok_below = 0.0, ng_from = 1.0}}\n{more}")
    return config


def inspect(daemon: Running, *parts: str) -> list[str]:
    """Their ids, once their results are there."""
    asked = [daemon.station.trigger(part) for part in parts]
    daemon.collect(len(daemon.results) + len(parts))
    return asked


def as_operator(page: Any, name: str) -> None:
    """Opens Decide, and signs in."""
    page.locator("[data-go=decide]").click()
    sign_in(page, name)


def shows(page: Any, inspection: str) -> None:
    page.wait_for_selector(f'.waiting[data-case="{inspection}"]')


def said(daemon: Running, inspection: str) -> list[tuple[str, str, str, bool]]:
    """All decisions on it: which, by whom, why, and whether it was taken back."""
    with JournalReader(daemon.folder / "journal") as journal:
        return [
            (each.decision, each.operator, each.code, bool(each.withdrawn_by)) for each in journal.decisions(inspection)
        ]


def recorded(page: Any, text: str) -> None:
    """The newest choice is on record, and says this."""
    sync_api.expect(page.locator(".choice").first).to_contain_text(text)


def test_two_operators_decide_by_mouse_touch_and_key_each_part_once(tmp_path, bundle, capture, open_pages) -> None:
    with Running(unsure(tmp_path / "s", bundle, capture)) as daemon:
        asked = inspect(daemon, *(f"B-{number}" for number in range(1, 6)))  # before the page is there
        pages = open_pages(daemon.config)
        ann, ben = pages.open(DESK), pages.open(PANEL, has_touch=True)
        for page, name in ((ann, "Ann"), (ben, "Ben")):
            page.locator("[data-go=decide]").click()
            shows(page, asked[0])
            sync_api.expect(page.locator(".waiting")).to_contain_text("5 parts wait")
            fits(page)
            picture(page, "who-decides")
            as_operator(page, name)
        ann.locator(READY.format("accept")).dblclick()
        ann.wait_for_selector(".codes.ok")
        fits(ann)
        picture(ann, "accept-why")
        ann.locator("[data-code=dust]").dblclick()
        shows(ben, asked[1])
        ben.locator(READY.format("reject")).tap()
        ben.wait_for_selector(".codes.ng")
        fits(ben)
        picture(ben, "reject-why")
        ben.locator("[data-code=scratch]").tap()
        shows(ann, asked[2])
        ann.wait_for_selector(READY.format("reject"))
        recorded(ann, "rejected by Ben · Scratch")
        fits(ann)
        picture(ann, "decide")
        picture(ben, "decide")
        ann.keyboard.press("r")
        ann.wait_for_selector(".codes.ng")
        ann.keyboard.press("2")
        ann.keyboard.press("2")
        shows(ann, asked[3])
        recorded(ann, "rejected by Ann · Dent")
        ann.wait_for_selector(READY.format("accept"))
        ann.keyboard.press("a")
        ann.wait_for_selector(".codes.ok")
        ann.keyboard.press("a")  # no reason
        shows(ben, asked[4])
        recorded(ben, "accepted by Ann")
        ann.reload()
        ann.locator("[data-go=decide]").click()
        shows(ann, asked[4])
        sync_api.expect(ann.locator(".choice.done")).to_have_count(4)
    assert [said(daemon, name) for name in asked] == [
        [("accept", "Ann", "dust", False)], [("reject", "Ben", "scratch", False)], [("reject", "Ann", "dent", False)],
        [("accept", "Ann", "", False)], [],
    ]  # fmt: skip


def test_a_decision_is_taken_back_and_an_earlier_part_is_decided_otherwise(
    tmp_path, bundle, capture, open_pages
) -> None:
    with Running(unsure(tmp_path / "s", bundle, capture)) as daemon:
        pages = open_pages(daemon.config)
        page = pages.open(PANEL, has_touch=True)
        page.wait_for_selector(".condition.well")
        first, second = inspect(daemon, "C-1", "C-2")
        as_operator(page, "Ann")
        shows(page, first)
        daemon.station.decide(first, Decision.REJECT, "Eve", code="dent")  # somewhere else
        shows(page, second)
        recorded(page, "rejected by Eve · Dent")
        page.locator("[data-event=undo]:not(:disabled)").first.tap()
        shows(page, first)
        sync_api.expect(page.locator(".choice.undone")).to_have_count(1)
        page.locator(READY.format("accept")).tap()
        page.locator("[data-event=decide][data-code='']").tap()
        shows(page, second)
        page.locator("[data-event=earlier]").tap()
        page.wait_for_selector(f'[data-inspection="{first}"]')
        fits(page)
        picture(page, "earlier-parts")
        page.locator(f'[data-inspection="{first}"]').tap()
        page.wait_for_selector(f'.waiting.earlier[data-case="{first}"]')
        fits(page)
        picture(page, "earlier-part")
        page.reload()  # as it does by itself when its connection broke off: the part stays open
        page.locator(READY.format("reject")).tap()
        page.wait_for_selector("[data-code=crack]")
        page.wait_for_function("JSON.parse(sessionStorage.getItem('okng-decide')).asking === 'reject'")
        page.reload()  # and what was asked is asked still
        page.wait_for_selector(f'.waiting.earlier[data-case="{first}"]')
        page.locator("[data-code=crack]").tap()
        shows(page, second)
        recorded(page, "rejected by Ann · Crack")
    assert said(daemon, first) == [
        ("reject", "Eve", "dent", True), ("accept", "Ann", "", False), ("reject", "Ann", "crack", False),
    ]  # fmt: skip
    assert said(daemon, second) == []


def test_a_part_that_the_line_holds_comes_first_and_gets_its_signal_once(tmp_path, bundle, capture, open_pages) -> None:
    with Running(unsure(tmp_path / "s", bundle, capture, "hold_s = 600")) as daemon:
        (waits,) = inspect(daemon, "D-1")
        pages = open_pages(daemon.config)
        page = pages.open(DESK)
        as_operator(page, "Ann")
        shows(page, waits)
        (held,) = inspect(daemon, "D-2")
        shows(page, held)
        sync_api.expect(page.locator(".waiting.line")).to_contain_text("The line waits")
        page.wait_for_selector(READY.format("accept"))
        fits(page)
        picture(page, "line-waits")
        page.locator(READY.format("accept")).click()
        page.locator("[data-code=reflection]").dblclick()
        shows(page, waits)
        recorded(page, "accepted by Ann · Reflection")
        (made,) = daemon.station.decisions(held).decisions
        assert made.signal is Signal.ACCEPT
        assert daemon.station.status().held == []


def test_a_click_that_went_with_station_and_page_is_made_again_and_done_once(
    tmp_path, bundle, capture, open_pages
) -> None:
    config = unsure(tmp_path / "s", bundle, capture)
    with Running(config) as daemon:
        pages = open_pages(config)
        page = pages.open(PANEL, has_touch=True)
        page.wait_for_selector(".condition.well")
        first, second = inspect(daemon, "E-1", "E-2")
        as_operator(page, "Ann")
        shows(page, first)
        page.locator(READY.format("reject")).tap()
        page.wait_for_selector(".codes.ng")
        daemon.process.kill()
        daemon.process.wait(WAIT_S)
        page.locator("[data-code=stain]").tap()  # the page does not know yet that it is gone
        page.wait_for_selector(".condition.lost")
        picture(page, "station-away")
        assert page.locator(READY.format("accept")).count() == 0
        pages.stop()
        pages.start()
        with Running(config) as again:
            page = pages.open(PANEL, has_touch=True)  # it knows nothing of the click before; the journal does
            page.wait_for_selector(".condition.well")
            as_operator(page, "Ann")
            shows(page, first)
            page.locator(READY.format("reject")).tap()
            page.locator("[data-code=stain]").tap()
            shows(page, second)
            recorded(page, "rejected by Ann · Stain")
            assert again.station.waiting().total == 1
    assert said(daemon, first) == [("reject", "Ann", "stain", False)]
