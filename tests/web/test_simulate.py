"""The page that tries a report: it shows what would happen, writes nothing, and is closed to readers."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.chromium import Watched
from tests.support.page_server import PageServer

pytestmark = [pytest.mark.server("chromium"), pytest.mark.xdist_group("pages")]
REPORT = {
    "source": {"kind": "api", "name": "try", "instance": "t1", "zone": "default"},
    "sections": {
        "host": {
            "complete": True,
            "items": [
                {"ref": "h", "class": "server", "identifiers": {"serial": "TRY-1", "fqdn": "tried.a.example"}},
                {"ref": "x", "class": "toaster"},
            ],
        }
    },
}


def test_report_is_tried_and_nothing_stays(pages: PageServer, visit: Callable[..., Watched]) -> None:
    before = pages.reader.overview()
    watched = visit(who="ada")
    watched.open("/sources")
    watched.page.click("a[href='/simulate']")
    watched.page.fill("textarea", json.dumps(REPORT))
    watched.page.click("form button.primary")
    text = watched.page.wait_for_selector("#trial").inner_text()
    assert "tried" in text
    assert "became a CI of its own" in text
    assert "unknown class 'toaster'" in text
    assert pages.reader.overview() == before
    assert (watched.violations(), watched.foreign, watched.console) == ([], [], [])


def test_what_is_no_report_is_said_and_kept_in_the_form(visit: Callable[..., Watched]) -> None:
    watched = visit(who="ada", has_script=False)
    watched.open("/simulate")
    watched.page.fill("textarea", '{"source": 1}')
    watched.page.click("form button.primary")
    assert "$.source" in watched.page.wait_for_selector("[role=alert]").inner_text()
    assert watched.page.input_value("textarea") == '{"source": 1}'


def test_last_days_are_replayed_and_shown(visit: Callable[..., Watched]) -> None:
    watched = visit(who="ada", has_script=False)
    watched.open("/simulate")
    watched.page.fill("#settings", "absent_after_mises = 3")
    watched.page.click("#replay button")
    assert "absent_after_mises" in watched.page.wait_for_selector("[role=alert]").inner_text()
    watched.page.fill("#settings", "absent_after_misses = 3")
    watched.page.fill("#days", "366")
    watched.page.click("#replay button")
    watched.page.wait_for_selector("#replayed", timeout=30_000)
    for _ in range(60):
        text = watched.page.wait_for_selector("#replayed").inner_text()
        if "would be merged: 0" in text:
            break
        watched.page.reload()
    assert "would be merged: 0" in text
    assert (watched.violations(), watched.foreign) == ([], [])
