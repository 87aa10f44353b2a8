"""The review queue decides: by keyboard, by form without script, never for a reader, never what moved meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from collector.store.apply_change import apply_changes
from tests.support.chromium import Watched
from tests.support.page_server import PageServer

pytestmark = [pytest.mark.server("chromium"), pytest.mark.xdist_group("pages")]


def group_of(pages: PageServer, attribute: str, kind: str = "changed_attribute", ci_class: str = "server") -> Any:
    return next(each for each in pages.reader.difference_groups().items if (each.kind, each.attribute, each.ci_class) == (kind, attribute, ci_class))


def open_count(pages: PageServer) -> int:
    return sum(pages.reader.overview().open_differences.values())


def recorded(pages: PageServer, name: str, attribute: str) -> Any:
    ci = pages.reader.get_ci(str(pages.reader.list_cis(f"class:server name={name}").items[0].number))
    return next(fact.recorded for fact in ci.facts if fact.attribute == attribute)


def choose(watched: Watched, group: Any) -> None:
    watched.open("/review")
    for _ in range(12):
        if watched.page.locator("[data-group][aria-current]").get_attribute("href") == f"/review?group={quote(group.group_key, safe='')}":
            return
        before = watched.page.locator("[data-group][aria-current]").get_attribute("href")
        watched.page.keyboard.press("j")
        watched.page.wait_for_function("(before) => document.querySelector('[data-group][aria-current]').getAttribute('href') !== before", arg=before)
    raise AssertionError(f"j never reached {group.group_key}")


def test_keyboard_accepts_a_group_and_undo_takes_it_back(pages: PageServer, visit: Callable[..., Watched]) -> None:
    group, before = group_of(pages, "os.kernel"), open_count(pages)
    watched = visit(who="ada")
    choose(watched, group)
    watched.page.keyboard.press("a")
    watched.page.wait_for_selector("#done")
    assert open_count(pages) == before - group.count
    assert recorded(pages, "web-01", "os.kernel") == "6.1.0-21-amd64"
    watched.page.keyboard.press("u")
    watched.page.wait_for_function("() => !document.querySelector('#done button')")
    assert open_count(pages) == before
    assert recorded(pages, "web-01", "os.kernel") == "6.1.0-18-amd64"
    assert (watched.violations(), watched.foreign, watched.console) == ([], [], [])


def test_only_what_is_selected_is_rejected(pages: PageServer, visit: Callable[..., Watched]) -> None:
    group = group_of(pages, "os.kernel")
    watched = visit(who="ada")
    choose(watched, group)
    watched.page.keyboard.press("x")
    watched.page.fill("input[name=reason]", "not in the change window")
    watched.page.keyboard.press("Escape")
    watched.page.keyboard.press("r")
    watched.page.wait_for_selector("#done")
    rejected = pages.reader.list_differences(states=("rejected",)).items
    assert [(each.attribute, each.reason) for each in rejected] == [("os.kernel", "not in the change window")]
    watched.page.keyboard.press("u")
    watched.page.wait_for_function("() => !document.querySelector('#done button')")
    assert pages.reader.list_differences(states=("rejected",)).items == []


def test_ignoring_has_an_end(pages: PageServer, visit: Callable[..., Watched]) -> None:
    group = group_of(pages, "", "absent_ci", "software_package")
    watched = visit(who="ada")
    choose(watched, group)
    watched.page.fill("input[name=reason]", "comes back with the next image")
    watched.page.keyboard.press("Escape")
    watched.page.keyboard.press("i")
    watched.page.keyboard.press("Enter")
    watched.page.wait_for_selector("#done")
    (ignored,) = pages.reader.list_differences(states=("ignored",)).items
    assert ignored.ignore_until == pages.filled.clock.now_ms() + 86_400_000
    watched.page.keyboard.press("u")
    watched.page.wait_for_function("() => !document.querySelector('#done button')")


def test_form_decides_without_script(pages: PageServer, visit: Callable[..., Watched]) -> None:
    group, before = group_of(pages, "memory_bytes"), open_count(pages)
    watched = visit(who="ada", has_script=False)
    watched.open("/review")
    watched.page.click(f'[data-group][href="/review?group={quote(group.group_key, safe="")}"]')
    watched.page.click("button[value=accept]")
    assert open_count(pages) == before - 1
    watched.page.click("#done button")
    assert open_count(pages) == before


def test_value_that_moved_meanwhile_is_not_accepted(pages: PageServer, visit: Callable[..., Watched]) -> None:
    group, before = group_of(pages, "memory_bytes"), open_count(pages)
    watched = visit(who="ada")
    watched.open(f"/review?group={quote(group.group_key, safe='')}")
    watched.page.eval_on_selector("input[name=token]", "field => { field.value = 'a value seen before'; }")
    watched.page.click("button[value=accept]")
    watched.page.wait_for_selector("[role=alert]")
    assert "changed meanwhile" in watched.page.inner_text("[role=alert]")
    assert open_count(pages) == before


def test_viewer_reads_and_does_not_decide(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit(who="vic")
    watched.open("/review")
    assert watched.page.locator("button[value=accept]").count() == 0
    csrf = watched.page.get_attribute("form[action='/sign-out'] input[name=csrf]", "value")
    answer = watched.page.request.post(pages.url + "/review/decide", form={"csrf": csrf or "", "action": "accept"}, max_redirects=0)
    assert answer.status == 403
    assert "Your role does not allow this" in answer.text()


def test_decision_without_the_sessions_token_is_refused(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched, before = visit(who="ada"), open_count(pages)
    watched.open("/review")
    action = {name: watched.page.get_attribute(f".decision input[name={name}]", "value") or "" for name in ("difference", "token", "group")}
    answer = watched.page.request.post(pages.url + "/review/decide", form={**action, "action": "accept", "scope": "one"}, max_redirects=0)
    assert (answer.status, open_count(pages)) == (403, before)


def test_filter_narrows_the_queue_and_a_wrong_one_is_explained(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit()
    watched.open("/review?q=attribute:os.kernel")
    assert re.findall(r"^1 group ", watched.page.inner_text(".page-head .sub"))
    watched.open("/review?q=%28")
    assert watched.page.get_attribute("#q", "aria-invalid") == "true"


def test_a_difference_that_no_change_expects_says_so_and_is_linked_by_keyboard(pages: PageServer, visit: Callable[..., Watched]) -> None:
    """Linked to a change it is no longer unauthorised; undo takes that back."""
    put_change(pages)
    group = group_of(pages, "os.kernel")
    watched = visit(who="ada")
    watched.open(f"/review?group={quote(group.group_key, safe='')}")
    assert "no approved change expects it" in watched.page.inner_text(".provenance")
    watched.page.keyboard.press("l")
    watched.page.fill("input[name=change]", "RFC-7")
    watched.page.click("button[value=link]")
    watched.page.wait_for_selector("#done")
    linked = pages.reader.list_differences("change=RFC-7").items
    assert {(each.attribute, each.state, each.is_unauthorised) for each in linked} == {("os.kernel", "open", False)}
    assert len(linked) == group.count
    watched.page.click("#done button")
    watched.page.wait_for_function("() => !document.querySelector('#done button')")
    assert pages.reader.list_differences("change=RFC-7").items == []
    assert group_of(pages, "os.kernel").unauthorised == group.unauthorised
    watched.open("/changes")
    assert "RFC-7" in watched.page.inner_text("table.list")


def put_change(pages: PageServer) -> None:
    """An approved change that expects nothing of this estate."""
    text = (
        "id: RFC-7\nwindow: {from: 2020-01-01T00:00:00Z, to: 2020-01-02T00:00:00Z}\napproved: {by: board, at: 2020-01-01T00:00:00Z}\n"
        "expects: [{ci: nothing, attribute: os.kernel, to: x}]\n"
    )
    with pages.filled.database.begin() as connection:
        apply_changes(connection, pages.filled.context, {"RFC-7.yaml": text}, actor="person:ada", now=pages.filled.clock.now_ms())
