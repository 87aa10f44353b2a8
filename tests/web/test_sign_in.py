"""Signing in and out, and what a reader prefers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from collector.store import account
from collector.store.token import create_sign_in_link
from tests.support.chromium import Watched
from tests.support.page_server import PageServer

pytestmark = [pytest.mark.server("chromium"), pytest.mark.xdist_group("pages")]
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def person(pages: PageServer) -> str:
    with pages.filled.database.begin() as connection:
        account.create_account(connection, "pat", pages.filled.clock.now_ms(), role="viewer", password_hash=account.hash_password(PASSWORD))
    return "pat"


def test_reader_is_led_back_after_signing_in_and_out_again(person: str, pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit(who=None)
    watched.open("/cis?q=class:server")
    assert watched.page.url.startswith(f"{pages.url}/sign-in")
    assert (watched.violations(), watched.foreign, watched.console, watched.low_contrast(), watched.naming_faults()) == ([], [], [], [], [])
    assert watched.page.evaluate("document.styleSheets[0].cssRules.length") > 100, "style needs no session"
    watched.page.fill("input[name=name]", person)
    watched.page.fill("input[name=password]", "wrong")
    watched.page.keyboard.press("Enter")
    watched.page.wait_for_selector("[role=alert]")
    watched.page.fill("input[name=password]", PASSWORD)
    watched.page.keyboard.press("Enter")
    watched.page.wait_for_url("**/cis?q=class:server")
    watched.page.click("form[action='/sign-out'] button")
    watched.page.wait_for_url("**/sign-in")
    watched.open("/cis")
    assert "/sign-in" in watched.page.url


def test_link_signs_in_once(person: str, pages: PageServer, visit: Callable[..., Watched]) -> None:
    with pages.filled.database.begin() as connection:
        secret = create_sign_in_link(connection, person, pages.filled.clock.now_ms()).secret
    first, second = visit(who=None), visit(who=None, language="zh-Hans")
    assert first.open(f"/sign-in?token={secret}") == 200
    assert first.page.inner_text("h1") == "Overview"
    assert second.open(f"/sign-in?token={secret}") == 401
    assert "已被使用或已过期" in second.page.inner_text("[role=alert]")


def test_language_theme_and_zone_are_kept(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit()
    watched.open("/incidents")
    watched.page.click("button[name=language][value=zh-Hans]")
    watched.page.wait_for_function("document.documentElement.lang === 'zh-Hans'")
    watched.page.click("button[name=theme][value=dark]")
    watched.page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    watched.open("/preferences")
    watched.page.select_option("select[name=zone]", "Asia/Shanghai")
    watched.page.click("main button.primary")
    watched.page.wait_for_load_state()
    assert "Asia/Shanghai" in watched.page.inner_text(".page-foot")
    assert watched.page.inner_text("h1") == "偏好设置"


def test_nobody_is_led_to_another_site(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit()
    watched.open("/")
    csrf = watched.page.get_attribute("form[action='/sign-out'] input[name=csrf]", "value") or ""
    form = {"csrf": csrf, "return": "//evil.example/", "theme": "light"}
    answer = watched.page.request.post(pages.url + "/preferences", form=form, max_redirects=0)
    assert (answer.status, answer.headers["location"]) == (303, "/")
