"""Putting on record by the pages: one CI, a file that is tried first, and values that are held."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.chromium import Watched
from tests.support.page_server import PageServer

pytestmark = [pytest.mark.server("chromium"), pytest.mark.xdist_group("pages")]
FILE = {"name": "stock.csv", "mimeType": "text/csv", "buffer": b"Name,Serial\nstock-1,STK-1\nstock-2,STK-2\n"}


def test_one_ci_is_put_on_record_and_its_page_opens(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit(who="ada", has_script=False)
    watched.open("/cis")
    watched.page.click("a[href='/record']")
    watched.page.fill("textarea[name=identifiers]", "serial=NEW-1")
    watched.page.fill("textarea[name=attributes]", "name=new-1\nowner=kim")
    watched.page.click("form[action='/record/ci'] button.primary")
    assert watched.page.inner_text("h1") == "new-1"
    assert pages.reader.list_cis("owner:kim name:new-1").total == 1
    assert (watched.violations(), watched.foreign, watched.console) == ([], [], [])


def test_what_cannot_be_recorded_is_said_and_kept_in_the_form(visit: Callable[..., Watched]) -> None:
    watched = visit(who="ada", has_script=False)
    watched.open("/record")
    watched.page.fill("textarea[name=attributes]", "onwer=kim")
    watched.page.click("form[action='/record/ci'] button.primary")
    assert "did you mean 'owner'?" in watched.page.inner_text("[role=alert]")
    assert watched.page.input_value("textarea[name=attributes]") == "onwer=kim"


def test_a_file_is_tried_and_then_put_on_record(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit(who="ada")
    for action, said, total in (("try", "this was a trial", 0), ("import", "It is on record", 2), ("import", "all of it is on record already", 2)):
        watched.open("/record")
        watched.page.set_input_files("input[type=file]", files=[FILE])  # type: ignore[list-item]  # a payload as the driver takes it
        watched.page.click(f"button[value={action}]")
        assert said in watched.page.wait_for_selector("[role=status]").inner_text()
        assert pages.reader.list_cis("name:stock-").total == total
    assert (watched.violations(), watched.foreign, watched.console) == ([], [], [])


def test_a_value_is_held_seen_and_taken_off(pages: PageServer, visit: Callable[..., Watched]) -> None:
    number = pages.reader.list_cis("class:server name=web-01").items[0].number
    watched = visit(who="ada")
    watched.open(f"/cis/{number}")
    watched.page.click("details.band > summary")
    watched.page.select_option("select[name=attribute]", "location")
    watched.page.fill("input[name=value]", "R1")
    watched.page.fill("form[action='/pins/hold'] input[name=reason]", "moving")
    watched.page.click("form[action='/pins/hold'] button")
    assert watched.page.wait_for_selector(".effective .chip").inner_text() == "held"
    watched.open("/pins")
    assert "moving" in watched.page.inner_text("table")
    watched.page.check("input[name=pin]")
    watched.page.click("form[action='/pins/release'] button.primary")
    assert watched.page.wait_for_selector("#done") is not None
    assert pages.reader.list_pins().total == 0
    assert (watched.violations(), watched.foreign, watched.console) == ([], [], [])


def test_a_reader_sees_classes_and_no_form(visit: Callable[..., Watched]) -> None:
    watched = visit(who="vic", language="zh-Hans")
    watched.open("/record")
    assert watched.page.locator("form[action='/record/ci']").count() == 0
    watched.open("/classes")
    assert "服务器" in watched.page.inner_text("main")


def test_a_file_may_be_larger_than_a_form(pages: PageServer, visit: Callable[..., Watched]) -> None:
    rows = "".join(f"big-{at},BIG-{at},{'x' * 10_000}\n" for at in range(220))
    watched = visit(who="ada", has_script=False)
    watched.open("/record")
    file = {"name": "big.csv", "mimeType": "text/csv", "buffer": f"Name,Serial,Remark\n{rows}".encode()}
    watched.page.set_input_files("input[type=file]", files=[file])  # type: ignore[list-item]  # a payload as the driver takes it
    watched.page.click("button[value=try]")
    assert "220" in watched.page.wait_for_selector("[role=status]").inner_text()
