"""A verification in the pages: planned and measured by one person, signed by another; answered by hand; its finding closed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.chromium import Watched
from tests.support.page_server import PageServer

pytestmark = [pytest.mark.server("chromium"), pytest.mark.xdist_group("pages")]


def test_a_run_is_planned_and_measured_by_one_and_signed_by_another(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit(who="ada")
    watched.open("/verifications")
    page = watched.page
    page.click("text=Plan a verification")
    page.fill("[name=title]", "Switches")
    page.fill("[name=query]", "class:network_device")
    page.click("form[action='/verifications/plan'] button")
    page.wait_for_url("**/verifications/*")
    where = page.url.removeprefix(pages.url)
    page.click("text=Draw the sample and begin")
    page.wait_for_load_state()
    assert page.inner_text("h1 + .state").split("\n") == ["▲", "to be signed"]
    assert page.locator("text=You measured it").count() == 1
    assert page.locator("text=Sign off").count() == 0
    other = visit(who="kim")
    other.open(where)
    other.page.fill("form[action$='/sign'] [name=note]", "looked at")
    other.page.click("form[action$='/sign'] button")
    other.page.wait_for_load_state()
    run = pages.reader.get_verification(where.rpartition("/")[2])
    assert (run.state, run.signed_by, run.note, run.is_intact) == ("signed", "person:kim", "looked at", True)


def test_a_query_that_is_none_is_said_and_plans_nothing(pages: PageServer, visit: Callable[..., Watched]) -> None:
    before = pages.reader.list_verifications().total
    watched = visit(who="ada")
    watched.open("/verifications")
    page = watched.page
    page.click("text=Plan a verification")
    page.fill("[name=title]", "Wrong")
    page.fill("[name=query]", "colour:red")
    page.click("form[action='/verifications/plan'] button")
    page.wait_for_selector(".message-fault")
    assert "colour" in page.inner_text(".message-fault")
    assert pages.reader.list_verifications().total == before


def test_a_manual_run_is_answered_and_its_finding_closed(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit(who="ada")
    page = watched.page
    items = pages.reader.list_verification_items("2").items
    for place, item in enumerate(items):
        watched.open("/verifications/2")
        box = page.locator(f"#ci-{item.ci.number}")
        if place == 0:
            box.locator("[name='answer.model']").select_option("differs")
            box.locator("[name='found.model']").fill("PowerEdge R6525")
        box.locator("text=Save; all others are equal").click()
        page.wait_for_load_state()
    run = pages.reader.get_verification("2")
    assert run.result is not None
    assert (run.state, run.result.equal, run.result.differs, run.measured_by) == ("measured", 2, 1, ["person:ada"])
    (finding,) = [each for each in pages.reader.list_findings(limit=500).items if each.verification == 2]
    assert (finding.attribute, finding.observed, finding.owner) == ("model", "PowerEdge R6525", "ada")
    watched.open("/findings")
    box = page.locator(f"#finding-{finding.number}")
    box.locator("[name=action_text]").fill("record corrected")
    box.locator("button[value=close]").click()
    page.wait_for_load_state()
    closed = pages.reader.get_finding(str(finding.number))
    assert (closed.state, closed.action, closed.closed_by) == ("closed", "record corrected", "person:ada")


def test_a_viewer_sees_runs_without_buttons_and_no_audit_trail(visit: Callable[..., Watched]) -> None:
    watched = visit(who="vic")
    assert watched.open("/verifications/2") == 200
    assert watched.page.locator("main form").count() == 0
    assert watched.page.locator(".rail-nav a[href='/audit']").count() == 0
    assert watched.open("/audit") == 403


def test_every_figure_leads_to_what_stands_behind_it(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit(who="vic")
    watched.open("/health")
    links = watched.page.eval_on_selector_all(".figure-card a[href^='/health/']", "all => all.map((each) => each.getAttribute('href'))")
    assert "/health/unreviewed" in links
    for link in links:
        assert watched.open(link) == 200
        assert watched.page.locator("tbody tr").count() > 0
