"""The past on pages: picker, slider and comparison work without script; a baseline is taken, compared and checked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.chromium import Watched
from tests.support.page_server import PageServer

pytestmark = [pytest.mark.server("chromium"), pytest.mark.xdist_group("pages")]
KERNELS = ("6.1.0-18-amd64", "6.1.0-21-amd64")


def number(pages: PageServer) -> int:
    return int(pages.reader.list_cis("class:server name=web-01").items[0].number)


def test_the_slider_shows_the_item_as_it_was_without_script(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit(who="vic", has_script=False)
    page, path = watched.page, f"/cis/{number(pages)}/history"
    watched.open(path)
    page.locator("#slide").focus()
    page.keyboard.press("Home")
    page.locator(".slide-form button").click()
    page.wait_for_load_state()
    assert "slide=" in page.url
    assert KERNELS[0] in page.locator("table").inner_text()
    page.locator("text=the change after").click()
    page.wait_for_load_state()
    assert page.locator("#as-at-head").count() == 1


def test_what_became_of_an_item_between_two_dates(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit(who="vic", has_script=False)
    page = watched.page
    watched.open(f"/cis/{number(pages)}/history")
    page.locator("input[name=from]").fill("2026-02-01T10:00:00")
    page.locator("text=Compare").click()
    page.wait_for_load_state()
    shown = page.locator("section[aria-labelledby=compared-head]").inner_text()
    assert (KERNELS[0] in shown, KERNELS[1] in shown) == (True, True)


def test_a_baseline_is_taken_compared_and_checked(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit(has_script=False)
    page = watched.page
    watched.open("/baselines")
    for name, text in (("name", "from the page"), ("query", "name:web-01"), ("reason", "before the change"), ("owner", "kim")):
        page.locator(f"input[name={name}]").fill(text)
    page.locator("text=Take baseline").click()
    page.wait_for_load_state()
    made = pages.reader.get_baseline("from the page")
    assert (made.query, made.with_contents, made.taken_by) == ("name:web-01", True, "person:kim")
    assert made.digest in page.locator("main").inner_text()
    page.locator("text=Compare").click()
    page.wait_for_load_state()
    assert "Nothing has changed between them." in page.locator("main").inner_text()
    page.locator("text=Check against the history").click()
    page.wait_for_load_state()
    assert "It still is what was taken" in page.locator("main").inner_text()
    watched.open("/baselines")
    for name, text in (("name", "from the page"), ("reason", "again"), ("owner", "kim")):
        page.locator(f"input[name={name}]").fill(text)
    page.locator("text=Take baseline").click()
    page.wait_for_load_state()
    assert page.locator("[role=alert]").count() == 1
    assert page.locator("input[name=reason]").input_value() == "again"


def test_a_viewer_reads_baselines_and_takes_none(visit: Callable[..., Watched]) -> None:
    watched = visit(who="vic")
    assert watched.open("/baselines") == 200
    assert watched.page.locator("form[action='/baselines/take']").count() == 0


def test_lists_as_of_a_day_lead_to_the_items_as_of_that_day(visit: Callable[..., Watched]) -> None:
    watched = visit(who="vic", has_script=False)
    page = watched.page
    watched.open("/past?at=2026-02-20T10:00:00&q=name%3Dweb-01")
    page.locator("[data-open]").first.click()
    page.wait_for_load_state()
    assert "at=2026-02-20" in page.url
    assert KERNELS[0] in page.locator("main").inner_text()
