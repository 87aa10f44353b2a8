"""What holds for every answer of the pages: headers, static files, downloads, faults, and access by role."""

from __future__ import annotations

import csv
import http.client
import json
from urllib.parse import quote, urlsplit

import pytest

from tests.support.estate_fixture import HOSTILE
from tests.support.page_server import PageServer


def ask(pages: PageServer, path: str, *, who: str | None = "kim", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    """One request without a browser and without following redirects."""
    connection = http.client.HTTPConnection(urlsplit(pages.url).netloc, timeout=20)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if who:
        sent["Cookie"] = f"{pages.cookies[who]['name']}={pages.cookies[who]['value']}"
    connection.request(method, path, headers=sent)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


@pytest.mark.parametrize("path", ["/", "/sign-in", "/static/app.css", "/no-such-page", "/cis?format=csv"])
def test_nothing_foreign_inline_or_framed_is_allowed(path: str, pages: PageServer) -> None:
    _, headers, _ = ask(pages, path)
    policy = dict(each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["style-src"], policy["frame-ancestors"]) == ("'self'", "'self'", "'none'")
    assert headers["x-content-type-options"] == "nosniff"


def test_static_file_is_kept_for_ever_under_its_content(pages: PageServer) -> None:
    _, _, page = ask(pages, "/sign-in", who=None)
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    status, headers, body = ask(pages, address, who=None)
    assert (status, headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert ask(pages, "/static/app.css", who=None)[1]["cache-control"] == "no-cache"
    assert ask(pages, address, who=None, If_None_Match=headers["etag"])[0] == 304
    assert "font" in body
    assert ask(pages, "/static/../pages/ci.py", who=None)[0] == 404


def test_list_is_exported_as_it_is_filtered(pages: PageServer) -> None:
    status, headers, body = ask(pages, "/cis?q=class:server&columns=zone,os.kernel&format=csv")
    rows = list(csv.DictReader(body.removeprefix("\ufeff").splitlines()))
    assert (status, headers["content-disposition"]) == (200, 'attachment; filename="muster-cis.csv"')
    assert list(rows[0]) == ["number", "id", "name", "zone", "os.kernel"]
    assert {each["name"] for each in rows} >= {"web-01", "db-02", HOSTILE}
    exported = json.loads(ask(pages, "/cis?q=class:server&format=json")[2])
    assert {each["class"] for each in exported} == {"server"}


@pytest.mark.parametrize("name", ["services", "incidents", "sources", "cases"])
def test_every_list_is_exported(name: str, pages: PageServer) -> None:
    status, headers, body = ask(pages, f"/{name}?format=json&state=all" if name != "cases" else "/cases?format=json")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert len(json.loads(body)) > 0


def test_page_without_a_session_leads_to_sign_in_and_back(pages: PageServer) -> None:
    status, headers, _ = ask(pages, "/cis?q=a+b", who=None)
    assert (status, headers["location"]) == (303, "/sign-in?return=" + quote("/cis?q=a+b", safe=""))
    status, headers, _ = ask(pages, "/review", who=None, HX_Request="true")
    assert (status, headers["hx-redirect"]) == (200, "/sign-in?return=%2Freview")


@pytest.mark.parametrize("path", ["/cis/999999", "/services/none", "/incidents/77777", "/sources/4711", "/sources/x"])
def test_unknown_thing_is_a_page_not_a_traceback(path: str, pages: PageServer) -> None:
    status, headers, body = ask(pages, path)
    assert (status, headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Traceback" not in body


def test_every_page_is_read_by_a_viewer(pages: PageServer) -> None:
    paths = ("/", "/review", "/cases", "/cis", "/services", "/incidents", "/sources", "/keys", "/preferences")
    assert {path: ask(pages, path, who="vic")[0] for path in paths} == dict.fromkeys(paths, 200)
