"""Cases and merges by the pages: both sides beside each other first, then a decision that can be taken back; without script too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from collector.store.decision import undo_decision
from collector.store.tombstone import delete_ci
from tests.support.chromium import Watched
from tests.support.page_server import PageServer

pytestmark = [pytest.mark.server("chromium"), pytest.mark.xdist_group("pages")]


def two(pages: PageServer) -> tuple[int, int]:
    left, right = [each.number for each in pages.reader.list_cis("class:server", sort="number").items if each.owner is None][:2]
    return left, right


def test_two_chosen_cis_are_compared_merged_and_made_two_again(pages: PageServer, visit: Callable[..., Watched]) -> None:
    left, right = two(pages)
    watched = visit(who="ada", has_script=False)
    watched.open("/cis?q=class:server&sort=number")
    for number in (left, right):
        watched.page.check(f"input[name=ci][value='{number}']")
    watched.page.click("#choose button")
    assert "Identifiers" in watched.page.inner_text(".compare")
    assert watched.page.locator(".compare thead th").count() == 2
    watched.page.check(f"fieldset.keep input[value='{left}']")
    watched.page.fill("input[name=reason]", "one box")
    watched.page.click("form[action='/merge'] button.primary")
    assert pages.reader.get_ci(str(right)).summary.number == left
    assert "one box" in watched.page.inner_text("table.list")
    watched.page.click("form[action$='/unmerge'] button")
    assert pages.reader.get_ci(str(right)).summary.number == right
    assert "taken back" in watched.page.inner_text("table.list")
    watched.open(f"/merge?ci={left}&ci={right}")
    assert "says that" in watched.page.inner_text(".message-fault")
    assert (watched.violations(), watched.foreign, watched.console) == ([], [], [])


def test_a_case_shows_both_sides_and_is_decided_on_its_page(pages: PageServer, visit: Callable[..., Watched]) -> None:
    case = pages.reader.list_cases().items[0]
    watched = visit(who="ada", has_script=False)
    watched.open("/cases")
    watched.page.click(f"a.button[href='/cases/{case.id}']")
    assert watched.violations() == []
    watched.page.fill("input[name=reason]", "lab")
    watched.page.click("button[value=dismiss]")
    assert case.id not in {each.id for each in pages.reader.list_cases().items}
    assert (watched.foreign, watched.console) == ([], [])


def test_a_viewer_compares_and_decides_nothing(pages: PageServer, visit: Callable[..., Watched]) -> None:
    left, right = two(pages)
    watched = visit(who="vic")
    watched.open(f"/merge?ci={left}&ci={right}")
    assert watched.page.locator(".compare").count() == 1
    assert watched.page.locator("form[action='/merge'] button.primary").count() == 0


def test_the_page_of_a_deleted_ci_says_who_deleted_it_and_why(pages: PageServer, visit: Callable[..., Watched]) -> None:
    number, _ = two(pages)
    filled, now = pages.filled, pages.filled.clock.now_ms()
    with filled.database.begin() as connection:
        made = delete_ci(connection, filled.context, str(number), actor="person:ada", now=now, reason="sold <b>it</b>")
    try:
        watched = visit(who="vic", has_script=False)
        watched.open(f"/cis/{number}")
        assert "by person:ada" in watched.page.inner_text("p.message")
        assert "sold <b>it</b>" in watched.page.inner_text("p.message")
        assert (watched.violations(), watched.naming_faults(), watched.low_contrast()) == ([], [], [])
    finally:
        with filled.database.begin() as connection:
            undo_decision(connection, filled.context, made, actor="person:ada", now=now)
    watched.open(f"/cis/{number}")
    assert watched.page.locator("p.message").count() == 0
