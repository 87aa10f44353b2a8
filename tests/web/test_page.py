"""Every page, in both languages and both themes, keeps the promises that hold for all of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

import pytest

from tests.support.chromium import Watched
from tests.support.page_server import PageServer

pytestmark = [pytest.mark.server("chromium"), pytest.mark.xdist_group("pages")]

PATHS = (
    "/", "/review", "/review?state=accepted", "/cases", "/cis", "/cis?q=class%3Aserver&sort=-seen", "/cis?q=%28", "/cis/{web}",
    "/cis/{web}/relations",
    "/cis/{web}/contents", "/cis/{switch}/contents?class=interface", "/cis/{web}/metrics", "/cis/{web}/availability", "/cis/{web}/incidents",
    "/cis/{web}/history", "/cis/{web}/history?at=2026-02-01T10:00", "/cis/{web}/history?slide=1767225600000&known=2026-03-01T10:00",
    "/cis/{web}/history?from=2026-01-01T00:00", "/past", "/past?of=differences&at=2026-03-01T10:00", "/past?q=%28",
    "/baselines", "/baselines/release-7?check=1", "/baselines/first-inventory?against=now",
    "/cis/{web}/why", "/cis/{hostile}", "/services", "/services/shop", "/incidents",
    "/health", "/health?class=server&owner=kim", "/health/coverage", "/health/orphans", "/health/unreviewed", "/verifications", "/verifications/1",
    "/verifications/2", "/findings", "/findings?state=closed", "/audit", "/audit?verify=1", "/audit?verify=1&expect=xyz",
    "/incidents?state=all", "/incidents/{incident}", "/sources", "/sources/{source}", "/record",
    "/policies", "/policies?try=1", "/changes", "/pins", "/classes", "/keys", "/preferences", "/no-such-page",
)  # fmt: skip
SIZES = ((390, 844), (820, 1180), (1920, 1080))
# Words that stand in Chinese pages as they are: names of things, units, and what people type.
_KEPT = re.compile(r"^[\W\d]*$|^(agent|snmp|ssh|sweep|icmp|CSV|JSON|EN|Muster|IP|MAC|MTU|UUID|URL|API|MTRS|MTBF|VLAN|P\d|(agent|ssh)/[\w.-]+)$")
_LABELS = "th[scope=col], h2, button, .state, .kind, .rail-nav a > span:first-of-type, dl.axes dt, .tabs a, .segments a, legend, summary, .risk-text"


@functools.cache
def numbers(pages: PageServer) -> dict[str, int]:
    """Those of the estate that stand in addresses."""
    reader = pages.reader

    def number(query: str) -> int:
        return int(reader.list_cis(query).items[0].number)

    incidents = reader.list_incidents().items
    sources = {f"{each.source.kind}/{each.source.name}": each.source.id for each in reader.list_sources().items}
    return {
        "web": number("class:server name=web-01"),
        "switch": number("class:network_device"),
        "hostile": number("class:server is:unrecorded"),
        "incident": incidents[0].number,
        "source": sources["ssh/site-berlin"],
    }


def fill(path: str, pages: PageServer) -> str:
    """The path with numbers of the estate."""
    return path.format(**numbers(pages))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh-Hans", "dark")])
def test_page_is_whole_in_each_language_and_theme(
    path: str, language: str, theme: str, pages: PageServer, read: Callable[[str, str], Watched]
) -> None:
    watched = read(language, theme)
    status = watched.open(fill(path, pages))
    expected = 404 if path == "/no-such-page" else 422 if path.endswith("q=%28") else 200
    assert status == expected
    assert watched.violations() == []
    assert watched.foreign == []
    assert [each for each in watched.console if str(expected) not in each] == []
    assert watched.page.get_attribute("html", "lang") == language
    assert watched.low_contrast() == []
    assert watched.naming_faults() == []
    assert {size: pixels for size in SIZES if (pixels := watched.overflow(*size)) > 0} == {}
    if language == "zh-Hans":
        texts = watched.page.eval_on_selector_all(
            _LABELS, "all => all.filter((e) => !e.closest('main [lang=en], [lang=en]:not(html)')).map((e) => e.textContent.trim())"
        )
        assert [text for text in texts if not re.search(r"[\u4e00-\u9fff]", text) and not _KEPT.match(text)] == []


def test_hostile_name_is_only_text(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit()
    opened: list[str] = []
    watched.page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
    for path in ("/", "/cis", "/cis/{hostile}", "/review?q=is:unrecorded+class:server", "/cis/{hostile}/history"):
        watched.open(fill(path, pages))
        assert "<script>alert('x')</script>" in watched.page.inner_text("main")
    assert (opened, watched.violations()) == ([], [])


def test_list_is_read_by_keyboard(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit()
    watched.open("/cis?q=class:server+-is:unrecorded")
    for key in ("j", "j", "k", "Enter"):
        watched.page.keyboard.press(key)
    watched.page.wait_for_url("**/cis/*")
    assert watched.page.inner_text("h1") == "build-01"
    watched.page.keyboard.press("g")
    watched.page.keyboard.press("s")
    watched.page.wait_for_url("**/services")


def test_columns_and_filter_stay_in_the_address(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit()
    watched.open("/cis?q=name:web-&columns=zone,os.kernel&sort=-name")
    heads = watched.page.eval_on_selector_all("thead th", "all => all.map((each) => each.textContent.trim())")
    names = watched.page.eval_on_selector_all("tbody .name a[data-open]", "all => all.map((each) => each.textContent)")
    assert heads == ["Name", "Zone", "Kernel"]
    servers = [name for name in names if name in {"web-01", "web-02", "web-03"}]
    assert servers == ["web-03", "web-02", "web-01"]


def test_list_begins_with_hosts_and_shows_parts_when_asked(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit()
    watched.open("/cis")
    everything = pages.reader.list_cis().total
    independent = pages.reader.list_cis("is:independent").total
    assert watched.page.inner_text(".page-head .sub") == f"{independent} CIs"
    watched.page.click("text=with their contents")
    watched.page.wait_for_url("**/cis?parts=1")
    assert watched.page.inner_text(".page-head .sub") == f"{everything} CIs"
    watched.open("/cis?q=class:software_package")
    assert watched.page.locator("tbody tr").count() > independent


def test_charts_become_interactive_with_the_same_lines(pages: PageServer, visit: Callable[..., Watched]) -> None:
    watched = visit()
    watched.open(fill("/cis/{web}/metrics", pages))
    watched.page.locator(".uplot .u-legend").nth(watched.page.locator("svg.chart").count() - 1).wait_for(state="attached")
    drawn = watched.page.eval_on_selector_all("svg.chart", "all => all.map((each) => each.querySelectorAll('path').length)")
    live = watched.page.eval_on_selector_all(".uplot .u-legend", "all => all.map((each) => each.querySelectorAll('.u-series').length - 1)")
    assert live == drawn
    assert watched.violations() == []
